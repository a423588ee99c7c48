"""Reasons for orders that ended without a cancel, by Binance's names: expiry and self-trade prevention.

Source: faqs/stp_faq.md of binance/binance-spot-api-docs.
"""

from dataclasses import dataclass

from gridsim.orders import Order, OrderStatus, SelfTrade, TimeInForce
from gridsim.step import NOT_ACCEPTED, OCO_TRIGGER, OTO_PHASE_ONE
from simex.exchange.store import Store

_OF_FORCE = {
    TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
}

_OF_CAUSE = {OCO_TRIGGER: "OCO_TRIGGER", OTO_PHASE_ONE: "OTO_PHASE_ONE_EXPIRED", NOT_ACCEPTED: "REJECTED"}


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """Two orders of one account that would have traded with each other, in their later state: one or both expired."""

    maker: Order
    taker: Order

    @property
    def match_id(self) -> int:
        """The match's number; see prevented_match_id."""
        return prevented_match_id(self.maker if self.maker_expired else self.taker)

    @property
    def maker_expired(self) -> bool:
        """Whether the resting order expired."""
        return _ended_by(self.maker, self.taker)

    @property
    def taker_expired(self) -> bool:
        """Whether the incoming order expired."""
        return _ended_by(self.taker, self.maker)

    @property
    def time_ms(self) -> int:
        """When it happened."""
        return (self.maker if self.maker_expired else self.taker).updated_ms


def prevented_matches(store: Store, account: str, symbol: str, order_id: int) -> list[PreventedMatch]:
    """The prevented matches of an order, by rising number."""
    found = (PreventedMatch(older, newer) for older, newer in store.prevented(account, symbol, order_id))
    return sorted(found, key=lambda each: each.match_id)


def prevented_match_id(order: Order) -> int:
    """The number of the prevented match that expired an order: its own id, or the resting order's if both expired.

    An order expires once, so the numbers are unique per symbol.
    """
    against = order.transitions[-1].against
    both = order.self_trade is SelfTrade.EXPIRE_BOTH and order.order_id > against
    return against if both else order.order_id


def expiry_reason(order: Order) -> str | None:
    """`expiryReason`, None for an order that has not expired; see user-data-stream.md, "Order Expiry Reason"."""
    if order.status is not OrderStatus.EXPIRED:
        return None
    if (reason := _OF_CAUSE.get(order.transitions[-1].cause)) is not None:
        return reason
    if order.type.is_market:
        return "INSUFFICIENT_LIQUIDITY"
    return _OF_FORCE.get(order.time_in_force, "EXCHANGE_CANCELED")


def _ended_by(order: Order, other: Order) -> bool:
    return order.status is OrderStatus.EXPIRED_IN_MATCH and order.transitions[-1].against == other.order_id

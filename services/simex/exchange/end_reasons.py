"""Why orders ended without their owner's doing, in Binance's words: what expired, and what self-trade prevention kept
from trading (faqs/stp_faq.md of binance/binance-spot-api-docs).
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
    """Two orders of one account that would have traded with each other, as they are since: one has expired, or both."""

    maker: Order
    taker: Order

    @property
    def match_id(self) -> int:
        """Its number; see prevented_match_id."""
        return prevented_match_id(self.maker if self.maker_expired else self.taker)

    @property
    def maker_expired(self) -> bool:
        """Whether it ended the order that rested."""
        return _ended_by(self.maker, self.taker)

    @property
    def taker_expired(self) -> bool:
        """Whether it ended the order that came."""
        return _ended_by(self.taker, self.maker)

    @property
    def time_ms(self) -> int:
        """When it happened."""
        return (self.maker if self.maker_expired else self.taker).updated_ms


def prevented_matches(store: Store, account: str, symbol: str, order_id: int) -> list[PreventedMatch]:
    """Those that an order of the account was one of, by rising number."""
    found = (PreventedMatch(older, newer) for older, newer in store.prevented(account, symbol, order_id))
    return sorted(found, key=lambda each: each.match_id)


def prevented_match_id(order: Order) -> int:
    """What names the prevented match that an order expired in: its own id, or the resting one's where both did.

    An order expires once, so no two matches of a symbol have the same.
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

"""Computes what a new order will do before anything changes: what it trades with, and what expires instead."""

from dataclasses import dataclass, replace
from decimal import Decimal

from gridsim.account import ZERO
from gridsim.book import Book, Offer
from gridsim.orders import NewOrder, Order, OrderType, SelfTrade, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Match:
    """What the order takes, in sequence, and what self-trade prevention ends.

    `expiring`: orders of its own account that expire; `stopped_by`: the order because of which the new one expires.
    """

    trades: tuple[Offer, ...] = ()
    expiring: tuple[Order, ...] = ()
    stopped_by: Order | None = None

    @property
    def empty(self) -> bool:
        """Whether the order matches nothing."""
        return not (self.trades or self.expiring or self.stopped_by)

    @property
    def quantity(self) -> Decimal:
        """Quantity that trades at once, in base."""
        return sum((offer.quantity for offer in self.trades), ZERO)

    @property
    def cost(self) -> Decimal:
        """Cost of what trades at once, in quote."""
        return sum((offer.price * offer.quantity for offer in self.trades), ZERO)


def match_order(book: Book, account: str, new: NewOrder) -> Match:
    """Walks the other side of the book as far as the order reaches. A FOK that cannot fill entirely matches nothing."""
    trades: list[Offer] = []
    expiring: list[Order] = []
    stopped_by: Order | None = None
    left = new.quantity
    for offer in book.offers(new.side.opposite):
        if not left or stopped_by or not _reaches(new, offer.price):
            break
        if offer.order is None or offer.order.account != account or new.self_trade is SelfTrade.NONE:
            quantity = min(left, offer.quantity)
            trades.append(replace(offer, quantity=quantity))
            left -= quantity
            continue
        if new.self_trade is not SelfTrade.EXPIRE_TAKER:
            expiring.append(offer.order)
        if new.self_trade is not SelfTrade.EXPIRE_MAKER:
            stopped_by = offer.order
    if left and new.time_in_force is TimeInForce.FOK:
        return Match()
    return Match(tuple(trades), tuple(expiring), stopped_by)


def reserve(book: Book, new: NewOrder, found: Match) -> tuple[str, Decimal]:
    """Returns the asset and amount that the order locks once it is accepted; for a MARKET order what it trades."""
    market = new.type is OrderType.MARKET
    if new.side is Side.SELL:
        return book.rules.base, found.quantity if market else new.quantity
    return book.rules.quote, found.cost if market else new.price * new.quantity


def _reaches(new: NewOrder, price: Decimal) -> bool:
    return new.type is OrderType.MARKET or new.side.reaches(new.price, price)

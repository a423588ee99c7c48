"""Conditions of a symbol at the venue, read for the orchestrator, which makes a step when they change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from executor.ledger import fences, orders
from executor.ledger.opening import Ledger
from executor.ledger.orders import OrderRecord
from executor.venue.book_reader import BookReader
from executor.venue.port import Venue, VenueBalance, VenueOrder
from executor.venue.reader import Reader
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import Side
from gridcore.model.state import ForeignOrders, Funds

_BOOK_AGE_SECONDS = 12.0  # the last poll's book suffices: polls are ten seconds apart while the stream is proven


@dataclass(frozen=True, slots=True)
class Conditions:
    """A symbol's market rules, the foreign orders in its market, and the funds available to our grid."""

    rules: MarketRules
    foreign: ForeignOrders
    funds: Funds


class ConditionsReader:
    """Reads conditions from the venue."""

    def __init__(self, ledger: Ledger, venue: Venue, reader: Reader, books: BookReader) -> None:
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._books = books

    async def read(self, symbol: str, *, fees_doubted: bool = False) -> Conditions:
        """Reads the conditions of a symbol. Raises ReadFailedError if the venue does not answer."""
        if fees_doubted:
            self._venue.doubt_fees(symbol)
        rules = await self._reader.read(partial(self._venue.market_rules, symbol))
        # Balances and our live orders are read one after the other, and our orders not from the venue's book. The book
        # may be some seconds old, and the funds of an order that is not in it yet would look lost.
        balances = await self._reader.read(self._venue.balances)
        live = await self._ledger.writer.run(orders.on_venue, symbol)
        resting = await self._books.of(symbol, _BOOK_AGE_SECONDS)
        names = await self.ours(symbol, resting)
        others = [order for order in resting if order.client_order_id not in names]
        return Conditions(rules, _foreign(others), _funds(rules, balances, live))

    async def ours(self, symbol: str, resting: Sequence[VenueOrder]) -> Collection[str]:
        """Returns the client order ids of our orders: those in the ledger, and those with the symbol's prefix."""
        prefix = (await self._ledger.writer.run(fences.prefixes)).get(symbol, "")
        names = [order.client_order_id for order in resting]
        known = await self._ledger.writer.run(orders.known_names, names)
        return {name for name in names if name in known or (prefix and name.startswith(prefix))}


def _foreign(others: Sequence[VenueOrder]) -> ForeignOrders:
    return ForeignOrders(len(others), _left(others, Side.BUY), _left(others, Side.SELL))


def _left(resting: Sequence[VenueOrder | OrderRecord], side: Side) -> Decimal:
    return sum((order.price * (order.quantity - order.executed) for order in resting if order.side is side), ZERO)


def _funds(rules: MarketRules, balances: Sequence[VenueBalance], ours: Sequence[OrderRecord]) -> Funds:
    free = {balance.asset: balance.free for balance in balances}
    selling = sum((order.quantity - order.executed for order in ours if order.side is Side.SELL), ZERO)
    return Funds(free.get(rules.base, ZERO) + selling, free.get(rules.quote, ZERO) + _left(ours, Side.BUY))

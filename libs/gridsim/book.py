"""One symbol's open orders in price-time priority, its last market trade, and the ids it has given out."""

import bisect
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice

from gridsim.market import Level, Liquidity, MarketQuote, MarketTrade, best_price, levels
from gridsim.orders import Order, Side
from gridsim.rules import Reason, Refused, SymbolRules

_Key = tuple[Decimal, int]


class Book:
    """Our open orders of a symbol, and the quotes of the others around them.

    Order and trade ids rise by one; `last_trade_id` counts every print of the symbol, ours and the others'.
    """

    def __init__(
        self,
        rules: SymbolRules,
        liquidity: Liquidity,
        *,
        price: Decimal,
        taker: Side = Side.BUY,
        last_order_id: int = 0,
        last_trade_id: int = 0,
        orders: Iterable[Order] = (),
    ) -> None:
        self.rules = rules
        self.liquidity = liquidity
        self.price = price
        self.taker = taker
        self.quotes: MarketQuote | None = None  # as recorded; None: they are made up around the price
        self.last_order_id = last_order_id
        self.last_trade_id = last_trade_id
        self._orders: dict[int, Order] = {}
        self._by_client_id: dict[str, int] = {}
        self._queues: dict[Side, list[_Key]] = {Side.BUY: [], Side.SELL: []}
        for order in orders:
            self.keep(order)

    @property
    def orders(self) -> list[Order]:
        """The open orders, oldest first."""
        return sorted(self._orders.values(), key=lambda order: order.order_id)

    def __len__(self) -> int:
        return len(self._orders)

    def find(self, order_id: int) -> Order:
        """The open order. Raises Refused where there is none by that id."""
        try:
            return self._orders[order_id]
        except KeyError:
            raise Refused(Reason.UNKNOWN_ORDER, f"no open order {order_id}") from None

    def open_client_id(self, client_order_id: str) -> Order | None:
        """The open order by that client id, if there is one."""
        order_id = self._by_client_id.get(client_order_id)
        return None if order_id is None else self._orders[order_id]

    def keep(self, order: Order) -> None:
        """Puts the order's present form into the book, or takes it out if it has ended."""
        known = order.order_id in self._orders
        if order.is_open:
            self._orders[order.order_id] = order
            if not known:
                self._by_client_id[order.client_order_id] = order.order_id
                bisect.insort(self._queues[order.side], _key(order))
        elif known:
            del self._orders[order.order_id]
            del self._by_client_id[order.client_order_id]
            queue = self._queues[order.side]
            del queue[bisect.bisect_left(queue, _key(order))]

    def reachable(self, side: Side, price: Decimal) -> Iterator[Order]:
        """Our orders of a side that a trade at `price` reaches, best price first, then oldest."""
        bound = -price if side is Side.BUY else price
        # A copy of the reachable head: filling them takes them out of the queue.
        for _, order_id in self._queues[side][: bisect.bisect_left(self._queues[side], (bound, 2**63))]:
            yield self._orders[order_id]

    def traded(self, trade: MarketTrade) -> None:
        """The others traded: the price is theirs, and quotes that it contradicts are of the past."""
        self.price, self.taker = trade.price, trade.taker
        if self.quotes is not None and not self.quotes.holds(trade.price):
            self.quotes = None

    def best(self, side: Side) -> Decimal:
        """The others' best bid (BUY) or ask (SELL)."""
        if self.quotes is not None:
            return self.quotes.best(side).price
        return best_price(self.rules, self.liquidity, side, self.price, self.taker)

    def levels(self, side: Side) -> Iterator[Level]:
        """The others' bids (BUY) or asks (SELL), best first. Of recorded quotes only the best level is recorded."""
        made_up = levels(self.rules, self.liquidity, side, self.best(side))
        return made_up if self.quotes is None else chain([self.quotes.best(side)], islice(made_up, 1, None))

    def next_order_id(self) -> int:
        """Gives out an order id."""
        self.last_order_id += 1
        return self.last_order_id

    def next_trade_id(self) -> int:
        """Gives out a trade id."""
        self.last_trade_id += 1
        return self.last_trade_id


def _key(order: Order) -> _Key:
    return (-order.price if order.side is Side.BUY else order.price, order.order_id)

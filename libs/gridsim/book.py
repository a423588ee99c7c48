"""Order book of one symbol: open orders in price-time priority, their queue positions, and the ids assigned."""

import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from gridsim.account import ZERO
from gridsim.market import Level, Liquidity, Queue
from gridsim.orders import Order, Side
from gridsim.others import Others
from gridsim.rules import Reason, Refused, SymbolRules

_Key = tuple[Decimal, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """Quantity resting at a price: the remainder of one of our orders, or the others' if `order` is None."""

    price: Decimal
    quantity: Decimal
    order: Order | None = None


class Book:
    """Open orders of all accounts in a symbol, and the others' book around them.

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
        ahead: Mapping[int, Decimal] | None = None,
    ) -> None:
        """`orders` by ascending id; `ahead`: the others' quantity that trades before an order, by order id."""
        self.rules = rules
        self.others = Others(rules, liquidity, price, taker)
        self.last_order_id = last_order_id
        self.last_trade_id = last_trade_id
        self._joins = liquidity.queue
        self._orders: dict[int, Order] = {}
        self._orders_of: dict[str, dict[int, Order]] = {}
        self._by_client_id: dict[tuple[str, str], int] = {}
        self._queues: dict[Side, list[_Key]] = {Side.BUY: [], Side.SELL: []}
        self._ahead = dict(ahead or {})
        self._moved: dict[int, Decimal] = {}
        self._waiting: set[int] = set()
        for order in orders:
            self._name(order)
            if order.waits:
                self._waiting.add(order.order_id)
            else:
                self._queues[order.side].append(_key(order))
        for queue in self._queues.values():
            queue.sort()

    @property
    def price(self) -> Decimal:
        """Last price of the market."""
        return self.others.price

    @property
    def taker(self) -> Side:
        """Taker side of the market's last trade."""
        return self.others.taker

    @property
    def orders(self) -> list[Order]:
        """Open orders of all accounts, oldest first."""
        return list(self._orders.values())

    def change(self, rules: SymbolRules) -> None:
        """Puts other rules in force. Resting orders stay as they are, even if their prices are not on the new steps."""
        self.rules = rules
        self.others.change(rules)

    def orders_of(self, account: str) -> list[Order]:
        """Returns an account's open orders, oldest first."""
        return list(self._orders_of.get(account, {}).values())

    def count(self, account: str) -> int:
        """Returns how many orders of the account are open."""
        return len(self._orders_of.get(account, {}))

    def find(self, account: str, order_id: int) -> Order:
        """Returns the account's open order. Raises Refused if it has no open order of that id."""
        order = self._orders.get(order_id)
        if order is None or order.account != account:
            raise Refused(Reason.UNKNOWN_ORDER, f"no open order {order_id}")
        return order

    def open_client_id(self, account: str, client_order_id: str) -> Order | None:
        """Returns the account's open order with that client id, or None."""
        order_id = self._by_client_id.get((account, client_order_id))
        return None if order_id is None else self._orders[order_id]

    def keep(self, order: Order) -> None:
        """Stores the order's current version in the book, or removes the order if it has ended."""
        known = order.order_id in self._orders
        queued = known and order.order_id not in self._waiting
        if order.is_open:
            self._name(order)
            if order.waits:
                self._waiting.add(order.order_id)
            elif not queued:
                self._waiting.discard(order.order_id)
                bisect.insort(self._queues[order.side], _key(order))
        elif known:
            self._waiting.discard(order.order_id)
            del self._orders[order.order_id]
            del self._orders_of[order.account][order.order_id]
            del self._by_client_id[order.account, order.client_order_id]
            self._ahead.pop(order.order_id, None)
            self._moved.pop(order.order_id, None)
            queue = self._queues[order.side]
            if queued:
                del queue[bisect.bisect_left(queue, _key(order))]

    @property
    def waiting(self) -> list[Order]:
        """Returns all accounts' open orders that are not on the book yet, oldest first."""
        return [self._orders[order_id] for order_id in sorted(self._waiting)] if self._waiting else []

    def algos(self, account: str) -> int:
        """Returns how many algo orders of the account are open."""
        return sum(order.type.is_algo for order in self._orders_of.get(account, {}).values())

    def listed(self, account: str, list_id: int) -> list[Order]:
        """Returns the open orders of one of the account's order lists, oldest first."""
        return [order for order in self.orders_of(account) if order.list_id == list_id]

    def current(self, order: Order) -> Order | None:
        """Returns the current version of an open order; None if it has ended."""
        return self._orders.get(order.order_id)

    def reachable(self, side: Side, price: Decimal) -> list[Order]:
        """Yields our orders of a side that a trade at `price` reaches, best price first, then oldest."""
        queue = self._queues[side]
        if not queue:
            return []
        bound = -price if side is Side.BUY else price
        return [self._orders[order_id] for _, order_id in queue[: bisect.bisect_left(queue, (bound, 2**63))]]

    def best(self, side: Side) -> Decimal:
        """Returns the others' best bid (BUY) or ask (SELL). It reaches no order of ours: those have traded."""
        return self.others.best(side, self._best_of_ours(side.opposite))

    def levels(self, side: Side) -> Iterator[Level]:
        """Returns the public bids (BUY) or asks (SELL): our orders and the others', best first."""
        for price, offers in groupby(self.offers(side), key=attrgetter("price")):
            yield Level(price, sum((offer.quantity for offer in offers), ZERO))

    def offers(self, side: Side) -> Iterator[Offer]:
        """Yields what rests on a side in the sequence in which it trades: by price, then by queue position."""
        levels = self.others.levels(side, self._best_of_ours(side.opposite))
        level = next(levels, None)
        resting = (self._orders[order_id] for _, order_id in self._queues[side])
        for price, orders in groupby(resting, key=attrgetter("price")):
            while level is not None and side.is_better(level.price, price):
                yield Offer(level.price, level.quantity)
                level = next(levels, None)
            if level is None or level.price != price:
                yield from self._queue(price, ZERO, orders)
            else:
                yield from self._queue(price, level.quantity, orders)
                level = next(levels, None)
        while level is not None:
            yield Offer(level.price, level.quantity)
            level = next(levels, None)

    def ahead(self, order_id: int) -> Decimal:
        """Returns the others' quantity that trades before the order at its price."""
        return self._ahead.get(order_id, ZERO)

    def join(self, order: Order) -> None:
        """Adds an order that has come to rest: behind the others at its price, unless it is to go before them."""
        if self._joins is Queue.BACK:
            self._move(order.order_id, self.others.displayed(order.side, order.price))

    def traded_ahead(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Moves our orders at the price up by the quantity of the others' that has traded there."""
        for order in self.reachable(side, price) if quantity and self._ahead else ():
            if order.price == price:
                self._move(order.order_id, max(ZERO, self.ahead(order.order_id) - quantity))

    def close_up(self, *, everywhere: bool = False) -> None:
        """Moves our orders up where the others are known to show less than was ahead: the rest is gone.

        Checks the others' best price and better, unless more than their best has been updated.
        """
        for side in Side if self._ahead and not everywhere else ():
            for order in self.reachable(side, self.others.best(side)):
                self._close_up(order)
        for order_id in list(self._ahead) if everywhere else ():
            self._close_up(self._orders[order_id])

    def drain_moves(self) -> dict[int, Decimal]:
        """Returns the quantity ahead, by order id, of the orders that have moved in the queue since the last call."""
        moved, self._moved = self._moved, {}
        return moved

    def next_order_id(self) -> int:
        """Assigns an order id."""
        self.last_order_id += 1
        return self.last_order_id

    def next_trade_id(self) -> int:
        """Assigns a trade id."""
        self.last_trade_id += 1
        return self.last_trade_id

    def _queue(self, price: Decimal, others: Decimal, orders: Iterable[Order]) -> Iterator[Offer]:
        """Yields our orders at a price, between the others' quantities that came before and after them."""
        passed = ZERO
        for order in orders:
            before = min(self.ahead(order.order_id), others) - passed
            if before > 0:
                yield Offer(price, before)
                passed += before
            yield Offer(price, order.remaining, order)
        if others > passed:
            yield Offer(price, others - passed)

    def _best_of_ours(self, side: Side) -> Decimal | None:
        queue = self._queues[side]
        return self._orders[queue[0][1]].price if queue else None

    def _name(self, order: Order) -> None:
        self._orders[order.order_id] = order
        self._orders_of.setdefault(order.account, {})[order.order_id] = order
        self._by_client_id[order.account, order.client_order_id] = order.order_id

    def _close_up(self, order: Order) -> None:
        shown = self.others.shown(order.side, order.price)
        if shown is not None and shown < self.ahead(order.order_id):
            self._move(order.order_id, shown)

    def _move(self, order_id: int, ahead: Decimal) -> None:
        if ahead == self.ahead(order_id):
            return
        self._moved[order_id] = ahead
        if ahead:
            self._ahead[order_id] = ahead
        else:
            self._ahead.pop(order_id, None)


def _key(order: Order) -> _Key:
    return (-order.price if order.side is Side.BUY else order.price, order.order_id)

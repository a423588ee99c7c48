"""Any sequence of commands of several accounts, market events and restarts: coins are conserved, account by account,
nothing is negative, locked is what open orders hold, and a refused command has changed nothing.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gridsim import chance
from gridsim.account import Balance
from gridsim.algos import waits_above
from gridsim.market import Level, Liquidity, MarketDepth, MarketEvent, MarketPoint, MarketQuote, MarketTrade, Queue
from gridsim.orders import FOLLOWS, ListKind, NewList, NewOrder, Order, OrderType, SelfTrade, Side, TimeInForce, Trade
from gridsim.outcome import Outcome
from gridsim.rules import Refused, SymbolRules
from simex.exchange.store import Store
from simex.exchange.venue import Listing, Venue

BTC, ETH = "BTC/USDT", "ETH/BTC"  # they share BTC: base of one, quote of the other
RULES = {
    BTC: SymbolRules(BTC, Decimal("0.1"), Decimal("0.01"), Decimal(1), Decimal("0.001"), Decimal("0.002")),
    ETH: SymbolRules(ETH, Decimal("0.001"), Decimal("0.001"), Decimal("0.001"), Decimal("0.0007"), Decimal("0.0013")),
}
PRICES = {BTC: 1000, ETH: 50}  # in ticks
START = {
    "ann": {"USDT": Decimal(5000), "BTC": Decimal(30), "ETH": Decimal(100)},
    "bob": {"USDT": Decimal(3000), "BTC": Decimal(20), "ETH": Decimal(50)},
    "eve": {"USDT": Decimal(500), "BTC": Decimal(4), "ETH": Decimal(5)},
}

symbols = st.sampled_from([BTC, ETH])
accounts = st.sampled_from(list(START))
sides = st.sampled_from(Side)
kinds = st.sampled_from([OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET])
algos = st.sampled_from([kind for kind in OrderType if kind.is_algo])
deltas = st.sampled_from([0, 0, 50, 200])
forces = st.sampled_from(TimeInForce)
client_ids = st.sampled_from(["", "", "a", "b"])
offsets = st.integers(-8, 8)
lots = st.integers(20, 600)


class Noise:
    """A market around one price. Each event is a function of its number: it continues after a restart."""

    def __init__(self, rules: SymbolRules, seed: int) -> None:
        self.rules = rules
        self.seed = seed
        self.anchor = PRICES[rules.symbol] * rules.tick_size

    def opening(self) -> MarketPoint:
        return MarketPoint(0, 0, self.anchor, Side.BUY, self.anchor)

    def after(self, point: MarketPoint) -> Iterator[MarketEvent]:
        number = point.events_done
        while True:
            number += 1
            yield self.event(number)

    def event(self, number: int) -> MarketEvent:
        kind, move, first, second = (chance.bits(self.seed, number, draw) for draw in range(4))
        price = self.anchor + (move % 17 - 8) * self.rules.tick_size
        quantity, other = ((word % 2500 + 1) * self.rules.lot_size / 3 for word in (first, second))
        if kind % 3:
            return MarketTrade(number, price, quantity, Side.BUY if kind % 2 else Side.SELL)
        ask = price + (kind // 3 % 3 + 1) * self.rules.tick_size
        if kind % 2:
            return MarketDepth(number, self.levels(price, -2, quantity), self.levels(ask, 2, other))
        return MarketQuote(number, Level(price, quantity), Level(ask, other))

    def levels(self, best: Decimal, ticks: int, quantity: Decimal) -> tuple[Level, ...]:
        return tuple(Level(best + number * ticks * self.rules.tick_size, quantity / number) for number in range(1, 4))


class VenueMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), queue=st.sampled_from(Queue))
    def open(self, seed: int, queue: Queue) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.seed, self.queue = seed, queue
        self.orders: dict[tuple[str, int], Order] = {}
        self.trades: list[Trade] = []
        self.last_print = dict.fromkeys(RULES, 0)
        self.time_ms = 0
        self.serve()

    def serve(self) -> None:
        self.store = Store(self.folder / "book.sqlite")
        liquidity = Liquidity(levels=3, depth_notional=Decimal(20), queue=self.queue)
        listings = [Listing(rules, liquidity, Noise(rules, self.seed), "noise") for rules in RULES.values()]
        start = {
            name: [Balance(asset, amount) for asset, amount in balances.items()] for name, balances in START.items()
        }
        self.venue = Venue(listings, start, self.store)
        self.venue.listen(self.take)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.all_orders() == [self.orders[key] for key in sorted(self.orders)]
            on_disk = sorted(self.store.all_trades(BTC) + self.store.all_trades(ETH), key=trade_key)
            assert on_disk == sorted(self.trades, key=trade_key)
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(account=accounts, symbol=symbols, side=sides, ticks=st.integers(0, 4), lots=lots, client_id=client_ids)
    def rest(self, account: str, symbol: str, side: Side, ticks: int, lots: int, client_id: str) -> None:
        away = -ticks if side is Side.BUY else ticks
        self.place(account, symbol, side, OrderType.LIMIT, away, lots, client_id=client_id)

    @rule(account=accounts, symbol=symbols, which=st.integers(0, 10), kind=kinds, lots=lots, force=forces,
          self_trade=st.sampled_from(SelfTrade))  # fmt: skip
    def meet(
        self, account: str, symbol: str, which: int, kind: OrderType, lots: int, force: TimeInForce,
        self_trade: SelfTrade,
    ) -> None:  # fmt: skip
        """An order that reaches one of those that rest."""
        book, tick = self.venue.book(symbol), RULES[symbol].tick_size
        if book.orders:
            resting = book.orders[which % len(book.orders)]
            ticks = int((resting.price - book.price) / tick)
            self.place(account, symbol, resting.side.opposite, kind, ticks, lots, force, self_trade)

    @rule(account=accounts, symbol=symbols, side=sides, kind=kinds, ticks=offsets, lots=lots, force=forces,
          self_trade=st.sampled_from(SelfTrade), client_id=client_ids)  # fmt: skip
    def place(
        self, account: str, symbol: str, side: Side, kind: OrderType, ticks: int, lots: int,
        force: TimeInForce = TimeInForce.GTC, self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER, client_id: str = "",
    ) -> None:  # fmt: skip
        rules, book = RULES[symbol], self.venue.book(symbol)
        price = Decimal(0) if kind is OrderType.MARKET else book.price + ticks * rules.tick_size
        force = force if kind is OrderType.LIMIT else TimeInForce.GTC
        order = NewOrder(symbol, side, kind, lots * rules.lot_size, price, force, client_id, self_trade)
        before = self.everything()
        try:
            outcome = self.venue.place(account, order, self.now())
        except Refused:
            assert before == self.everything()
        else:
            self.check_the_sweep(outcome)

    @rule(account=accounts, symbol=symbols, side=sides, kind=algos, ticks=st.integers(1, 8), lots=lots, delta=deltas)
    def wait_for_a_price(
        self, account: str, symbol: str, side: Side, kind: OrderType, ticks: int, lots: int, delta: int
    ) -> None:
        before = self.everything()
        try:
            self.venue.place(account, self.algo(symbol, side, kind, ticks, lots, delta), self.now())
        except Refused:
            assert before == self.everything()

    @rule(account=accounts, symbol=symbols, side=sides, profit=algos | st.just(OrderType.LIMIT_MAKER), loss=algos,
          ticks=st.integers(1, 8), lots=lots)  # fmt: skip
    def place_an_oco(
        self, account: str, symbol: str, side: Side, profit: OrderType, loss: OrderType, ticks: int, lots: int
    ) -> None:
        if waits_above(profit, side) is waits_above(loss, side) and profit.is_algo:
            return
        away = ticks if side is Side.SELL else -ticks
        rests = self.plain(symbol, side, OrderType.LIMIT_MAKER, away, lots)
        first = self.algo(symbol, side, profit, ticks, lots) if profit.is_algo else rests
        self.place_list(account, NewList(ListKind.OCO, (first, self.algo(symbol, side, loss, ticks, lots))))

    @rule(account=accounts, symbol=symbols, side=sides, pending=st.sampled_from(OrderType), offset=offsets,
          ticks=st.integers(1, 8), lots=lots)  # fmt: skip
    def place_an_oto(
        self, account: str, symbol: str, side: Side, pending: OrderType, offset: int, ticks: int, lots: int
    ) -> None:
        working = self.plain(symbol, side, OrderType.LIMIT, offset, lots)
        later = (
            self.algo(symbol, side.opposite, pending, ticks, lots)
            if pending.is_algo
            else self.plain(symbol, side.opposite, pending, ticks, lots)
        )
        self.place_list(account, NewList(ListKind.OTO, (working, later)))

    def place_list(self, account: str, wish: NewList) -> None:
        before = self.everything()
        try:
            self.venue.place_list(account, wish, self.now())
        except Refused:
            assert before == self.everything()

    def algo(self, symbol: str, side: Side, kind: OrderType, ticks: int, lots: int, delta: int = 0) -> NewOrder:
        tick, price = RULES[symbol].tick_size, self.venue.book(symbol).price
        stop = price + (ticks if waits_above(kind, side) else -ticks) * tick
        limit = Decimal(0) if kind.is_market else stop
        quantity = lots * RULES[symbol].lot_size
        return NewOrder(symbol, side, kind, quantity, limit, stop_price=stop, trailing_delta=delta)

    def plain(self, symbol: str, side: Side, kind: OrderType, ticks: int, lots: int) -> NewOrder:
        price = self.venue.book(symbol).price + ticks * RULES[symbol].tick_size
        quantity = lots * RULES[symbol].lot_size
        return NewOrder(symbol, side, kind, quantity, Decimal(0) if kind is OrderType.MARKET else price)

    @rule(account=accounts, symbol=symbols, which=st.integers(0, 10))
    def cancel(self, account: str, symbol: str, which: int) -> None:
        orders = self.venue.book(symbol).orders
        if not orders:
            return
        order, before = orders[which % len(orders)], self.everything()
        try:
            self.venue.cancel(account, symbol, order.order_id, self.now())
        except Refused:
            assert order.account != account
            assert before == self.everything()
        else:
            assert order.account == account

    @rule(account=accounts, symbol=symbols)
    def cancel_all(self, account: str, symbol: str) -> None:
        opened = self.venue.open_orders(account, symbol)
        if opened:
            ended = self.venue.cancel_all(account, symbol, self.now())
            assert sorted(each.order_id for each in ended) == [each.order_id for each in opened]
        assert self.venue.open_orders(account, symbol) == []

    @rule(symbol=symbols, events=st.integers(1, 4))
    def let_the_market_go_on(self, symbol: str, events: int) -> None:
        assert self.venue.advance(symbol, events, self.now()) == events

    @rule(symbol=symbols, side=sides, offset=offsets, lots=lots)
    def trade(self, symbol: str, side: Side, offset: int, lots: int) -> None:
        rules = RULES[symbol]
        price = max(rules.tick_size, self.venue.book(symbol).price + offset * rules.tick_size)
        self.venue.inject(symbol, MarketTrade(0, price, lots * rules.lot_size / 3, side), self.now())

    @rule()
    def restart(self) -> None:
        before = self.everything()
        self.store.close()
        self.serve()
        assert before == self.everything()

    @invariant()
    def coins_are_conserved(self) -> None:
        expected = {name: dict(balances) for name, balances in START.items()}
        for trade in self.trades:
            base, quote = trade.symbol.split("/")
            sign = 1 if trade.side is Side.BUY else -1
            expected[trade.account][base] += sign * trade.quantity
            expected[trade.account][quote] -= sign * trade.quantity * trade.price
            expected[trade.account][trade.commission_asset] -= trade.commission
        for account in START:
            assert expected[account] == {each.asset: each.total for each in self.venue.balances(account)}

    @invariant()
    def two_sides_of_a_trade_give_what_the_other_takes(self) -> None:
        sides: dict[tuple[str, int], list[Trade]] = defaultdict(list)
        for trade in self.trades:
            sides[trade.symbol, trade.trade_id].append(trade)
        for parties in sides.values():
            if len(parties) == 1:
                continue  # the others were its other side
            maker, taker = parties
            assert (maker.maker, taker.maker) == (True, False)
            assert (maker.price, maker.quantity, maker.side) == (taker.price, taker.quantity, taker.side.opposite)
            prevention = self.orders[taker.symbol, taker.order_id].self_trade
            assert maker.account != taker.account or prevention is SelfTrade.NONE

    @invariant()
    def nothing_is_negative_and_locked_is_what_open_orders_hold(self) -> None:
        held = {name: dict.fromkeys(balances, Decimal(0)) for name, balances in START.items()}
        for symbol, rules in RULES.items():
            for order in self.venue.book(symbol).orders:
                if order.reserved is not None:
                    held[order.account][rules.quote if order.side is Side.BUY else rules.base] += order.reserved
                elif order.side is Side.BUY:
                    held[order.account][rules.quote] += order.price * order.remaining
                else:
                    held[order.account][rules.base] += order.remaining
        for account in START:
            balances = self.venue.balances(account)
            assert held[account] == {each.asset: each.locked for each in balances}
            assert all(each.free >= 0 for each in balances)

    @invariant()
    def the_history_gives_the_book(self) -> None:
        opened = {key: order for key, order in self.orders.items() if order.is_open}
        assert opened == {
            (symbol, order.order_id): order for symbol in RULES for order in self.venue.book(symbol).orders
        }
        traded: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for trade in self.trades:
            traded[trade.symbol, trade.order_id] += trade.quantity
        for key, order in self.orders.items():
            assert order.executed == traded[key] <= order.quantity

    @invariant()
    def the_public_sees_every_order_in_a_book_that_is_not_crossed(self) -> None:
        for symbol in RULES:
            book = self.venue.book(symbol)
            shown = {side: {level.price: level.quantity for level in book.levels(side)} for side in Side}
            assert max(shown[Side.BUY], default=Decimal(0)) < min(shown[Side.SELL])
            ours: dict[tuple[Side, Decimal], Decimal] = defaultdict(Decimal)
            for order in book.orders:
                ours[order.side, order.price] += Decimal(0) if order.waits else order.remaining
            assert all(quantity <= shown[side][price] for (side, price), quantity in ours.items() if quantity)

    @invariant()
    def who_came_later_has_no_less_ahead(self) -> None:
        for symbol in RULES:
            book = self.venue.book(symbol)
            queues: dict[tuple[Side, Decimal], list[Decimal]] = defaultdict(list)
            for order in book.orders:
                if not order.waits and not order.working_ms:  # who has waited came later than its number says
                    queues[order.side, order.price].append(book.ahead(order.order_id))
            assert all(0 <= first <= second for queue in queues.values() for first, second in pairwise(queue))
            assert self.queue is Queue.BACK or all(not any(queue) for queue in queues.values())

    def check_the_sweep(self, outcome: Outcome) -> None:
        """What an order takes at once gets no better from one trade to the next."""
        placed = outcome.executions[0].order
        trades = [each.trade for each in outcome.executions if each.order.order_id == placed.order_id]
        prices = [trade.price for trade in trades if trade and not trade.maker]
        assert prices == sorted(prices, reverse=placed.side is Side.SELL)

    def everything(self) -> tuple[object, ...]:
        books = [self.venue.book(symbol) for symbol in RULES]
        return (
            [self.venue.balances(account) for account in START],
            [(book.orders, [book.ahead(order.order_id) for order in book.orders]) for book in books],
            [(book.price, book.taker, book.last_order_id, book.last_trade_id) for book in books],
            [self.venue.state(symbol) for symbol in RULES],
        )

    def take(self, symbol: str, outcome: Outcome) -> None:
        for each in outcome.executions:
            key = (symbol, each.order.order_id)
            known = self.orders.get(key)
            assert known is None or each.transition.status in FOLLOWS[known.status]
            self.orders[key] = each.order
            if each.trade:
                self.trades.append(each.trade)
        for order_id, order in outcome.tracked.items():
            self.orders[symbol, order_id] = order
        for printed in outcome.prints:
            assert printed.trade_id == self.last_print[symbol] + 1
            assert printed.quantity > 0
            self.last_print[symbol] = printed.trade_id

    def now(self) -> int:
        self.time_ms += 1
        return self.time_ms


def trade_key(trade: Trade) -> tuple[str, int, int]:
    return trade.symbol, trade.trade_id, trade.order_id


TestVenueMachine = VenueMachine.TestCase
TestVenueMachine.settings = settings(max_examples=50, stateful_step_count=50, deadline=None, print_blob=True)

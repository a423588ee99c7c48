"""Whatever is done in whatever order: coins are conserved, nothing is negative, and locked is what open orders hold."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gridsim.account import Account, Balance
from gridsim.book import Book
from gridsim.exchange import Exchange, Outcome
from gridsim.market import Liquidity, MarketTrade
from gridsim.orders import FOLLOWS, NewOrder, Order, OrderType, Side, TimeInForce, Trade
from gridsim.rules import Refused, SymbolRules

BTC, ETH = "BTC/USDT", "ETH/BTC"  # they share BTC: base of one, quote of the other
RULES = {
    BTC: SymbolRules(BTC, Decimal("0.1"), Decimal("0.01"), Decimal(1), Decimal("0.001"), Decimal("0.002")),
    ETH: SymbolRules(ETH, Decimal("0.001"), Decimal("0.001"), Decimal("0.001"), Decimal("0.0007"), Decimal("0.0013")),
}
PRICES = {BTC: 1000, ETH: 50}  # in ticks
START = {"USDT": Decimal(5000), "BTC": Decimal(30), "ETH": Decimal(100)}

symbols = st.sampled_from([BTC, ETH])
sides = st.sampled_from(Side)
offsets = st.integers(-8, 8)
lots = st.integers(1, 2500)


class ExchangeMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        liquidity = Liquidity(levels=3, depth_notional=Decimal(300))
        books = [Book(rules, liquidity, price=PRICES[name] * rules.tick_size) for name, rules in RULES.items()]
        self.exchange = Exchange(books, Account(Balance(asset, amount) for asset, amount in START.items()))
        self.orders: dict[tuple[str, int], Order] = {}
        self.trades: list[Trade] = []
        self.last_print = dict.fromkeys(RULES, 0)
        self.time_ms = 0

    @rule(symbol=symbols, side=sides, kind=st.sampled_from(OrderType), force=st.sampled_from(TimeInForce),
          offset=offsets, lots=lots, client_id=st.sampled_from(["", "a", "b", "c"]))  # fmt: skip
    def place(
        self, symbol: str, side: Side, kind: OrderType, force: TimeInForce, offset: int, lots: int, client_id: str
    ) -> None:
        rules, book = RULES[symbol], self.exchange.book(symbol)
        price = Decimal(0) if kind is OrderType.MARKET else book.price + offset * rules.tick_size
        force = force if kind is OrderType.LIMIT else TimeInForce.GTC
        order = NewOrder(symbol, side, kind, lots * rules.lot_size, price, force, client_id)
        before = dict(self.exchange.account.balances)
        try:
            self.take(symbol, self.exchange.place(order, self.now()))
        except Refused:
            assert before == self.exchange.account.balances

    @rule(symbol=symbols, which=st.integers(0, 10))
    def cancel(self, symbol: str, which: int) -> None:
        orders = self.exchange.book(symbol).orders
        if orders:
            self.take(symbol, self.exchange.cancel(symbol, orders[which % len(orders)].order_id, self.now()))

    @rule(symbol=symbols, side=sides, offset=offsets, lots=lots)
    def trade(self, symbol: str, side: Side, offset: int, lots: int) -> None:
        rules = RULES[symbol]
        price = max(rules.tick_size, self.exchange.book(symbol).price + offset * rules.tick_size)
        event = MarketTrade(self.time_ms, price, lots * rules.lot_size / 3, side)
        self.take(symbol, self.exchange.trade(symbol, event, self.now()))

    @invariant()
    def coins_are_conserved(self) -> None:
        expected = dict(START)
        for trade in self.trades:
            base, quote = trade.symbol.split("/")
            sign = 1 if trade.side is Side.BUY else -1
            expected[base] += sign * trade.quantity
            expected[quote] -= sign * trade.quantity * trade.price
            expected[trade.commission_asset] -= trade.commission
        assert expected == {asset: balance.total for asset, balance in self.exchange.account.balances.items()}

    @invariant()
    def nothing_is_negative_and_locked_is_what_open_orders_hold(self) -> None:
        held = dict.fromkeys(START, Decimal(0))
        for symbol, rules in RULES.items():
            for order in self.exchange.book(symbol).orders:
                if order.side is Side.BUY:
                    held[rules.quote] += order.price * order.remaining
                else:
                    held[rules.base] += order.remaining
        assert held == {asset: balance.locked for asset, balance in self.exchange.account.balances.items()}
        assert all(balance.free >= 0 for balance in self.exchange.account.balances.values())

    @invariant()
    def the_history_tells_the_book(self) -> None:
        opened = {key: order for key, order in self.orders.items() if order.is_open}
        assert opened == {
            (symbol, order.order_id): order for symbol in RULES for order in self.exchange.book(symbol).orders
        }
        for order in self.orders.values():
            traded = [each for each in self.trades if (each.symbol, each.order_id) == (order.symbol, order.order_id)]
            assert order.executed == sum(each.quantity for each in traded) <= order.quantity

    def take(self, symbol: str, outcome: Outcome) -> None:
        for each in outcome.executions:
            key = (symbol, each.order.order_id)
            known = self.orders.get(key)
            assert known is None or each.transition.status in FOLLOWS[known.status]
            self.orders[key] = each.order
            if each.trade:
                self.trades.append(each.trade)
        for each in outcome.prints:
            assert each.trade_id == self.last_print[symbol] + 1
            assert each.quantity > 0
            self.last_print[symbol] = each.trade_id

    def now(self) -> int:
        self.time_ms += 1
        return self.time_ms


TestExchangeMachine = ExchangeMachine.TestCase
TestExchangeMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, print_blob=True)

"""The matching engine: commands and market events in, executions out.

It keeps what matching needs (open orders, balances, ids); history is the executions, and whoever calls keeps them.

The rules, in full:
- Our orders, of whatever account, and the others' levels trade by price, then by their place in the queue. An order
  that comes to rest stands behind what the others show at its price (see Queue), and behind our older orders there.
- A market trade at price p for quantity q fills every resting order that it goes through (buys above p, sells below)
  entirely, and at p, for at most q in all, what is ahead of our orders, then our orders. A maker trades at its own
  price.
- A recorded quote does the same: its ask goes through our buys, its bid through our sells, for the quantity it shows.
- What the others show no longer is not ahead of anybody: where a level is recorded, at the best or in the depth, and at
  a price that is better than their best, where they show nothing.
- A taker trades with our resting orders and with the others' book: recorded quotes and depth where there are such, made
  up around the last market price elsewhere (see Others, Liquidity). The others' book is whole again for the next.
- Two of our orders trade with each other in one print; within an account one of them expires instead (see SelfTrade).
- Fees are taken from what is received: in base on buys, in quote on sells (Binance without BNB).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import assert_never

from gridsim.account import ZERO, Account, Balance
from gridsim.book import Book, Offer
from gridsim.market import Level, MarketDepth, MarketEvent, MarketQuote, MarketTrade
from gridsim.matching import Match, match_order, reserve
from gridsim.orders import NewOrder, Order, OrderStatus, OrderType, Side, TimeInForce, Trade, Transition
from gridsim.rules import Reason, Refused


@dataclass(frozen=True, slots=True)
class Execution:
    """A change of one order, and its account's balances of both assets after it: what the venue records and tells.

    `prevented` is what it would have traded with another order of its account, `cancel_id` the name of its cancel.
    """

    order: Order
    transition: Transition
    balances: tuple[Balance, Balance]
    trade: Trade | None = None
    prevented: Level | None = None
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class Print:
    """A trade as the public sees it."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    taker: Side
    time_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command or a market event did, in the order in which it happened; `quoted`: the others quoted anew.

    `ahead` are the orders that have moved in the queue, by id: what of the others still trades before each.
    """

    executions: tuple[Execution, ...]
    prints: tuple[Print, ...] = ()
    quoted: bool = False
    ahead: Mapping[int, Decimal] = field(default_factory=dict[int, Decimal])


class Exchange:
    """Books by symbol (as ccxt writes it) and the accounts that trade on them. Times are the venue's, in Unix ms."""

    def __init__(self, books: Iterable[Book], accounts: Mapping[str, Account]) -> None:
        self._books = {book.rules.symbol: book for book in books}
        self.accounts = accounts

    @property
    def books(self) -> Mapping[str, Book]:
        """Every book by its symbol."""
        return self._books

    def book(self, symbol: str) -> Book:
        """The symbol's book. Raises Refused for a symbol that is not traded here."""
        try:
            return self._books[symbol]
        except KeyError:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol) from None

    def place(self, account: str, new: NewOrder, time_ms: int) -> Outcome:
        """Takes an account's order: its first execution is NEW, then its trades, then its expiry if it may not rest.

        Raises Refused, with nothing changed, for a filter, a duplicate client id among the account's open orders, a
        balance that does not suffice, or a LIMIT_MAKER that would trade at once.
        """
        book = self.book(new.symbol)
        found = self._check(book, account, new)
        return _Step(book, self.accounts, time_ms).place(account, new, found)

    def check(self, account: str, new: NewOrder) -> None:
        """Raises Refused for an order that `place` would refuse, and changes nothing."""
        self._check(self.book(new.symbol), account, new)

    def cancel(self, account: str, symbol: str, order_id: int, time_ms: int, cancel_id: str = "") -> Outcome:
        """Ends an account's open order. Raises Refused where it has no such order open."""
        book = self.book(symbol)
        step = _Step(book, self.accounts, time_ms)
        step.cancel(book.find(account, order_id), cancel_id)
        return step.outcome

    def trade(self, symbol: str, trade: MarketTrade, time_ms: int) -> Outcome:
        """Lets the others trade: fills what their trade reaches, then prints what is left of it."""
        step = _Step(self.book(symbol), self.accounts, time_ms)
        step.market_trade(trade)
        return step.outcome

    def quote(self, symbol: str, quote: MarketQuote, time_ms: int) -> Outcome:
        """Lets the others quote: fills what their quotes reach."""
        step = _Step(self.book(symbol), self.accounts, time_ms)
        step.market_quote(quote)
        return replace(step.outcome, quoted=True)

    def depth(self, symbol: str, depth: MarketDepth, time_ms: int) -> Outcome:
        """Lets the others be seen behind their best quotes. It fills nothing: only trades and quotes reach an order."""
        book = self.book(symbol)
        book.others.told(depth)
        book.close_up(everywhere=True)
        return replace(_Step(book, self.accounts, time_ms).outcome, quoted=True)

    def happen(self, symbol: str, event: MarketEvent, time_ms: int) -> Outcome:
        """Lets an event of the market happen, whichever it is."""
        match event:
            case MarketTrade():
                return self.trade(symbol, event, time_ms)
            case MarketQuote():
                return self.quote(symbol, event, time_ms)
            case MarketDepth():
                return self.depth(symbol, event, time_ms)
            case _:
                assert_never(event)

    def _check(self, book: Book, account: str, new: NewOrder) -> Match:
        book.rules.check(new, book.price)
        if new.client_order_id and book.open_client_id(account, new.client_order_id):
            raise Refused(Reason.DUPLICATE, new.client_order_id)
        if book.count(account) >= book.rules.max_orders:
            raise Refused(Reason.MAX_NUM_ORDERS, f"{book.count(account)} are open")
        found = match_order(book, account, new)
        if new.type is OrderType.LIMIT_MAKER and not found.empty:
            raise Refused(Reason.WOULD_MATCH)
        asset, amount = reserve(book, new, found)
        if self.accounts[account].of(asset).free < amount:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{amount} {asset} are needed")
        return found


class _Step:
    """One command at work on a book and the accounts: it collects what happens."""

    def __init__(self, book: Book, accounts: Mapping[str, Account], time_ms: int) -> None:
        self._book = book
        self._rules = book.rules
        self._accounts = accounts
        self._time_ms = time_ms
        self._executions: list[Execution] = []
        self._prints: list[Print] = []

    @property
    def outcome(self) -> Outcome:
        return Outcome(tuple(self._executions), tuple(self._prints), ahead=self._book.drain_moves())

    def place(self, account: str, new: NewOrder, found: Match) -> Outcome:
        order = self._accept(account, new)
        self._accounts[account].hold(*reserve(self._book, new, found))
        self._record(order)
        for resting in found.expiring:
            self._prevent(resting, order, resting.price, min(resting.remaining, order.remaining))
        for offer in found.trades:
            order = self._take(order, offer)
        if order.is_open and found.stopped_by:
            resting = found.stopped_by
            self._prevent(order, resting, resting.price, min(resting.remaining, order.remaining))
        elif order.is_open and not _may_rest(order):
            cause = f"{order.type.value} {order.time_in_force.value} may not rest"
            self._end(order, Transition(self._time_ms, OrderStatus.EXPIRED, cause))
        elif order.is_open:
            self._book.join(order)
        return self.outcome

    def market_trade(self, trade: MarketTrade) -> None:
        self._book.others.traded(trade)
        self._book.close_up()
        left = whole = self._rules.floor_quantity(trade.quantity)
        for side in Side:
            left -= self._fill_reached(side, trade.price, left)
        rest = trade.quantity - (whole - left)
        if rest:
            self._print(self._book.next_trade_id(), trade.price, rest, trade.taker)

    def market_quote(self, quote: MarketQuote) -> None:
        self._book.others.quoted(quote)
        self._book.close_up()
        for side in Side:
            offer = quote.best(side.opposite)
            self._fill_reached(side, offer.price, self._rules.floor_quantity(offer.quantity))

    def _fill_reached(self, side: Side, price: Decimal, left: Decimal) -> Decimal:
        """Fills our orders of a side that the others reach with `price`, at it for `left` at most, of which what is
        ahead of them takes its part first; how much of ours that was.
        """
        passed = ours = ZERO
        for order in self._book.reachable(side, price):
            quantity = order.remaining
            if order.price == price:
                before = min(left, max(ZERO, self._book.ahead(order.order_id) - passed))
                quantity = min(quantity, left - before)
                passed, left, ours = passed + before, left - before - quantity, ours + quantity
            if quantity:
                self._trade(order.price, quantity, order.side.opposite, (order, True))
        self._book.traded_ahead(side, price, passed)
        return ours

    def cancel(self, order: Order, cancel_id: str) -> None:
        cancelled = Transition(self._time_ms, OrderStatus.CANCELED, "cancelled by its owner")
        self._end(order, cancelled, cancel_id=cancel_id)

    def _prevent(self, order: Order, other: Order, price: Decimal, quantity: Decimal) -> None:
        """Ends an order rather than let it trade with another one of its account."""
        cause = f"self-trade prevention: order {other.order_id}"
        step = Transition(self._time_ms, OrderStatus.EXPIRED_IN_MATCH, cause, other.order_id)
        self._end(order, step, prevented=Level(price, quantity))

    def _end(self, order: Order, step: Transition, *, prevented: Level | None = None, cancel_id: str = "") -> None:
        self._accounts[order.account].release(*self._held(order))
        self._record(order.moved(step), prevented=prevented, cancel_id=cancel_id)

    def _accept(self, account: str, new: NewOrder) -> Order:
        order_id = self._book.next_order_id()
        return Order(
            account=account,
            symbol=new.symbol,
            order_id=order_id,
            client_order_id=new.client_order_id or f"simex-{order_id}",
            side=new.side,
            type=new.type,
            time_in_force=TimeInForce.GTC if new.type is not OrderType.LIMIT else new.time_in_force,
            price=new.price,
            quantity=new.quantity,
            executed=ZERO,
            executed_quote=ZERO,
            self_trade=new.self_trade,
            transitions=(Transition(self._time_ms, OrderStatus.NEW, "placed"),),
            quote_quantity=new.quote_quantity,
            strategy_id=new.strategy_id,
            strategy_type=new.strategy_type,
        )

    def _take(self, order: Order, offer: Offer) -> Order:
        """A new order trades with what waits: one of ours, or the others."""
        if offer.order is None:
            self._book.traded_ahead(order.side.opposite, offer.price, offer.quantity)
            return self._trade(offer.price, offer.quantity, order.side, (order, False))
        return self._trade(offer.price, offer.quantity, order.side, (offer.order, True), (order, False))

    def _trade(self, price: Decimal, quantity: Decimal, taker: Side, *parties: tuple[Order, bool]) -> Order:
        """One print, and a fill of each order of ours that is party to it, as maker or not; the last one after it."""
        trade_id = self._book.next_trade_id()
        filled = [self._fill(order, trade_id, price, quantity, maker=maker) for order, maker in parties]
        self._print(trade_id, price, quantity, taker)
        return filled[-1]

    def _fill(self, order: Order, trade_id: int, price: Decimal, quantity: Decimal, *, maker: bool) -> Order:
        base, quote = self._rules.base, self._rules.quote
        account = self._accounts[order.account]
        received, asset = (quantity, base) if order.side is Side.BUY else (price * quantity, quote)
        commission = self._rules.commission(received, maker=maker)
        if order.side is Side.BUY:
            held = (order.price or price) * quantity
            account.move(quote, free=held - price * quantity, locked=-held)
        else:
            account.move(base, locked=-quantity)
        account.move(asset, free=received - commission)
        trade = Trade(
            account=order.account,
            symbol=order.symbol,
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=price,
            quantity=quantity,
            commission=commission,
            commission_asset=asset,
            maker=maker,
            time_ms=self._time_ms,
        )
        filled = order.filled(price, quantity, self._time_ms, f"trade {trade_id}")
        self._record(filled, trade)
        return filled

    def _held(self, order: Order) -> tuple[str, Decimal]:
        if order.type is OrderType.MARKET:
            return (self._rules.quote, ZERO) if order.side is Side.BUY else (self._rules.base, ZERO)
        if order.side is Side.BUY:
            return self._rules.quote, order.price * order.remaining
        return self._rules.base, order.remaining

    def _record(
        self, order: Order, trade: Trade | None = None, prevented: Level | None = None, cancel_id: str = ""
    ) -> None:
        self._book.keep(order)
        account = self._accounts[order.account]
        balances = (account.of(self._rules.base), account.of(self._rules.quote))
        self._executions.append(Execution(order, order.transitions[-1], balances, trade, prevented, cancel_id))

    def _print(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side) -> None:
        self._prints.append(Print(trade_id, price, quantity, taker, self._time_ms))


def _may_rest(order: Order) -> bool:
    return order.type is not OrderType.MARKET and order.time_in_force is TimeInForce.GTC

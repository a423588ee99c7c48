"""The matching engine: commands and market events in, executions out.

It keeps what matching needs (open orders, balances, ids); history is the executions, and whoever calls keeps them.

The rules, in full:
- A market trade at price p for quantity q fills every resting order that it goes through (buys above p, sells below)
  entirely, and orders at p, oldest first, for at most q in all. A maker trades at its own price.
- A recorded quote does the same: its ask goes through our buys, its bid through our sells, for the quantity it shows.
- A taker trades with the others' book around the last market price (see Liquidity) or behind the recorded quotes; it is
  whole again for the next.
- An own resting order that a newer own order would trade with expires first (Binance's EXPIRE_MAKER).
- Fees are taken from what is received: in base on buys, in quote on sells (Binance without BNB).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import takewhile
from typing import assert_never

from gridsim.account import ZERO, Account, Balance
from gridsim.book import Book
from gridsim.market import Level, MarketEvent, MarketQuote, MarketTrade
from gridsim.orders import NewOrder, Order, OrderStatus, OrderType, Side, TimeInForce, Trade, Transition
from gridsim.rules import Reason, Refused


@dataclass(frozen=True, slots=True)
class Execution:
    """A change of one order, and the balances of its two assets after it: what the venue records and tells."""

    order: Order
    transition: Transition
    balances: tuple[Balance, Balance]
    trade: Trade | None = None


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
    """What a command or a market event did, in the order in which it happened; `quoted`: the others quoted anew."""

    executions: tuple[Execution, ...]
    prints: tuple[Print, ...] = ()
    quoted: bool = False


class Exchange:
    """Books by symbol (as ccxt writes it) and the account that trades on them. Times are the venue's, in Unix ms."""

    def __init__(self, books: Iterable[Book], account: Account) -> None:
        self._books = {book.rules.symbol: book for book in books}
        self.account = account

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

    def place(self, new: NewOrder, time_ms: int) -> Outcome:
        """Takes an order: its first execution is NEW, then its trades, then its expiry if it may not rest.

        Raises Refused, with nothing changed, for a filter, a duplicate client id among the open orders, a balance that
        does not suffice, or a LIMIT_MAKER that would trade at once.
        """
        book = self.book(new.symbol)
        book.rules.check(new, book.price)
        if new.client_order_id and book.open_client_id(new.client_order_id):
            raise Refused(Reason.DUPLICATE, new.client_order_id)
        if len(book) >= book.rules.max_orders:
            raise Refused(Reason.MAX_NUM_ORDERS, f"{len(book)} are open")
        crossing = _sweep(book, new)
        own = _own_in_the_way(book, new, crossing)
        if new.type is OrderType.LIMIT_MAKER and (crossing or own):
            raise Refused(Reason.WOULD_MATCH)
        asset, amount = _reserve(book, new, crossing)
        if self.account.of(asset).free < amount:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{amount} {asset} are needed")
        return _Step(book, self.account, time_ms).place(new, crossing, own, asset, amount)

    def cancel(self, symbol: str, order_id: int, time_ms: int, cause: str = "cancelled by its owner") -> Outcome:
        """Ends an open order. Raises Refused where it is not open."""
        book = self.book(symbol)
        step = _Step(book, self.account, time_ms)
        step.end(book.find(order_id), OrderStatus.CANCELED, cause)
        return step.outcome

    def trade(self, symbol: str, trade: MarketTrade, time_ms: int) -> Outcome:
        """Lets the others trade: fills what their trade reaches, then prints what is left of it."""
        step = _Step(self.book(symbol), self.account, time_ms)
        step.market_trade(trade)
        return step.outcome

    def quote(self, symbol: str, quote: MarketQuote, time_ms: int) -> Outcome:
        """Lets the others quote: fills what their quotes reach."""
        step = _Step(self.book(symbol), self.account, time_ms)
        step.market_quote(quote)
        return replace(step.outcome, quoted=True)

    def happen(self, symbol: str, event: MarketEvent, time_ms: int) -> Outcome:
        """Lets an event of the market happen, whichever it is."""
        match event:
            case MarketTrade():
                return self.trade(symbol, event, time_ms)
            case MarketQuote():
                return self.quote(symbol, event, time_ms)
            case _:
                assert_never(event)


class _Step:
    """One command at work on a book and the account: it collects what happens."""

    def __init__(self, book: Book, account: Account, time_ms: int) -> None:
        self._book = book
        self._rules = book.rules
        self._account = account
        self._time_ms = time_ms
        self._executions: list[Execution] = []
        self._prints: list[Print] = []

    @property
    def outcome(self) -> Outcome:
        return Outcome(tuple(self._executions), tuple(self._prints))

    def place(self, new: NewOrder, crossing: list[Level], own: list[Order], asset: str, amount: Decimal) -> Outcome:
        order = self._accept(new)
        self._account.hold(asset, amount)
        self._record(order)
        for resting in own:
            self.end(resting, OrderStatus.EXPIRED_IN_MATCH, f"self-trade prevention: order {order.order_id}")
        for level in crossing:
            order = self._fill(order, level.price, level.quantity, maker=False)
        if order.is_open and not _may_rest(order):
            self.end(order, OrderStatus.EXPIRED, f"{order.type.value} {order.time_in_force.value} may not rest")
        return self.outcome

    def market_trade(self, trade: MarketTrade) -> None:
        self._book.traded(trade)
        at_price = left = self._rules.floor_quantity(trade.quantity)
        for side in Side:
            left = self._fill_reached(side, trade.price, left)
        rest = trade.quantity - (at_price - left)
        if rest:
            self._print(self._book.next_trade_id(), trade.price, rest, trade.taker)

    def market_quote(self, quote: MarketQuote) -> None:
        self._book.quotes = quote
        for side in Side:
            offer = quote.best(side.opposite)
            self._fill_reached(side, offer.price, self._rules.floor_quantity(offer.quantity))

    def _fill_reached(self, side: Side, price: Decimal, left: Decimal) -> Decimal:
        """Fills our orders of a side that the others reach with `price`, at it for `left` at most; what is left."""
        for order in self._book.reachable(side, price):
            through = order.price != price
            quantity = order.remaining if through else min(order.remaining, left)
            if not through:
                left -= quantity
            if quantity:
                self._fill(order, order.price, quantity, maker=True)
        return left

    def end(self, order: Order, status: OrderStatus, cause: str) -> None:
        asset, amount = self._held(order)
        self._account.release(asset, amount)
        self._record(order.moved(Transition(self._time_ms, status, cause)))

    def _accept(self, new: NewOrder) -> Order:
        order_id = self._book.next_order_id()
        placed = Transition(self._time_ms, OrderStatus.NEW, "placed")
        client_id = new.client_order_id or f"simex-{order_id}"
        force = TimeInForce.GTC if new.type is not OrderType.LIMIT else new.time_in_force
        return Order(
            new.symbol, order_id, client_id, new.side, new.type, force, new.price, new.quantity, ZERO, ZERO, (placed,)
        )

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, *, maker: bool) -> Order:
        base, quote = self._rules.base, self._rules.quote
        received, asset = (quantity, base) if order.side is Side.BUY else (price * quantity, quote)
        commission = self._rules.commission(received, maker=maker)
        if order.side is Side.BUY:
            held = (order.price or price) * quantity
            self._account.move(quote, free=held - price * quantity, locked=-held)
        else:
            self._account.move(base, locked=-quantity)
        self._account.move(asset, free=received - commission)
        trade_id = self._book.next_trade_id()
        trade = Trade(
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
        self._print(trade_id, price, quantity, order.side.opposite if maker else order.side)
        return filled

    def _held(self, order: Order) -> tuple[str, Decimal]:
        if order.type is OrderType.MARKET:
            return (self._rules.quote, ZERO) if order.side is Side.BUY else (self._rules.base, ZERO)
        if order.side is Side.BUY:
            return self._rules.quote, order.price * order.remaining
        return self._rules.base, order.remaining

    def _record(self, order: Order, trade: Trade | None = None) -> None:
        self._book.keep(order)
        balances = (self._account.of(self._rules.base), self._account.of(self._rules.quote))
        self._executions.append(Execution(order, order.transitions[-1], balances, trade))

    def _print(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side) -> None:
        self._prints.append(Print(trade_id, price, quantity, taker, self._time_ms))


def _own_in_the_way(book: Book, new: NewOrder, crossing: list[Level]) -> list[Order]:
    """Our resting orders that the new one would meet on its way: at its last price, the others come first."""
    if crossing and sum(level.quantity for level in crossing) == new.quantity:
        last = crossing[-1].price
        return [order for order in book.reachable(new.side.opposite, last) if order.price != last]
    if new.type is OrderType.MARKET or new.time_in_force is TimeInForce.FOK:
        return []
    return list(book.reachable(new.side.opposite, new.price))


def _may_rest(order: Order) -> bool:
    return order.type is not OrderType.MARKET and order.time_in_force is TimeInForce.GTC


def _sweep(book: Book, new: NewOrder) -> list[Level]:
    """What the order trades at once, level by level; nothing where FOK cannot have all of it."""
    taken: list[Level] = []
    left = new.quantity
    for level in takewhile(lambda offer: _reaches(new, offer.price), book.levels(new.side.opposite)):
        quantity = min(left, level.quantity)
        taken.append(Level(level.price, quantity))
        left -= quantity
        if not left:
            return taken
    return [] if new.time_in_force is TimeInForce.FOK else taken


def _reaches(new: NewOrder, price: Decimal) -> bool:
    if new.type is OrderType.MARKET:
        return True
    return new.price >= price if new.side is Side.BUY else new.price <= price


def _reserve(book: Book, new: NewOrder, crossing: list[Level]) -> tuple[str, Decimal]:
    """The asset and amount that the order holds from the moment it is taken."""
    market = new.type is OrderType.MARKET
    if new.side is Side.SELL:
        return book.rules.base, sum((level.quantity for level in crossing), ZERO) if market else new.quantity
    if market:
        return book.rules.quote, sum((level.price * level.quantity for level in crossing), ZERO)
    return book.rules.quote, new.price * new.quantity

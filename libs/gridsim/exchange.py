"""Matching engine: takes commands and market events, returns executions.

It keeps what matching needs (open orders, balances, ids). The executions are the history, which the caller keeps.

The rules, in full:
- Our orders, of any account, and the others' levels trade by price, then by queue position. An order that comes to
  rest is placed behind what the others show at its price (see Queue), and behind our older orders there.
- A market trade at price p for quantity q fills every resting order that it goes through (buys above p, sells below)
  entirely. At p it fills at most q in all: first what is ahead of our orders, then our orders. A maker trades at its
  own price.
- A recorded quote does the same: its ask goes through our buys, its bid through our sells, for the quantity it shows.
- What the others no longer show is not ahead of any order. This holds where a level is recorded, at the best or in
  the depth, and at a price that is better than their best, where they show nothing.
- A taker trades with our resting orders and with the others' book: recorded quotes and depth if there are any,
  otherwise generated around the last market price (see Others, Liquidity). The others' book is whole again for the
  next taker.
- Two of our orders trade with each other in one print; within an account one of them expires instead (see SelfTrade).
- An algo order waits until the market trades at its price; then it goes to the book as a MARKET or LIMIT order.
- Fees are taken from what is received: in base on buys, in quote on sells (Binance without BNB).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from gridsim.account import ZERO, Account
from gridsim.algos import meets_stop, waits_above
from gridsim.book import Book
from gridsim.fees import FeeSchedule
from gridsim.market import MarketDepth, MarketEvent, MarketQuote, MarketTrade
from gridsim.matching import Match, match_order, reserve
from gridsim.orders import ListKind, NewList, NewOrder, Order, OrderList, OrderType, Side
from gridsim.outcome import Outcome
from gridsim.rules import Reason, Refused
from gridsim.step import Member, Step


class Exchange:
    """Books by symbol (as ccxt writes it) and the accounts that trade on them. Times are the venue's, in Unix ms."""

    def __init__(
        self,
        books: Iterable[Book],
        accounts: Mapping[str, Account],
        fees: FeeSchedule | None = None,
        most_open: int = 0,
    ) -> None:
        """`most_open`: how many orders an account may have open in all symbols together (EXCHANGE_MAX_NUM_ORDERS);
        0: no limit.
        """
        self._books = {book.rules.symbol: book for book in books}
        self.accounts = accounts
        self.fees = fees or FeeSchedule()
        self.most_open = most_open

    @property
    def books(self) -> Mapping[str, Book]:
        """All books by symbol."""
        return self._books

    def book(self, symbol: str) -> Book:
        """Returns the symbol's book. Raises Refused for a symbol that is not traded here."""
        try:
            return self._books[symbol]
        except KeyError:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol) from None

    def place(self, account: str, new: NewOrder, time_ms: int) -> Outcome:
        """Accepts an account's order: its first execution is NEW, then its trades, then its expiry if it may not rest.

        Raises Refused, with nothing changed, for a filter, a duplicate client id among the account's open orders, an
        insufficient balance, or a LIMIT_MAKER that would trade at once.
        """
        book = self.book(new.symbol)
        found = self._check(book, account, new)
        step = Step(book, self.accounts, time_ms, self.fees)
        step.place(account, new, found)
        return step.finish()

    def place_list(self, account: str, wish: NewList, list_id: int, time_ms: int) -> Outcome:
        """Accepts an order list: both orders, or none if either is refused (see `place`)."""
        first, second = wish.orders
        book = self.book(first.symbol)
        found = self._check_list(book, account, wish)
        step = Step(book, self.accounts, time_ms, self.fees)
        oto = wish.kind is ListKind.OTO
        later = ZERO if oto else max(ZERO, _need(book, second, Match())[1] - _need(book, first, found)[1])
        ids = (book.last_order_id + 1, book.last_order_id + 2)
        client_id = wish.client_id or f"simex-list-{list_id}"
        step.place(account, first, found, Member(list_id, wish.kind))
        step.place(account, second, Match(), Member(list_id, wish.kind, pending=oto, reserved=later))
        return step.finish((OrderList(list_id, wish.kind, account, first.symbol, client_id, time_ms, ids),))

    def check(self, account: str, new: NewOrder) -> None:
        """Raises Refused for an order that `place` would refuse. Changes nothing."""
        self._check(self.book(new.symbol), account, new)

    def cancel(self, account: str, symbol: str, order_id: int, time_ms: int, cancel_id: str = "") -> Outcome:
        """Cancels an account's open order. Raises Refused if it has no such order open."""
        book = self.book(symbol)
        step = Step(book, self.accounts, time_ms, self.fees)
        step.cancel(book.find(account, order_id), cancel_id)
        return step.finish()

    def expire(self, order: Order, cause: str, time_ms: int) -> Outcome:
        """Expires an open order: the exchange ends it, not its owner."""
        step = Step(self.book(order.symbol), self.accounts, time_ms, self.fees)
        step.expire(order, cause)
        return step.finish()

    def trade(self, symbol: str, trade: MarketTrade, time_ms: int) -> Outcome:
        """Applies a trade of the others: fills what it reaches, then prints the rest of it."""
        step = Step(self.book(symbol), self.accounts, time_ms, self.fees)
        step.market_trade(trade)
        step.trigger()
        return step.finish()

    def quote(self, symbol: str, quote: MarketQuote, time_ms: int) -> Outcome:
        """Applies a quote of the others: fills what it reaches."""
        step = Step(self.book(symbol), self.accounts, time_ms, self.fees)
        step.market_quote(quote)
        return replace(step.finish(), quoted=True)

    def depth(self, symbol: str, depth: MarketDepth, time_ms: int) -> Outcome:
        """Applies the others' depth behind their best quotes. Fills nothing: only trades and quotes reach an order."""
        book = self.book(symbol)
        book.others.told(depth)
        book.close_up(everywhere=True)
        return replace(Step(book, self.accounts, time_ms, self.fees).finish(), quoted=True)

    def happen(self, symbol: str, event: MarketEvent, time_ms: int) -> Outcome:
        """Applies a market event of any kind."""
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
        self._check_alone(book, account, new)
        self._check_counts(book, account, 1, int(new.type.is_algo))
        found = self._check_book(book, account, new)
        self._check_balance(account, *_need(book, new, found))
        return found

    def _check_list(self, book: Book, account: str, wish: NewList) -> Match:
        first, second = wish.orders
        for new in wish.orders:
            self._check_alone(book, account, new)
        algos = sum(new.type.is_algo for new in wish.orders)
        self._check_counts(book, account, 2, algos)
        lists = {order.list_id for order in book.orders_of(account) if order.list_kind is not None}
        if len(lists) >= book.rules.filters.max_order_lists:
            raise Refused(Reason.MAX_NUM_ORDER_LISTS, f"{len(lists)} are open")
        if wish.kind is ListKind.OTO:
            found = self._check_book(book, account, first)
            self._check_balance(account, *_need(book, first, found))
            return found
        for new in wish.orders:
            price = new.price if new.type is OrderType.LIMIT_MAKER else new.stop_price
            above = waits_above(new.type, new.side) if new.type.is_algo else new.side is Side.SELL
            if price and not (price > book.price if above else price < book.price):
                raise Refused(Reason.BAD_LIST_PRICES, f"{new.type.value} at {price}, the last price is {book.price}")
        found = self._check_book(book, account, first)
        self._check_balance(account, *max(_need(book, first, found), _need(book, second, Match())))
        return found

    def _check_alone(self, book: Book, account: str, new: NewOrder) -> None:
        """Checks the order by itself."""
        if not book.rules.trades:
            raise Refused(Reason.MARKET_CLOSED, book.rules.status.value)
        book.rules.check(new, book.price)
        if new.client_order_id and book.open_client_id(account, new.client_order_id):
            raise Refused(Reason.DUPLICATE, new.client_order_id)
        if new.side is Side.BUY:
            self._check_position(book, account, new)

    def _check_book(self, book: Book, account: str, new: NewOrder) -> Match:
        """Checks the order against the book."""
        if new.type.is_algo:
            if new.stop_price and meets_stop(new, book.price):
                raise Refused(Reason.WOULD_TRIGGER, f"stop price {new.stop_price}, the last price is {book.price}")
            return Match()
        found = match_order(book, account, new)
        if new.type is OrderType.LIMIT_MAKER and not found.empty:
            raise Refused(Reason.WOULD_MATCH)
        return found

    def _check_balance(self, account: str, asset: str, amount: Decimal) -> None:
        if self.accounts[account].of(asset).free < amount:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{amount} {asset} are needed")

    def _check_counts(self, book: Book, account: str, more: int, algos: int) -> None:
        rules, count = book.rules, book.count(account)
        if count + more > rules.max_orders:
            raise Refused(Reason.MAX_NUM_ORDERS, f"{count} are open")
        if algos and book.algos(account) + algos > rules.filters.max_algo_orders:
            raise Refused(Reason.MAX_NUM_ALGO_ORDERS, f"{book.algos(account)} are open")
        if self.most_open and sum(each.count(account) for each in self._books.values()) + more > self.most_open:
            raise Refused(Reason.EXCHANGE_MAX_NUM_ORDERS, f"{self.most_open} are open")

    def _check_position(self, book: Book, account: str, new: NewOrder) -> None:
        """Checks MAX_POSITION: what the account has of the base, plus what its open buys and this one may add."""
        most = book.rules.filters.max_position
        if most is None:
            return
        buying = (each.remaining for each in book.orders_of(account) if each.side is Side.BUY)
        position = self.accounts[account].of(book.rules.base).total + sum(buying, new.quantity)
        if position > most:
            raise Refused(Reason.MAX_POSITION, f"{position} is over {most}")


def _need(book: Book, new: NewOrder, found: Match) -> tuple[str, Decimal]:
    """Returns the asset and amount that an order locks once it is accepted. An algo order to buy at market price locks
    nothing until it is triggered, since its cost is not known.
    """
    if not new.type.is_algo:
        return reserve(book, new, found)
    if new.side is Side.SELL:
        return book.rules.base, new.quantity
    return book.rules.quote, new.price * new.quantity

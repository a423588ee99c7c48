"""The running exchange: decides each command or batch of market events, writes it to disk, then answers and publishes.

Commands are plain functions on one thread, so none sees another half done.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from gridservice.config_file import ConfigError
from gridsim.account import Account, Balance
from gridsim.book import Book
from gridsim.exchange import Exchange
from gridsim.fees import FeeSchedule
from gridsim.market import Liquidity, MarketEvent, MarketPoint, MarketTrade, Source, on_steps, on_tick
from gridsim.orders import NewList, NewOrder, Order
from gridsim.outcome import Outcome
from gridsim.rules import Reason, Refused, SymbolRules
from simex.exchange.feed import Feed
from simex.exchange.rows import MarketRow, StoredBalance
from simex.exchange.store import Store

Listener = Callable[[str, Outcome], None]


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit to an account (a withdrawal if `amount` is below zero) and its balance after it."""

    account: str
    balance: Balance
    amount: Decimal
    time_ms: int


DepositListener = Callable[[Deposit], None]


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as the venue lists it. `identity` names its source across restarts."""

    rules: SymbolRules
    liquidity: Liquidity
    source: Source
    identity: str
    running: bool = True


@dataclass(frozen=True, slots=True)
class MarketState:
    """A market's position and whether its clock runs; `at_end` if its source has no further event."""

    symbol: str
    point: MarketPoint
    running: bool
    at_end: bool


class Venue:
    """The exchange over its store. Memory holds what matching needs; the disk is authoritative.

    After a failed write the state is reloaded from disk, so that no answer is based on a state that is not on disk.
    """

    def __init__(self, listings: Iterable[Listing], accounts: Mapping[str, Iterable[Balance]], store: Store) -> None:
        """Opens the book, or creates it, and its accounts. Raises ConfigError if it belongs to another market."""
        self._listings = {listing.rules.symbol: listing for listing in listings}
        self._listeners: list[Listener] = []
        self._deposit_listeners: list[DepositListener] = []
        self.store = store
        self._check_identities()
        self._accounts = tuple(accounts)
        self.fees = FeeSchedule()
        self.fees.price_of = self._price_of
        self._most_open = 0
        store.begin(accounts, (_first_row(listing) for listing in self._listings.values()))
        self._load()

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The traded markets, by symbol."""
        return self._listings

    @property
    def listed(self) -> list[str]:
        """The symbols that are not delisted."""
        return [symbol for symbol, listing in self._listings.items() if listing.rules.listed]

    @property
    def most_open(self) -> int:
        """How many orders an account may have open in all symbols together; 0: no limit."""
        return self._most_open

    def limit_open_orders(self, most: int) -> None:
        """Sets the limit of an account's open orders."""
        self._most_open = self._exchange.most_open = most

    def change(self, rules: SymbolRules) -> None:
        """Changes a symbol's rules. Open orders are not affected."""
        self._listings[rules.symbol] = replace(self._listings[rules.symbol], rules=rules)
        self.book(rules.symbol).change(rules)

    @property
    def accounts(self) -> Sequence[str]:
        """The names of the accounts."""
        return self._accounts

    def balances(self, account: str) -> list[Balance]:
        """An account's balances, one per asset."""
        return list(self._exchange.accounts[account].balances.values())

    def open_orders(self, account: str, symbol: str) -> list[Order]:
        """An account's open orders, oldest first. Raises Refused for an unknown symbol."""
        return self.book(symbol).orders_of(account)

    def listen(self, listener: Listener) -> None:
        """Registers a callback that gets symbol and outcome after each write."""
        self._listeners.append(listener)

    def listen_to_deposits(self, listener: DepositListener) -> None:
        """Registers a callback that gets every deposit and withdrawal after its write."""
        self._deposit_listeners.append(listener)

    def deposit(self, account: str, asset: str, amount: Decimal, time_ms: int) -> StoredBalance:
        """Deposits an amount, or withdraws it. Raises ValueError if less than that is free."""
        holder = self._exchange.accounts[account]
        holder.move(asset, free=amount)
        try:
            stored = self.store.deposit(account, holder.of(asset), amount)
        except sqlite3.Error:
            self._load()
            raise
        for listener in self._deposit_listeners:
            listener(Deposit(account, stored.balance, amount, time_ms))
        return stored

    def book(self, symbol: str) -> Book:
        """The symbol's book, read-only. Raises Refused for an unknown symbol."""
        return self._exchange.book(symbol)

    def state(self, symbol: str) -> MarketState:
        """The market's state. Raises Refused for an unknown symbol."""
        row = self._row(symbol)
        return MarketState(symbol, row.point, row.running, self._feeds[symbol].at_end)

    def place(self, account: str, new: NewOrder, time_ms: int) -> Outcome:
        """Places an account's order, or raises Refused; see Exchange.place."""
        outcome = self._exchange.place(account, new, time_ms)
        return self._keep(new.symbol, outcome)

    def place_list(self, account: str, wish: NewList, time_ms: int) -> Outcome:
        """Places an account's order list, or raises Refused; see Exchange.place_list."""
        list_id = self.store.last_list_id() + 1
        return self._keep(wish.orders[0].symbol, self._exchange.place_list(account, wish, list_id, time_ms))

    def check(self, account: str, new: NewOrder) -> None:
        """Raises Refused for an order that `place` would refuse, and changes nothing."""
        self._exchange.check(account, new)

    def cancel(self, account: str, symbol: str, order_id: int, time_ms: int, cancel_id: str = "") -> Order:
        """Cancels an account's open order, or raises Refused. `cancel_id` is the client id of the cancel."""
        outcome = self._keep(symbol, self._exchange.cancel(account, symbol, order_id, time_ms, cancel_id))
        return outcome.executions[0].order

    def cancel_all(self, account: str, symbol: str, time_ms: int) -> list[Order]:
        """Cancels all open orders of an account in a symbol in one transaction. Raises Refused if there are none."""
        orders = self.open_orders(account, symbol)
        if not orders:
            raise Refused(Reason.UNKNOWN_ORDER, "none is open")
        current = self.book(symbol).current  # cancelling the first order of a list also ends the other
        outcomes = [self._exchange.cancel(account, symbol, each.order_id, time_ms) for each in orders if current(each)]
        return [each.order for each in self._keep(symbol, _joined(outcomes)).executions]

    def expire_all(self, symbol: str, cause: str, time_ms: int) -> None:
        """Ends every account's open orders in a symbol with EXPIRED, in one transaction."""
        if orders := self.book(symbol).orders:
            current = self.book(symbol).current
            outcomes = [self._exchange.expire(order, cause, time_ms) for order in orders if current(order)]
            self._keep(symbol, _joined(outcomes))

    def forget(self, account: str, symbol: str, order_id: int, time_ms: int) -> Order:
        """Ends an open order silently: no event, and look-ups do not show it. Raises Refused if it is not open."""
        order = self.book(symbol).find(account, order_id)
        outcome = self._exchange.expire(order, "forgotten by the venue", time_ms)
        self._keep(symbol, outcome, forgotten=True)
        return outcome.executions[0].order

    def wipe(self) -> tuple[int, int]:
        """Resets everything except the markets' positions; returns how many orders and trades were deleted."""
        gone = self.store.wipe()
        self._load()
        return gone

    def advance(self, symbol: str, limit: int, time_ms: int, until_market_ms: int | None = None) -> int:
        """Processes up to `limit` of the market's events, those due by a market time if given; returns how many."""
        row = self._row(symbol)
        events = self._feeds[symbol].take(limit, until_market_ms)
        if events:
            point = row.point
            for event in events:
                point = point.after(event)
            self._happen(symbol, events, point, time_ms)
        return len(events)

    def inject(self, symbol: str, trade: MarketTrade, time_ms: int) -> None:
        """Executes a trade that does not come from the market's source; a simulation continues from its price."""
        point = self._row(symbol).point.displaced(trade.price, trade.taker)
        self._happen(symbol, [trade], point, time_ms)
        self._feeds[symbol].seek(point)

    def set_running(self, symbol: str, *, running: bool) -> None:
        """Starts or stops the market's own clock, durably."""
        row = self._row(symbol)
        self._keep(symbol, Outcome(()), row.point, running=running)

    def _happen(self, symbol: str, events: Sequence[MarketEvent], point: MarketPoint, time_ms: int) -> None:
        tick = self.book(symbol).rules.tick_size  # may have changed from the one that the source uses
        outcomes = [self._exchange.happen(symbol, on_steps(event, tick), time_ms) for event in events]
        self._keep(symbol, _joined(outcomes), point)

    def _keep(
        self,
        symbol: str,
        outcome: Outcome,
        point: MarketPoint | None = None,
        *,
        running: bool | None = None,
        forgotten: bool = False,
    ) -> Outcome:
        """Writes what the exchange has done, then notifies the listeners, unless it is forgotten."""
        old, book = self._row(symbol), self.book(symbol)
        row = MarketRow(
            symbol=symbol,
            identity=old.identity,
            point=point or old.point,
            last_order_id=book.last_order_id,
            last_trade_id=book.last_trade_id,
            running=old.running if running is None else running,
        )
        try:
            self.store.record(outcome, row, forgotten=forgotten)
        except sqlite3.Error:
            self._load()
            raise
        self._rows[symbol] = row
        for listener in self._listeners if not forgotten else ():
            listener(symbol, outcome)
        return outcome

    def _row(self, symbol: str) -> MarketRow:
        try:
            return self._rows[symbol]
        except KeyError:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol) from None

    def _load(self) -> None:
        stored = (self.store.market(symbol) for symbol in self._listings)
        self._rows = {row.symbol: row for row in stored if row is not None}
        books = (self._open_book(listing, self._rows[symbol]) for symbol, listing in self._listings.items())
        held: dict[str, list[Balance]] = {account: [] for account in self._accounts}
        for each in self.store.balances():
            held.setdefault(each.account, []).append(each.balance)
        accounts = {account: Account(balances) for account, balances in held.items()}
        self._exchange = Exchange(books, accounts, self.fees, self._most_open)
        self._feeds = {
            symbol: Feed(listing.source, self._rows[symbol].point) for symbol, listing in self._listings.items()
        }

    def _open_book(self, listing: Listing, row: MarketRow) -> Book:
        return Book(
            listing.rules,
            listing.liquidity,
            price=on_tick(row.point.price, listing.rules.tick_size),
            taker=row.point.taker,
            last_order_id=row.last_order_id,
            last_trade_id=row.last_trade_id,
            orders=self.store.open_orders(row.symbol),
            ahead=self.store.ahead(row.symbol),
        )

    def _price_of(self, asset: str, quote: str) -> Decimal | None:
        """The last price of an asset, if one of our markets has it."""
        market, inverse = f"{asset}/{quote}", f"{quote}/{asset}"
        if market in self._listings:
            return self.book(market).price
        return 1 / self.book(inverse).price if inverse in self._listings else None

    def _check_identities(self) -> None:
        for symbol in self.store.symbols():
            if symbol not in self._listings:
                remedy = f"the book on disk holds {symbol} too; list it, set another data_dir or delete the old one"
                raise ConfigError("simex.markets", ", ".join(self._listings), remedy)
        for symbol, listing in self._listings.items():
            row = self.store.market(symbol)
            if row is not None and row.identity != listing.identity:
                remedy = (
                    f"the book on disk holds {symbol} of {row.identity}; set another data_dir or delete the old one"
                )
                raise ConfigError("simex.markets", listing.identity, remedy)


def _first_row(listing: Listing) -> MarketRow:
    return MarketRow(listing.rules.symbol, listing.identity, listing.source.opening(), 0, 0, listing.running)


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    executions = tuple(each for outcome in outcomes for each in outcome.executions)
    prints = tuple(each for outcome in outcomes for each in outcome.prints)
    ahead = {order_id: quantity for outcome in outcomes for order_id, quantity in outcome.ahead.items()}
    tracked = _last_tracked(outcomes) if any(outcome.tracked for outcome in outcomes) else {}
    lists = tuple(each for outcome in outcomes for each in outcome.lists)
    return Outcome(executions, prints, any(outcome.quoted for outcome in outcomes), ahead, tracked, lists)


def _last_tracked(outcomes: Sequence[Outcome]) -> dict[int, Order]:
    """The trailing orders that have seen a better price after their last execution."""
    tracked: dict[int, Order] = {}
    for outcome in outcomes:
        for each in outcome.executions:
            tracked.pop(each.order.order_id, None)
        tracked |= outcome.tracked
    return tracked

"""A fake venue behind the executor's port that obeys the rules and misbehaves on demand; the test moves its clock.

It refuses a request outside its window, and a client id while an order with that id is open (as Binance does). Trade
and order ids rise by one, and an order ends once. It has no balances: simex does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from executor.venue.limits.throttle import Throttle
from executor.venue.port import (
    Books,
    ClockRefusedError,
    DuplicateError,
    Hint,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    TradeCursor,
    UnknownOrderError,
    UnreadableError,
    VenueBalance,
    VenueOrder,
    VenueTrade,
    books_one_by_one,
)
from gridcore.model.actions import Fill, PlaceOrder
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus

RULES = MarketRules(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    min_notional=Decimal(5),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
)


class ManualClock:
    """A clock in milliseconds that the test advances."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """The current time."""
        return self.now_ms

    def advance(self, ms: int) -> None:
        """Lets time pass."""
        self.now_ms += ms


class Fault(Enum):
    """What goes wrong with the next place or cancel."""

    REFUSED = "REFUSED"  # insufficient funds; a cancel: rate limited
    UNREACHABLE = "UNREACHABLE"  # never connected
    TIMEOUT_BEFORE = "TIMEOUT_BEFORE"  # lost before the venue; the caller gets no answer
    TIMEOUT_AFTER = "TIMEOUT_AFTER"  # executed; the caller gets no answer
    LATE = "LATE"  # still in transit: `deliver` lets it arrive
    FILL_CROSSES = "FILL_CROSSES"  # cancels only: the order fills first
    HANG = "HANG"  # executed; the caller waits until `release`


@dataclass(frozen=True, slots=True)
class _Late:
    symbol: str
    order: PlaceOrder
    timestamp_ms: int
    window_ms: int | None


class FakeVenue:
    """Implements `executor.venue.port.Venue`. `orders` and `trades` are its oracle, by the venue's own ids."""

    def __init__(self, clock: ManualClock, window_ms: int | None = 5_000, skew_ms: int = 0) -> None:
        self.orders: dict[str, VenueOrder] = {}
        self.trades: list[VenueTrade] = []
        self.faults: deque[Fault | None] = deque()
        self.places_received = 0  # number of places that reached the venue, including refused ones
        self.reads_to_fail = 0
        self.unlisted: set[str] = set()  # symbols that it does not list, and about which reads fail
        self.mute: set[str] = set()  # listed symbols about which reads fail
        self.hidden_until_ms: dict[str, int] = {}  # exchange order id → venue time before which no look-up shows it
        self.hidden_trades: set[str] = set()  # trade ids that no look-up shows
        self.trade_reads = 0  # reads of the trades after a cursor
        self.hide_new_orders_ms = 0
        self.unreadable: set[str] = set()  # exchange order ids, and trade ids as "t1", that cannot be parsed
        self.bend_hints: Callable[[list[Hint]], Iterable[Hint]] = lambda hints: hints
        self.known_skew_ms = 0
        self.skew_ms = skew_ms
        self._clock = clock
        self.window_ms = window_ms  # a test may change it: requests in flight keep the one that they were signed with
        self._late: list[_Late] = []
        self._streams: list[asyncio.Queue[Hint | None]] = []
        self._released = asyncio.Event()

    def doubt_fees(self, symbol: str) -> None:
        """Does nothing: the test sets the fees."""

    @property
    def markets_interval_ms(self) -> int:
        """The value of an exchange whose list is long."""
        return 60_000

    @property
    def request_window_ms(self) -> int | None:
        """How long a request is accepted after its timestamp."""
        return self.window_ms

    @property
    def trade_ids_rise(self) -> bool:
        """True: trade ids are counted."""
        return True

    @property
    def now_ms(self) -> int:
        """The venue's own time."""
        return self._clock() + self.skew_ms

    # Control by the test

    def fill(self, client_order_id: str, quantity: Decimal | None = None) -> None:
        """Trades a quantity (None: the rest) of an open order and notifies the streams."""
        order = self.open_order(client_order_id)
        rest = order.quantity - order.executed
        amount = rest if quantity is None else min(quantity, rest)
        fill = Fill(str(len(self.trades) + 1), order.price, amount, amount * RULES.maker_fee, RULES.base, maker=True)
        trade = VenueTrade(order.symbol, order.exchange_order_id, order.side, fill, self.now_ms)
        self.trades.append(trade)
        executed = order.executed + amount
        status = OrderStatus.FILLED if executed == order.quantity else OrderStatus.OPEN
        self._tell(trade, self._change(order, executed=executed, status=status))

    def end(self, client_order_id: str, status: OrderStatus = OrderStatus.CANCELED) -> None:
        """Ends an open order without a request of ours and notifies the streams."""
        self._tell(self._change(self.open_order(client_order_id), status=status))

    def deliver(self) -> None:
        """Lets the late requests arrive. Those past their window are refused; nobody gets that answer."""
        late, self._late = self._late, []
        for one in late:
            try:
                self._check_window(one.timestamp_ms, one.window_ms)
                self._admit(one.symbol, one.order, self.now_ms)
            except (RefusedError, DuplicateError):
                continue

    def release(self) -> None:
        """Answers the calls that hang."""
        self._released.set()

    def break_streams(self) -> None:
        """Ends every stream with an error; events until the next one opens are lost to it."""
        for stream in self._streams:
            stream.put_nowait(None)

    def add_foreign(self, symbol: str, place: PlaceOrder) -> VenueOrder:
        """Puts an order on the book that the executor did not send."""
        return self._admit(symbol, place, self.now_ms)

    def open_order(self, client_order_id: str) -> VenueOrder:
        """The open order with this client id."""
        return next(
            order
            for order in self.orders.values()
            if order.client_order_id == client_order_id and order.status is OrderStatus.OPEN
        )

    def named(self, client_order_id: str) -> list[VenueOrder]:
        """Every order that ever had this client id: more than one is a duplicate."""
        return [order for order in self.orders.values() if order.client_order_id == client_order_id]

    # The port

    @property
    def name(self) -> str:
        """Its name in messages."""
        return "the fake venue"

    async def connect(self, symbols: tuple[str, ...], *, anew: bool = False) -> Mapping[str, str]:
        """Loads nothing; symbols in `unlisted` are not listed."""
        del anew
        self._read()
        return {symbol: f"{symbol}: did you mean {RULES.symbol}?" for symbol in symbols if symbol in self.unlisted}

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """Places the order, or does what the next fault says."""
        await asyncio.sleep(0)
        match self._next_fault():
            case Fault.REFUSED:
                raise RefusedError(Refusal.INSUFFICIENT_FUNDS, "insufficient balance")
            case Fault.UNREACHABLE:
                raise RefusedError(Refusal.VENUE_UNREACHABLE, "connection refused")
            case Fault.TIMEOUT_BEFORE:
                raise OutcomeUnknownError("no answer")
            case Fault.TIMEOUT_AFTER:
                self._admit(symbol, order, timestamp_ms)
                raise OutcomeUnknownError("no answer")
            case Fault.LATE:
                self._late.append(_Late(symbol, order, timestamp_ms, self.window_ms))
                raise OutcomeUnknownError("no answer")
            case Fault.HANG:
                placed = self._admit(symbol, order, timestamp_ms)
                await self._released.wait()
                return placed
            case _:
                return self._admit(symbol, order, timestamp_ms)

    async def cancel(self, symbol: str, client_order_id: str, exchange_order_id: str, timestamp_ms: int) -> None:
        """Cancels, or does what the next fault says."""
        await asyncio.sleep(0)
        fault = self._next_fault()
        match fault:
            case Fault.REFUSED:
                raise RefusedError(Refusal.RATE_LIMITED, "too many requests")
            case Fault.UNREACHABLE:
                raise RefusedError(Refusal.VENUE_UNREACHABLE, "connection refused")
            case Fault.TIMEOUT_BEFORE | Fault.LATE:
                raise OutcomeUnknownError("no answer")
            case _:
                pass
        self._check_window(timestamp_ms, self.window_ms)
        order = self._find_open(symbol, client_order_id, exchange_order_id)
        if order is not None and fault is Fault.FILL_CROSSES:
            self.fill(order.client_order_id)
            order = None
        if order is None:
            raise UnknownOrderError("Unknown order sent.")
        self._tell(self._change(order, status=OrderStatus.CANCELED))
        if fault is Fault.TIMEOUT_AFTER:
            raise OutcomeUnknownError("no answer")
        if fault is Fault.HANG:
            await self._released.wait()

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """The newest visible order with this client id."""
        return _one(reversed([order for order in self._visible(symbol) if order.client_order_id == client_order_id]))

    async def order_by_id(self, symbol: str, exchange_order_id: str) -> VenueOrder | None:
        """The order if it is visible."""
        return _one(one for one in self._visible(symbol) if one.exchange_order_id == exchange_order_id)

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        """The visible open orders."""
        return [order for order in self._visible(symbol) if order.status is OrderStatus.OPEN]

    async def open_orders_of(self, symbols: tuple[str, ...]) -> Books:
        """One read per symbol."""
        return await books_one_by_one(symbols, self.open_orders)

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        """The visible orders of the time range."""
        return [order for order in self._visible(symbol) if since_ms <= order.created_ms <= until_ms]

    async def order_history(self, symbol: str) -> list[VenueOrder]:
        """All visible orders, oldest first."""
        self._read()
        return sorted(self._visible(symbol), key=lambda order: int(order.exchange_order_id))

    async def trade_history(self, symbol: str) -> list[VenueTrade]:
        """All visible trades, oldest first."""
        self._read()
        return self._trades(symbol)

    async def trades_after(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        """Trades after the cursor: by id, or by time before the first id is known."""
        self.trade_reads += 1
        if cursor.after_id:
            return [one for one in self._trades(symbol) if int(one.fill.trade_id) > int(cursor.after_id)]
        return [one for one in self._trades(symbol) if one.time_ms >= cursor.since_ms]

    async def trades_of_order(self, symbol: str, exchange_order_id: str) -> list[VenueTrade]:
        """The order's visible trades."""
        return [one for one in self._trades(symbol) if one.exchange_order_id == exchange_order_id]

    async def balances(self) -> list[VenueBalance]:
        """A fixed pair: the fake has no balances."""
        self._read_account()
        return [VenueBalance("BTC", Decimal(1), Decimal(0)), VenueBalance("USDT", Decimal(1000), Decimal(0))]

    async def market_rules(self, symbol: str) -> MarketRules:
        """`RULES` under the requested symbol."""
        self._read_account()
        return replace(RULES, symbol=symbol)

    async def time_ms(self) -> int:
        """The venue's clock."""
        self._read()
        return self.now_ms

    def set_skew(self, skew_ms: int) -> None:
        """Stores it for the test to inspect."""
        self.known_skew_ms = skew_ms

    def weight_of_open_orders(self, count: int) -> int:
        """One request per symbol."""
        return count

    @property
    def weight_of_trades(self) -> int:
        """One request."""
        return 1

    def pay_from(self, throttle: Throttle) -> None:
        """Does nothing: reads cost nothing here."""

    async def hints(self, symbol: str) -> AsyncIterator[Hint]:
        """Events from now on, modified by `bend_hints`."""
        stream: asyncio.Queue[Hint | None] = asyncio.Queue()
        self._streams.append(stream)
        try:
            while (hint := await stream.get()) is not None:
                if hint.symbol == symbol:
                    yield hint
            raise ReadFailedError("the stream broke")
        finally:
            self._streams.remove(stream)

    async def close(self) -> None:
        """Does nothing: there is nothing to close."""

    # Internals

    def _next_fault(self) -> Fault | None:
        return self.faults.popleft() if self.faults else None

    def _check_window(self, timestamp_ms: int, window_ms: int | None) -> None:
        if window_ms is None:
            return
        if timestamp_ms < self.now_ms - window_ms or timestamp_ms > self.now_ms + 1_000:
            raise RefusedError(Refusal.CLOCK_SKEW, "Timestamp for this request is outside of the recvWindow.")

    def _admit(self, symbol: str, place: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        self.places_received += 1
        self._check_window(timestamp_ms, self.window_ms)
        if any(one.client_order_id == place.client_order_id for one in self._open(symbol)):
            raise DuplicateError("Duplicate order sent.")
        order = VenueOrder(
            symbol=symbol,
            client_order_id=place.client_order_id,
            exchange_order_id=str(len(self.orders) + 1),
            side=place.side,
            price=place.price,
            quantity=place.quantity,
            executed=Decimal(0),
            status=OrderStatus.OPEN,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )
        self.orders[order.exchange_order_id] = order
        self.hidden_until_ms[order.exchange_order_id] = self.now_ms + self.hide_new_orders_ms
        if not self.hide_new_orders_ms:
            self._tell(order)
        return order

    def _change(self, order: VenueOrder, **changes: object) -> VenueOrder:
        changed = replace(order, updated_ms=self.now_ms, **changes)  # type: ignore[arg-type]  # named by the callers here
        self.orders[order.exchange_order_id] = changed
        return changed

    def _tell(self, *hints: Hint) -> None:
        for hint in self.bend_hints(list(hints)):
            for stream in self._streams:
                stream.put_nowait(hint)

    def _open(self, symbol: str) -> list[VenueOrder]:
        return [one for one in self.orders.values() if one.symbol == symbol and one.status is OrderStatus.OPEN]

    def _find_open(self, symbol: str, client_order_id: str, exchange_order_id: str) -> VenueOrder | None:
        for order in self._open(symbol):
            if order.exchange_order_id == exchange_order_id:
                return order
            if not exchange_order_id and order.client_order_id == client_order_id:
                return order
        return None

    def _visible(self, symbol: str) -> list[VenueOrder]:
        self._read_account()
        if symbol in self.unlisted | self.mute:
            raise ReadFailedError("Invalid symbol.")
        return [
            replace(order, unreadable="its price is missing") if number in self.unreadable else order
            for number, order in self.orders.items()
            if order.symbol == symbol and self.hidden_until_ms.get(number, 0) <= self.now_ms
        ]

    def _trades(self, symbol: str) -> list[VenueTrade]:
        shown = {order.exchange_order_id for order in self._visible(symbol)}
        return [
            replace(trade, unreadable="its fee is missing") if f"t{trade.fill.trade_id}" in self.unreadable else trade
            for trade in self.trades
            if trade.exchange_order_id in shown and trade.fill.trade_id not in self.hidden_trades
        ]

    def _read_account(self) -> None:
        """A signed request for account data; it uses the known offset of the venue's time."""
        self._read()
        try:
            self._check_window(self._clock() + self.known_skew_ms, self.window_ms)
        except RefusedError as error:
            raise ClockRefusedError(str(error)) from error

    def _read(self) -> None:
        if self.reads_to_fail > 0:
            self.reads_to_fail -= 1
            raise ReadFailedError("no answer")


def _one(found: Iterable[VenueOrder]) -> VenueOrder | None:
    """The first, None if there is none."""
    order = next(iter(found), None)
    if order is not None and order.unreadable:
        raise UnreadableError(order)
    return order

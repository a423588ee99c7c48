"""Venue implementation for ccxt. Code that is specific to Binance says so; `errors` interprets every error."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt import convert
from executor.venue.ccxt import errors as outcomes
from executor.venue.ccxt.fees import FeeReader
from executor.venue.ccxt.market_rules import market_rules
from executor.venue.ccxt.markets import MarketReader
from executor.venue.ccxt.meter import install_meter
from executor.venue.ccxt.stream import hints
from executor.venue.limits.request_weights import RequestWeights
from executor.venue.limits.throttle import Throttle
from executor.venue.market_refresh import EVERY_MS, SOME_EVERY_MS, MarketRefresh
from executor.venue.port import (
    Books,
    Hint,
    ReadFailedError,
    Refusal,
    RefusedError,
    TradeCursor,
    VenueBalance,
    VenueOrder,
    VenueTrade,
    books_one_by_one,
)
from executor.venue.shared_read import Fresh
from gridcore.model.actions import PlaceOrder
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import canonical
from gridcore.model.orders import OrderType
from gridservice import clock
from gridservice.config_file import did_you_mean

T = TypeVar("T")
_log = logging.getLogger(__name__)

_PAGE = 1_000  # Binance's maximum for trades and orders


class CcxtVenue:
    """Implements `venue.port.Venue` with a ccxt.pro client."""

    def __init__(self, client: Any, request_window_ms: int | None, weights: RequestWeights | None = None) -> None:
        self._client = client
        self._weights = weights or RequestWeights({})
        self._account: Fresh[Any] = Fresh(lambda: self._ask(self._client.fetch_balance))
        self._request_window_ms = request_window_ms  # if set, requests carry it and our timestamp
        self._pages_by_id = str(client.id).startswith("binance")
        self._fees = FeeReader(client)
        self._rules_age = MarketRefresh(SOME_EVERY_MS if self._pages_by_id else EVERY_MS)
        self._markets = MarketReader(client, self._ask)
        self._connected = False  # whether the list was read at least once
        self._followed: set[str] = set()  # symbols whose rules are in use
        self._reading = asyncio.Lock()

    @property
    def request_window_ms(self) -> int | None:
        """recvWindow in ms, None for an exchange whose requests do not expire."""
        return self._request_window_ms

    @property
    def trade_ids_rise(self) -> bool:
        """True for Binance."""
        return self._pages_by_id

    @property
    def markets_interval_ms(self) -> int:
        """How long a list of markets is used before it is read again."""
        return self._markets.interval_ms

    @property
    def name(self) -> str:
        """ccxt's id."""
        return str(self._client.id)

    async def connect(self, symbols: tuple[str, ...], *, anew: bool = False) -> Mapping[str, str]:
        """Loads the markets.

        An empty list is loaded again: ccxt caches also the result of a malformed reply.
        """
        if anew and self._connected:
            await self._markets.read(symbols)
        else:
            await self._ask(self._client.load_markets, not self._client.markets)
            if not self._client.markets:
                raise ReadFailedError("the list of markets is empty")
            self._connected = True
        self._rules_age.read(clock.now_ms())
        missing = [symbol for symbol in symbols if symbol not in self._client.markets]
        return {symbol: self._never_listed(symbol) for symbol in missing}

    async def _read_markets_if_due(self, symbol: str) -> None:
        self._followed.add(symbol)
        async with self._reading:
            now_ms = clock.now_ms()
            if not self._rules_age.due(now_ms):
                return
            self._rules_age.read(now_ms)  # also if it fails: the old rules count until the next time
            try:
                await self._markets.read(sorted(self._followed))
            except ReadFailedError as error:
                if error.blocked_until_ms:
                    raise
                _log.warning("the markets could not be read again, the previous rules apply: %s", error)

    def _never_listed(self, symbol: str) -> str:
        remedy = did_you_mean(symbol, self._client.markets, "write it as ccxt does, such as BTC/USDT")
        return f"grids.symbol = {symbol!r}: {self._client.id} does not trade it; {remedy}"

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """Calls create_order with our id and timestamp."""
        params = {"clientOrderId": order.client_order_id, **self._signed(timestamp_ms)}
        if order.type is OrderType.LIMIT_MAKER:
            params["postOnly"] = True
        price, quantity = canonical(order.price), canonical(order.quantity)
        try:
            self._refuse_rounding(symbol, order)
            reply = await self._client.create_order(symbol, "limit", order.side.value.lower(), quantity, price, params)
        except RefusedError as error:
            self._rules_age.refused(error.reason)
            raise
        except ccxt.BaseError as error:
            meaning = outcomes.of_create(error, clock.now_ms(), self._retry_after_ms())
            if isinstance(meaning, RefusedError):
                self._rules_age.refused(meaning.reason)
            raise meaning from error
        return convert.placed_order(reply)

    async def cancel(self, symbol: str, client_order_id: str, exchange_order_id: str, timestamp_ms: int) -> None:
        """Calls cancel_order with the exchange order id, or with ours if that is empty."""
        params = self._signed(timestamp_ms)
        if not exchange_order_id:
            params["clientOrderId"] = client_order_id
        try:
            await self._client.cancel_order(exchange_order_id or None, symbol, params)
        except ccxt.BaseError as error:
            raise outcomes.of_cancel(error, clock.now_ms(), self._retry_after_ms()) from error

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Calls fetch_order with our id."""
        return await self._order(None, symbol, {"clientOrderId": client_order_id})

    async def order_by_id(self, symbol: str, exchange_order_id: str) -> VenueOrder | None:
        """Calls fetch_order with the exchange order id."""
        return await self._order(exchange_order_id, symbol, {})

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        """Calls fetch_open_orders."""
        return [convert.listed_order(raw) for raw in await self._ask(self._client.fetch_open_orders, symbol)]

    async def open_orders_of(self, symbols: tuple[str, ...]) -> Books:
        """Makes one call for the whole account if that weighs less than one per symbol.

        An order that does not name its market may belong to any, so each book includes it.
        """
        if not self._asks_for_all(len(symbols)):
            return await books_one_by_one(symbols, self.open_orders)
        found: dict[str, list[VenueOrder]] = {symbol: [] for symbol in symbols}
        for raw in await self._ask(self._client.fetch_open_orders):
            for symbol in [raw["symbol"]] if raw.get("symbol") else symbols:
                if symbol in found:
                    found[symbol].append(convert.listed_order({**raw, "symbol": symbol}))
        return found

    def weight_of_open_orders(self, count: int) -> int:
        """Returns the weight of the cheaper way."""
        if self._asks_for_all(count):
            return self._weights.of("GET", "openOrders", {})
        return count * self._weights.of("GET", "openOrders", {"symbol": ""})

    @property
    def weight_of_trades(self) -> int:
        """Weight of myTrades for one symbol."""
        return self._weights.of("GET", "myTrades", {"symbol": ""})

    def _asks_for_all(self, count: int) -> bool:
        if not self._weights.knows("GET openOrders without symbol"):
            return False
        each = self._weights.of("GET", "openOrders", {"symbol": ""})
        return self._weights.of("GET", "openOrders", {}) < count * each

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        """Calls fetch_orders for one page; raises ReadFailedError if the span holds more."""
        raws = await self._ask(self._client.fetch_orders, symbol, since_ms, _PAGE, {"until": until_ms})
        if len(raws) >= _PAGE:
            raise ReadFailedError(f"{symbol} has {_PAGE} or more orders between {since_ms} and {until_ms}")
        return [convert.listed_order(raw) for raw in raws]

    async def order_history(self, symbol: str) -> list[VenueOrder]:
        """Calls fetch_orders; pages by orderId on Binance, elsewhere one page plus the open orders."""
        found: dict[str, VenueOrder] = {}
        if not self._pages_by_id:
            found = {order.exchange_order_id: order for order in await self.open_orders(symbol)}
            name = "fetch_orders" if self._client.has.get("fetchOrders") else "fetch_closed_orders"
            raws = await self._ask(getattr(self._client, name), symbol, None, _PAGE)
            found |= {raw["id"]: convert.listed_order(raw) for raw in raws}
            return sorted(found.values(), key=_order_age)
        first = 1
        while True:
            raws = await self._ask(self._client.fetch_orders, symbol, None, _PAGE, {"orderId": first})
            page = [convert.listed_order(raw) for raw in raws]
            found |= {order.exchange_order_id: order for order in page}
            if len(page) < _PAGE:
                return sorted(found.values(), key=_order_age)
            first = max(int(order.exchange_order_id or 0) for order in page) + 1

    async def trade_history(self, symbol: str) -> list[VenueTrade]:
        """Calls fetch_my_trades from the first trade on."""
        return await self.trades_after(symbol, TradeCursor("0" if self._pages_by_id else "", 0))

    async def trades_after(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        """Calls fetch_my_trades; pages by fromId on Binance, by time elsewhere and before the first id."""
        found: dict[str, VenueTrade] = {}
        while True:
            page = await self._trades_page(symbol, cursor)
            fresh = [trade for trade in page if trade.fill.trade_id not in found]
            found |= {trade.fill.trade_id: trade for trade in fresh}
            if len(page) < _PAGE or not fresh:
                return sorted(found.values(), key=_age)
            cursor = TradeCursor(page[-1].fill.trade_id, page[-1].time_ms)

    async def trades_of_order(self, symbol: str, exchange_order_id: str) -> list[VenueTrade]:
        """Calls fetch_order_trades."""
        raws = await self._ask(self._client.fetch_order_trades, exchange_order_id, symbol, None, _PAGE)
        return [convert.trade(raw) for raw in raws]

    async def balances(self) -> list[VenueBalance]:
        """Calls fetch_balance."""
        return convert.balances(await self._account.read())

    async def market_rules(self, symbol: str) -> MarketRules:
        """Returns the market as it was read last, with the account's fees."""
        await self._read_markets_if_due(symbol)
        fees = await self._ask(self._fees.read, symbol, clock.now_ms())
        try:
            return market_rules(self._client.market(symbol), fees)
        except (ccxt.BaseError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ReadFailedError(f"the rules of {symbol} cannot be read: {outcomes.sentence(error)}") from error

    async def time_ms(self) -> int:
        """Calls fetch_time."""
        return convert.time_ms(await self._ask(self._client.fetch_time))

    def set_skew(self, skew_ms: int) -> None:
        """Sets timeDifference, which ccxt subtracts from local time if no timestamp is given."""
        self._client.options["timeDifference"] = -skew_ms

    def doubt_fees(self, symbol: str) -> None:
        """Makes the symbol's fees be read again soon."""
        self._fees.doubt(symbol)

    def pay_from(self, throttle: Throttle) -> None:
        """Installs the meter between ccxt and the network."""
        install_meter(self._client, throttle, self._weights)

    def hints(self, symbol: str) -> AsyncIterator[Hint]:
        """Calls watch_my_trades and watch_orders."""
        return hints(self._client, symbol)

    async def close(self) -> None:
        """Closes the client's sessions."""
        await self._client.close()

    def _refuse_rounding(self, symbol: str, order: PlaceOrder) -> None:
        """Refuses an order that ccxt would round: it silently rounds prices half up and cuts amounts.

        Only MarketRules may round.
        """
        price = self._client.price_to_precision(symbol, canonical(order.price))
        quantity = self._client.amount_to_precision(symbol, canonical(order.quantity))
        if (Decimal(price), Decimal(quantity)) != (order.price, order.quantity):
            raise RefusedError(
                Refusal.INVALID_ORDER,
                f"price {order.price} or quantity {order.quantity} is off the steps of {symbol}: nothing was sent",
            )

    def _signed(self, timestamp_ms: int) -> dict[str, Any]:
        window_ms = self._request_window_ms
        return {} if window_ms is None else {"timestamp": timestamp_ms, "recvWindow": window_ms}

    async def _order(self, exchange_order_id: str | None, symbol: str, params: dict[str, str]) -> VenueOrder | None:
        try:
            raw = await self._client.fetch_order(exchange_order_id, symbol, params)
        except ccxt.OrderNotFound:
            return None
        except Exception as error:  # ccxt's parsers raise any error for a malformed reply
            raise outcomes.of_read(error, clock.now_ms(), self._retry_after_ms()) from error
        return convert.order(raw)

    async def _trades_page(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        if self._pages_by_id and cursor.after_id:
            raws = await self._ask(
                self._client.fetch_my_trades, symbol, None, _PAGE, {"fromId": int(cursor.after_id) + 1}
            )
        else:
            raws = await self._ask(self._client.fetch_my_trades, symbol, cursor.since_ms, _PAGE)
        return sorted((convert.trade(raw) for raw in raws), key=_age)

    async def _ask(self, method: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        try:
            return await method(*arguments)
        except Exception as error:  # ccxt's parsers raise any error for a malformed reply
            raise outcomes.of_read(error, clock.now_ms(), self._retry_after_ms()) from error

    def _retry_after_ms(self) -> int:
        headers = self._client.last_response_headers or {}
        text = next((str(value) for name, value in headers.items() if str(name).lower() == "retry-after"), "")
        return int(text) * 1_000 if text.isdecimal() else 0


def _order_age(order: VenueOrder) -> tuple[int, int, str]:
    order_id = order.exchange_order_id
    return (order.created_ms, int(order_id) if order_id.isdecimal() else 0, order_id)


def _age(trade: VenueTrade) -> tuple[int, int, str]:
    trade_id = trade.fill.trade_id
    return (trade.time_ms, int(trade_id) if trade_id.isdecimal() else 0, trade_id)

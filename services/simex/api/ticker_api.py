"""The ticker endpoints: prices, best quotes, averages and statistics over windows of time."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from gridsim.candles import DAY_MS, MINUTE_MS
from simex.access.symbol_params import SymbolParams
from simex.market_data import ticker_payloads as payloads
from simex.market_data.market import PublicMarket
from simex.protocol.call import Call
from simex.protocol.errors import ApiError
from simex.protocol.formats import Json
from simex.protocol.kline_intervals import INTERVALS, window_ms, zone_ms
from simex.protocol.params import Params

_DAY = INTERVALS["1d"]


class _Type(Enum):
    FULL = "FULL"
    MINI = "MINI"


class TickerApi:
    """Each method is an endpoint: it takes a call and returns JSON; one object for `symbol`, else a list."""

    def __init__(self, listed: SymbolParams, markets: Mapping[str, PublicMarket]) -> None:
        self._listed = listed
        self._markets = markets

    def price(self, call: Call) -> Json | list[Json]:
        """GET ticker/price."""
        symbols = self._listed.several(call.params)
        return self._told(call.params, symbols, lambda market: payloads.price_ticker(market.symbol, market.price))

    def book(self, call: Call) -> Json | list[Json]:
        """GET ticker/bookTicker."""
        symbols = self._listed.several(call.params)
        return self._told(call.params, symbols, lambda market: payloads.book_ticker(market.book))

    def average(self, call: Call) -> Json:
        """GET avgPrice."""
        return self._markets[self._listed.one(call.params)].average_price(call.now_ms)

    def day(self, call: Call) -> Json | list[Json]:
        """GET ticker/24hr."""
        symbols = self._listed.several(call.params)
        return self._told(call.params, symbols, _of_type(call.params, lambda market: market.day_ticker(call.now_ms)))

    def rolling(self, call: Call) -> Json | list[Json]:
        """GET ticker: a window of 1m to 7d that begins on a minute."""
        symbols = self._listed.named(call.params)
        start_ms = call.now_ms - window_ms(call.params.optional("windowSize") or "1d")
        opened_ms = start_ms - start_ms % MINUTE_MS
        tell = _of_type(call.params, lambda market: market.statistics(opened_ms, call.now_ms))
        return self._told(call.params, symbols, tell)

    def trading_day(self, call: Call) -> Json | list[Json]:
        """GET ticker/tradingDay: from midnight in the requested time zone to the next."""
        symbols = self._listed.named(call.params)
        zone = zone_ms(call.params.text("timeZone")) if "timeZone" in call.params else 0
        opened_ms = _DAY.opening(call.now_ms, zone)
        tell = _of_type(call.params, lambda market: market.statistics(opened_ms, opened_ms + DAY_MS - 1))
        return self._told(call.params, symbols, tell)

    def _told(self, params: Params, symbols: Iterable[str], tell: Callable[[PublicMarket], Json]) -> Json | list[Json]:
        told = [tell(self._markets[symbol]) for symbol in symbols]
        return told[0] if "symbol" in params else told


def _of_type(params: Params, full: Callable[[PublicMarket], Json]) -> Callable[[PublicMarket], Json]:
    """The full ticker, or the fields that `type=MINI` keeps."""
    kind = params.optional_word("type", _Type, _Type.FULL, ApiError(-1139, "Invalid ticker type."))
    return full if kind is _Type.FULL else lambda market: payloads.mini(full(market))

"""The public endpoints except the tickers: time, rules, the order book, public trades, klines."""

import json

from gridsim.candles import EVER_MS
from gridsim.outcome import Print
from simex.access.limits import Limits
from simex.access.symbol_params import SymbolParams
from simex.api.ticker_api import TickerApi
from simex.exchange.venue import Venue
from simex.market_data import payloads
from simex.market_data.exchange_info import PERMISSION, exchange_filters, exchange_info
from simex.market_data.market import PublicMarket
from simex.market_data.record import PublicRecord
from simex.protocol.call import Call
from simex.protocol.errors import ApiError, invalid
from simex.protocol.formats import Json
from simex.protocol.kline_intervals import interval_of, zone_ms
from simex.protocol.params import Params


class PublicApi:
    """Each method is an endpoint: it takes a call and returns JSON. exchangeInfo includes `limits`."""

    def __init__(self, venue: Venue, record: PublicRecord, limits: Limits) -> None:
        self._venue = venue
        self._limits = limits
        self._record = record
        self._listed = SymbolParams(venue)
        self._markets = {symbol: PublicMarket(symbol, venue, record) for symbol in venue.listings}
        self.tickers = TickerApi(self._listed, self._markets)

    def symbol(self, params: Params) -> str:
        """The market that the request names, as ccxt writes it."""
        return self._listed.one(params)

    def ping(self, call: Call) -> Json:
        """GET ping."""
        return {}

    def time(self, call: Call) -> Json:
        """GET time."""
        return {"serverTime": call.now_ms}

    def exchange_info(self, call: Call) -> Json:
        """GET exchangeInfo, of all symbols or those named or permitted."""
        params = call.params
        named, permitted = "symbol" in params or "symbols" in params, "permissions" in params
        if named and (permitted or "symbolStatus" in params):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        symbols = self._listed.several(params)
        if permitted and PERMISSION not in _permissions(params.text("permissions")):
            symbols = []
        shown = "showPermissionSets" not in params or params.flag("showPermissionSets")
        rules = (self._markets[symbol].book.rules for symbol in symbols)
        told = exchange_info(rules, self._limits.settings.published, call.now_ms, permission_sets=shown)
        return told | {"exchangeFilters": exchange_filters(self._venue.most_open)}

    def depth(self, call: Call) -> Json:
        """GET depth."""
        return payloads.depth(self._market(call.params).look(), call.params.limit(100, 5000))

    def trades(self, call: Call) -> list[Json]:
        """GET trades."""
        limit = call.params.limit(500, 1000)
        return [payloads.public_trade(each) for each in self._prints(call.params)[-limit:]]

    def historical_trades(self, call: Call) -> list[Json]:
        """GET historicalTrades, as far as simex keeps them."""
        prints, limit = self._prints(call.params), call.params.limit(500, 1000)
        first = call.params.optional_whole("fromId")
        found = prints[-limit:] if first is None else [each for each in prints if each.trade_id >= first][:limit]
        return [payloads.public_trade(each) for each in found]

    def aggregate_trades(self, call: Call) -> list[Json]:
        """GET aggTrades, as far as simex keeps them."""
        first = call.params.optional_whole("fromId") or 0
        start_ms, end_ms = _stretch(call.params)
        prints = self._prints(call.params)
        found = [each for each in prints if each.trade_id >= first and start_ms <= each.time_ms <= end_ms]
        limit = call.params.limit(500, 1000)
        oldest_first = first or start_ms
        return [payloads.aggregate_trade(each) for each in (found[:limit] if oldest_first else found[-limit:])]

    def klines(self, call: Call) -> list[list[object]]:
        """GET klines and uiKlines, as far as simex keeps them."""
        params = call.params
        market, interval = self._market(params), interval_of(params.text("interval"))
        zone = zone_ms(params.text("timeZone")) if "timeZone" in params else 0
        start_ms, end_ms = _stretch(params)
        limit = params.limit(500, 1000)
        klines = market.klines(interval, call.now_ms, zone)
        found = [each for each in klines if start_ms <= each.candle.opened_ms <= end_ms]
        shown = found[:limit] if start_ms else found[-limit:]
        return [payloads.kline(each.candle, each.end_ms) for each in shown]

    def _prints(self, params: Params) -> list[Print]:
        return self._record.prints(self.symbol(params))

    def _market(self, params: Params) -> PublicMarket:
        return self._markets[self.symbol(params)]


def _stretch(params: Params) -> tuple[int, int]:
    """The requested time range, inclusive."""
    start_ms, end_ms = params.optional_time_ms("startTime"), params.optional_time_ms("endTime")
    return start_ms or 0, EVER_MS if end_ms is None else end_ms


def _permissions(text: str) -> list[object]:
    """Parses one permission, or a JSON list of them."""
    if not text.startswith("["):
        return [text]
    try:
        permissions = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("permissions") from None
    return permissions if isinstance(permissions, list) else []

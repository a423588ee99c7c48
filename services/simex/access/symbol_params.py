"""Resolves the markets that a request names: `symbol`, `symbols` or neither, and `symbolStatus`."""

import json
import re

from gridsim.filters import TradingStatus
from simex.exchange.venue import Venue
from simex.protocol.errors import ApiError, illegal, neither
from simex.protocol.formats import market_id
from simex.protocol.params import Params

_MARKET_ID = re.compile(r"[^\Wa-z]([^\Wa-z]|[-.]){0,49}")
_LEGAL_ID = "^[A-Z0-9-_.]{1,20}$"  # as in Binance's messages; it also lists symbols with other letters
_LEGAL_LIST = r"^\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\]$"


class SymbolParams:
    """Each method returns markets as ccxt writes them, or raises ApiError. Delisted markets do not exist."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._symbols = {market_id(symbol): symbol for symbol in venue.listings}

    def one(self, params: Params) -> str:
        """The required market, in the requested status."""
        symbol = self._known(params.text("symbol"))
        if not self._has_status(symbol, params):
            raise ApiError(-1220, "The symbol's status does not match the requested symbolStatus.")
        return symbol

    def several(self, params: Params) -> list[str]:
        """The named markets, or all if none is named, without those of another status than requested."""
        if "symbol" in params and "symbols" in params:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in params:
            return [self.one(params)]
        named = params.optional("symbols")
        symbols = self._venue.listed if named is None else [self._known(name) for name in _names(named)]
        return [symbol for symbol in symbols if self._has_status(symbol, params)]

    def named(self, params: Params) -> list[str]:
        """The same, but at least one must be named."""
        if "symbol" not in params and "symbols" not in params:
            raise neither("symbol", "symbols")
        return self.several(params)

    def _known(self, name: str) -> str:
        symbol = self._symbols.get(name)
        if symbol is not None and self._venue.listings[symbol].rules.listed:
            return symbol
        raise ApiError(-1121, "Invalid symbol.") if _MARKET_ID.fullmatch(name) else illegal("symbol", _LEGAL_ID)

    def _has_status(self, symbol: str, params: Params) -> bool:
        """Whether a market has the requested status; true if none is requested."""
        if "symbolStatus" not in params:
            return True
        asked = params.word("symbolStatus", TradingStatus, ApiError(-1122, "Invalid symbolStatus."))
        return self._venue.listings[symbol].rules.status is asked


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise illegal("symbols", _LEGAL_LIST)
    if len(set(names)) != len(names):
        raise ApiError(-1151, "Symbol is present multiple times in the list.")
    return names

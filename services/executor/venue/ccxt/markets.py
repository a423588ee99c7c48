"""Re-reads the venue's markets at run time, by name where the exchange supports that.

Binance's whole list is megabytes, but a halt or a changed step must be noticed within seconds. A few markets by name
cost the same weight and little bandwidth. One unlisted name makes Binance refuse the whole request; then the full list
is read once to find out which it is.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.port import ReadFailedError


class MarketReader:
    """Keeps the markets of a ccxt client current. `ask` makes a call and raises ReadFailedError."""

    def __init__(self, client: Any, ask: Callable[..., Awaitable[Any]]) -> None:
        self._client = client
        self._ask = ask
        self._by_name = str(client.id).startswith("binance")
        self._gone: dict[str, str] = {}  # ids of markets that were listed and are no longer

    @property
    def interval_ms(self) -> int:
        """How often (ms) the markets may be read again: for Binance a weight of 400 per minute, of 6,000."""
        return 3_000 if self._by_name else 60_000

    async def read(self, symbols: Sequence[str]) -> None:
        """Reads the markets of these symbols, or all. Raises ReadFailedError and leaves the markets unchanged."""
        if not self._by_name:
            await self._read_all()
            return
        known = [symbol for symbol in symbols if symbol in self._client.markets]
        for symbol in symbols:
            if symbol not in self._client.markets:  # missing since before startup: Binance's ids are the two assets
                self._gone.setdefault(symbol, symbol.replace("/", ""))
        ids = {symbol: str(self._client.markets[symbol]["id"]) for symbol in known}
        if known and not await self._read_some(list(ids.values())):
            await self._read_all(without=known)
            self._gone |= {symbol: ids[symbol] for symbol in known if symbol not in self._client.markets}
        for symbol, market_id in list(self._gone.items()):
            if await self._read_some([market_id]):
                del self._gone[symbol]

    async def _read_some(self, ids: Sequence[str]) -> bool:
        """Reads the given markets. Returns whether the venue lists all of them."""
        names = json.dumps(ids, ensure_ascii=False, separators=(",", ":"))
        try:
            markets = await self._ask(self._fetch, names)
        except ReadFailedError as error:
            if isinstance(error.__cause__, ccxt.BadSymbol):
                return False
            raise
        for market in markets:
            self._client.markets[market["symbol"]] = market
            self._client.markets_by_id[market["id"]] = [market]
        return bool(markets)

    async def _fetch(self, names: str) -> Any:
        return await self._client.fetch_markets({"symbols": names})

    async def _read_all(self, without: Sequence[str] = ()) -> None:
        """Replaces all markets. An empty list replaces nothing, unless the venue has just denied one of `without`."""
        markets = await self._ask(self._client.fetch_markets)
        if markets:
            self._client.set_markets(markets)
        elif not without:
            raise ReadFailedError("the list of markets is empty")
        for symbol in () if markets else without:
            del self._client.markets[symbol]

"""Reading the venue's markets again while it runs: cheaply, where it can be asked for some of them by name.

Binance's whole list is megabytes, and a halt or a changed step is to be seen within seconds; a few markets by name cost
the same weight and next to nothing else. One name that is not listed refuses the whole question: then the list says,
once, which it is.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.port import ReadFailedError


class MarketReader:
    """Keeps a ccxt client's markets at what the venue has. `ask` makes a call and raises ReadFailedError."""

    def __init__(self, client: Any, ask: Callable[..., Awaitable[Any]]) -> None:
        self._client = client
        self._ask = ask
        self._by_name = str(client.id).startswith("binance")
        self._gone: dict[str, str] = {}  # ids of markets that were listed and are not any more

    @property
    def interval_ms(self) -> int:
        """How often the markets may be read again: Binance's for a weight of 400 a minute, of 6,000."""
        return 3_000 if self._by_name else 60_000

    async def read(self, symbols: Sequence[str]) -> None:
        """Reads the markets of these symbols, or all. Raises ReadFailedError, with the markets as they were."""
        if not self._by_name:
            await self._read_all()
            return
        known = [symbol for symbol in symbols if symbol in self._client.markets]
        for symbol in symbols:
            if symbol not in self._client.markets:  # since before this process began: Binance's ids are the two assets
                self._gone.setdefault(symbol, symbol.replace("/", ""))
        ids = {symbol: str(self._client.markets[symbol]["id"]) for symbol in known}
        if known and not await self._read_some(list(ids.values())):
            await self._read_all(without=known)
            self._gone |= {symbol: ids[symbol] for symbol in known if symbol not in self._client.markets}
        for symbol, market_id in list(self._gone.items()):
            if await self._read_some([market_id]):
                del self._gone[symbol]

    async def _read_some(self, ids: Sequence[str]) -> bool:
        """Whether the venue lists all of them; then they are read."""
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
        """Replaces all. A list without any replaces nothing, unless the venue has just denied one of `without`."""
        markets = await self._ask(self._client.fetch_markets)
        if markets:
            self._client.set_markets(markets)
        elif not without:
            raise ReadFailedError("a list of markets without any")
        for symbol in () if markets else without:
            del self._client.markets[symbol]

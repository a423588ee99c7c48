"""The user stream through ccxt.pro as one iterator of hints, which ends with an error when the stream breaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt import convert
from executor.venue.ccxt.errors import sentence
from executor.venue.port import Hint, ReadFailedError


async def hints(client: Any, symbol: str) -> AsyncIterator[Hint]:
    """Trades and orders of the symbol as the stream tells them. Raises ReadFailedError when it breaks."""
    heard: asyncio.Queue[Hint | ReadFailedError] = asyncio.Queue()
    tasks = [
        asyncio.create_task(_pump(client.watch_my_trades, symbol, convert.trade, heard)),
        asyncio.create_task(_pump(client.watch_orders, symbol, convert.listed_order, heard)),
    ]
    try:
        while True:
            hint = await heard.get()
            if isinstance(hint, ReadFailedError):
                raise hint
            yield hint
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(watch: Any, symbol: str, read: Any, heard: asyncio.Queue[Hint | ReadFailedError]) -> None:
    while True:
        try:
            for raw in await watch(symbol):
                hint = read(raw)
                if not hint.unreadable:  # the poll finds what cannot be read
                    heard.put_nowait(hint)
        except (ccxt.BaseError, ReadFailedError, OSError) as error:
            heard.put_nowait(ReadFailedError(sentence(error)))
            return
        except Exception as error:  # noqa: BLE001  # ccxt raises bare KeyErrors out of its caches; a hint is only a hint
            heard.put_nowait(ReadFailedError(sentence(error)))
            return

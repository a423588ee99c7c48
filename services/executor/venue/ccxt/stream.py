"""User stream of ccxt.pro as one iterator of events; raises an error when the stream breaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt import convert
from executor.venue.ccxt.errors import sentence
from executor.venue.port import Hint, ReadFailedError
from gridservice.tasks import cancel_and_wait


async def hints(client: Any, symbol: str) -> AsyncIterator[Hint]:
    """Streams trades and orders of the symbol. Raises ReadFailedError when the stream breaks."""
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
        await cancel_and_wait(tasks)


async def _pump(watch: Any, symbol: str, read: Any, heard: asyncio.Queue[Hint | ReadFailedError]) -> None:
    while True:
        try:
            for raw in await watch(symbol):
                hint = read(raw)
                if not hint.unreadable:  # the poll finds what cannot be parsed
                    heard.put_nowait(hint)
        except (ccxt.BaseError, ReadFailedError, OSError) as error:
            heard.put_nowait(ReadFailedError(sentence(error)))
            return
        except Exception as error:  # noqa: BLE001  # ccxt's caches raise bare KeyErrors; the poll finds what is lost
            heard.put_nowait(ReadFailedError(sentence(error)))
            return

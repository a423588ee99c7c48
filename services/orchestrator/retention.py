"""Nothing durable grows for ever: journal rows and finished workflows go after a while. What is unfinished stays."""

import asyncio
import logging
from collections.abc import Iterable

from orchestrator import dbos_runtime
from orchestrator.clock import now_ms
from orchestrator.store import Store

log = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0
_HOUR_MS = 3_600_000


async def prune_forever(stores: Iterable[Store], retention_hours: int) -> None:
    """Prunes now and every ten minutes."""
    while True:
        await asyncio.to_thread(prune, list(stores), now_ms() - retention_hours * _HOUR_MS)
        await asyncio.sleep(_EVERY_SECONDS)


def prune(stores: Iterable[Store], before_ms: int) -> None:
    """Removes what ended before. The floor is each state's own seq: a request at or below it is never run again."""
    rows = sum(store.prune(before_ms) for store in stores)
    gone = 0
    while deleted := dbos_runtime.delete_finished(before_ms):
        gone += deleted
    if rows or gone:
        log.info("pruned %d journal rows and %d workflows", rows, gone)

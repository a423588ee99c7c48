"""Nothing durable grows for ever: journal rows and finished workflows go after a while. What is unfinished stays."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from orchestrator import dbos_runtime
from orchestrator.clock import now_ms
from orchestrator.desk import Desk
from orchestrator.start import move_ledger_cursor
from orchestrator.store import Store

log = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0
_HOUR_MS = 3_600_000


async def prune_forever(desks: Sequence[Desk], retention_hours: int) -> None:
    """Every ten minutes prunes, and marks how far the ledger is settled."""
    while True:
        stores = [desk.keeper.store for desk in desks]
        await asyncio.to_thread(prune, stores, now_ms() - retention_hours * _HOUR_MS)
        await asyncio.sleep(_EVERY_SECONDS)
        for desk in desks:
            await move_ledger_cursor(desk)


def prune(stores: Iterable[Store], before_ms: int) -> None:
    """Removes what ended before. The floor is each state's own seq: a request at or below it is never run again."""
    rows = sum(store.prune(before_ms) for store in stores)
    gone = 0
    while deleted := dbos_runtime.delete_finished(before_ms):
        gone += deleted
    if rows or gone:
        log.info("pruned %d journal rows and %d workflows", rows, gone)

"""Prunes journal rows and finished workflows after the retention time. Unfinished workflows are kept.

It also reports to the executor how far it may prune: settled requests, and order updates that the state has applied.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import grpc

from gridrpc.errors import RpcError
from gridservice.clock import now_ms
from orchestrator.engine import WorkflowEngine
from orchestrator.errors import SymbolRefusedError
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.takeover.takeover import move_ledger_cursor

log = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0
_HOUR_MS = 3_600_000


async def prune_forever(
    contexts_now: Callable[[], Sequence[SymbolContext]], engine: WorkflowEngine, retention_hours: int
) -> None:
    """Every ten minutes prunes, stores how far the ledger's requests are settled, and acknowledges its update log."""
    while True:
        states = [context.committed for context in contexts_now()]
        await asyncio.to_thread(prune, states, engine, now_ms() - retention_hours * _HOUR_MS)
        await asyncio.sleep(_EVERY_SECONDS)
        for context in contexts_now():
            if context.trading:
                await _mark(context)
                await acknowledge(context)


async def _mark(context: SymbolContext) -> None:
    try:
        await move_ledger_cursor(context)
    except (RpcError, SymbolRefusedError) as refusal:
        log.warning("%s: the ledger cursor could not be moved: %s", context.symbol, refusal)


async def acknowledge(context: SymbolContext) -> None:
    """Stores the state in the ledger as the checkpoint of a rebuild, so that the log before it can be pruned."""
    state = context.state
    try:
        await context.executor.acknowledge(context.symbol, context.epoch, state)
    except grpc.aio.AioRpcError as error:
        log.warning("%s: update log not acknowledged up to %d: %s", context.symbol, state.event_offset, error.details())


def prune(states: Iterable[CommittedState], engine: WorkflowEngine, before_ms: int) -> None:
    """Deletes journal rows and workflows that ended before.

    This is safe because a request at or below the state's seq is never run again.
    """
    rows = sum(committed.prune(before_ms) for committed in states)
    gone = engine.prune(before_ms)
    if rows or gone:
        log.info("pruned %d journal rows and %d workflows", rows, gone)

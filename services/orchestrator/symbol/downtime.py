"""Records periodically when prices were last watched, so that a startup can measure the downtime before it.

The time of the last commit does not serve, because prices inside the quiet band commit nothing. A record is up to one
interval old when the process stops. The startup counts that interval as watched, which can only make the jump rule
stricter. During a database outage nothing is recorded: a process that is stopped in a long outage resets the jump
rule's memory too early.
"""

import asyncio
from collections.abc import Callable, Sequence

from gridservice.clock import now_ms
from gridservice.errors import StopError
from orchestrator.symbol.context import SymbolContext

_EVERY_MS = 10_000
_BETWEEN_NOTES_MS = 2 * _EVERY_MS  # upper bound, on a slow machine
_TURN_SECONDS = 1.0


def last_look(context: SymbolContext) -> int:
    """Returns until when prices may have been watched, Unix ms; 0 if there is no record. Blocks."""
    noted_ms = context.committed.last_look()
    return noted_ms and noted_ms + _BETWEEN_NOTES_MS


async def note_looks(contexts_now: Callable[[], Sequence[SymbolContext]]) -> None:
    """Records the time for every trading symbol, one after another, each every ten seconds."""
    noted: dict[str, int] = {}
    while True:
        for context in contexts_now():
            looked_ms = _looked_ms(context)
            if looked_ms and abs(looked_ms - noted.get(context.symbol, 0)) >= _EVERY_MS:
                await _note(context, looked_ms)
                noted[context.symbol] = looked_ms
        await asyncio.sleep(_TURN_SECONDS)


def _looked_ms(context: SymbolContext) -> int:
    """Returns when the newest price was confirmed; 0 if the symbol does not trade or the database is unavailable."""
    if not context.trading or context.price is None or context.committed.away:
        return 0
    return context.price_heard_ms(now_ms())


async def _note(context: SymbolContext, looked_ms: int) -> None:
    try:
        await asyncio.to_thread(context.committed.note_look, looked_ms)
    except StopError as error:
        context.stop(error)

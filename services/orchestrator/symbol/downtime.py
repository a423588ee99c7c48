"""When prices were last looked at, noted from time to time: by it a start knows how long nobody has.

The last commit tells nothing of it, since quiet prices write nothing. A note says less than there was: looks go on
until the next one is due. So a start counts that time as looked at, which can only make the jump rule stricter. While a
database is away nothing is noted: whoever is stopped in a long outage begins the memory of prices anew too early.
"""

import asyncio
from collections.abc import Callable, Sequence

from orchestrator.clock import now_ms
from orchestrator.errors import StopError
from orchestrator.symbol.context import SymbolContext

_EVERY_MS = 10_000
_BETWEEN_NOTES_MS = 2 * _EVERY_MS  # at the most, on a slow machine
_TURN_SECONDS = 1.0


def last_look(context: SymbolContext) -> int:
    """Until when somebody may have looked, Unix ms; 0 where nothing is noted. Blocks."""
    noted_ms = context.committed.store.last_look()
    return noted_ms and noted_ms + _BETWEEN_NOTES_MS


async def note_looks(contexts_now: Callable[[], Sequence[SymbolContext]]) -> None:
    """Notes the looks of all symbols that trade, one after another, each every ten seconds."""
    noted: dict[str, int] = {}
    while True:
        for context in contexts_now():
            looked_ms = _looked_ms(context)
            if looked_ms and abs(looked_ms - noted.get(context.symbol, 0)) >= _EVERY_MS:
                await _note(context, looked_ms)
                noted[context.symbol] = looked_ms
        await asyncio.sleep(_TURN_SECONDS)


def _looked_ms(context: SymbolContext) -> int:
    """When the newest price was proved current; 0 where nobody acts on it, or it cannot be noted."""
    if not context.trading or context.price is None or context.committed.store.away:
        return 0
    return context.price_heard_ms(now_ms())


async def _note(context: SymbolContext, looked_ms: int) -> None:
    try:
        await asyncio.to_thread(context.committed.store.note_look, looked_ms)
    except StopError as error:
        context.stop(error)

"""Begins and ends the troubles of one symbol's grid as its state changes."""

import asyncio

from gridservice.clock import now_ms
from gridservice.troubles import Kind, Troubles
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.fee_watch import FeeWatch
from orchestrator.troubles.grid_troubles import GridTrouble, grid_troubles

_PAUSE_SECONDS = 0.5


class TroubleWatch:
    """Checks the committed state twice a second."""

    def __init__(self, context: SymbolContext, fees: FeeWatch, troubles: Troubles) -> None:
        self._context = context
        self._fees = fees
        self._troubles = troubles
        self._shown: dict[tuple[Kind, str], GridTrouble] = {}

    async def watch(self) -> None:
        """Checks until cancelled, then ends all of its troubles: a grid that does not run has none of this kind."""
        try:
            while True:
                self.look()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._show([])

    def look(self) -> None:
        """Checks once."""
        context = self._context
        if not context.trading:
            return
        found = grid_troubles(context.state, context.market, context.config, context.price, now_ms())
        found += [GridTrouble(Kind.FEES_DIFFER, which, says) for which, says in self._fees.says().items()]
        self._show(found)

    def _show(self, found: list[GridTrouble]) -> None:
        present = {(trouble.kind, trouble.subject): trouble for trouble in found}
        symbol = self._context.symbol
        for key in self._shown.keys() - present.keys():
            self._troubles.end(key[0], symbol=symbol, subject=key[1])
        for key, trouble in present.items():
            if self._shown.get(key) != trouble:
                self._troubles.begin(
                    trouble.kind,
                    trouble.message,
                    symbol=symbol,
                    subject=trouble.subject,
                    retry_at_ms=trouble.retry_at_ms,
                    since_ms=trouble.since_ms,
                )
        self._shown = present

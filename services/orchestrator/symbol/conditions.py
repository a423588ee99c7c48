"""Polls a symbol's conditions: market rules, funds and foreign orders. A change is committed as a step.

`gridcore` decides what a change means for the grid. Foreign orders are never touched (P6).
"""

import asyncio

from gridcore.bookkeeping.conditions import news
from gridcore.bookkeeping.fees import assumed
from gridcore.grid.funds import steady, to_record
from gridcore.grid.grid_checks import unfit
from gridcore.model.events import ConditionsSeen
from gridcore.model.state import Funds, Rule
from gridcore.risk.price_jump import unwatched_since
from gridservice.clock import now_ms
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.downtime import last_look
from orchestrator.symbol.fee_watch import FeeWatch
from orchestrator.symbol.loop import SymbolLoop


class ConditionsWatch:
    """Polls the conditions of one symbol."""

    def __init__(self, context: SymbolContext, loop: SymbolLoop) -> None:
        self.fees = FeeWatch(context)
        self._context = context
        self._loop = loop
        self._looked = False
        self._last: Funds | None = None  # found by the last poll
        self._looked_until_ms = 0  # when watching ended, if longer ago than the jump window; else 0

    async def look_first(self) -> None:
        """Polls once at startup, before the first price is processed. A change is committed when this returns.

        If prices went unwatched for longer than the jump window, the step also resets the jump rule's memory.
        """
        context = self._context
        at_ms = now_ms()
        looked_ms = await asyncio.to_thread(last_look, context)
        self._looked_until_ms = unwatched_since(looked_ms, at_ms, context.config.risk)
        await self.look()
        taken = asyncio.Event()

        async def take() -> None:
            taken.set()

        context.events.put_command(take)
        await taken.wait()
        self._looked_until_ms = 0

    async def look(self) -> None:
        """Polls the executor. A change is in the event queue when this returns, ahead of all later prices.

        Funds found by the first poll count at once. Later changes of funds count only when two polls in a row find
        them, because venue and update log show a fill at different moments.
        """
        context = self._context
        doubted = context.state.risk.rule is Rule.RULES_UNFIT or bool(self.fees.says())
        seen = await context.executor.conditions(context.symbol, fees_doubted=doubted)
        rules = assumed(seen.rules, context.config)
        found = to_record(context.state, rules, context.config, seen.funds)
        funds = steady(context.state.funds, self._last, found) if self._looked else found
        self._looked, self._last = True, found
        change = news(
            context.state,
            context.market,
            at_ms=now_ms(),
            rules=rules,
            foreign=seen.foreign,
            funds=funds,
            looked_until_ms=self._looked_until_ms,
            fits=context.state.rules is not None or not unfit(context.config, rules),
        )
        if change is not None:
            context.events.put_command(lambda: self._step(change))

    async def watch(self, pause_seconds: float) -> None:
        """Polls periodically, until cancelled."""
        while True:
            await asyncio.sleep(pause_seconds)
            await self.look()

    async def _step(self, change: ConditionsSeen) -> None:
        await self._loop.step(change)

"""Enters and exits safe mode in idempotent steps: a request id in the journal marks a step that is done.

A step writes through the symbol's event queue but waits outside of it, so that entering safe mode never delays order
updates.
"""

import asyncio
import logging

from gridcore.bookkeeping.reconcile import live_openings
from gridcore.model.events import ModeChanged
from gridcore.model.ids import parse_client_order_id
from gridcore.model.orders import Role
from gridcore.model.state import Mode, Rule, State
from gridrpc.errors import FailedPrecondition
from gridservice.backoff import backoff_seconds
from gridservice.clock import now_ms
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.mode_changes import ModeChanger
from orchestrator.symbol.procedures import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.under_way import ProceduresUnderWay

log = logging.getLogger(__name__)


class SafeModeProcedure:
    """The steps of enter_safe_mode and exit_safe_mode for one symbol."""

    def __init__(self, context: SymbolContext, changer: ModeChanger, procedures: ProceduresUnderWay) -> None:
        self._context = context
        self._changer = changer
        self._procedures = procedures

    async def open(self, request: EnterSafeModeRequest) -> int:
        """Commits mode ENTERING and a new epoch. Returns the epoch to fence with."""
        context = self._context

        def entering(state: State) -> ModeChanged | None:
            if request.rule is not Rule.OPERATOR and state.risk.mode in {Mode.ENTERING, Mode.SAFE}:
                return None  # already halted; only an operator's request overrides the reason
            return ModeChanged(now_ms(), Mode.ENTERING, request.rule, request.reason, request.by, request.clears_itself)

        name = f"{request.workflow_id}/open"
        context.asked = f"ENTERING safe mode by {request.by}: {request.reason}"
        context.changes.beat()
        try:
            if context.waits and entering(context.state) is not None:
                await self._fence_first(name)
            row = await self._changer.change(name, entering, new_epoch=True)
        finally:
            context.asked = ""
            context.changes.beat()
        return self._context.epoch if row is None else row.plan.epoch

    async def _fence_first(self, name: str) -> None:
        """Raises the fence before the mode change, so that a step that waits for the executor sends nothing more."""
        context = self._context
        if await asyncio.to_thread(context.committed.find, name) is not None:
            return
        context.raising_fence = True
        try:
            await self.fence(await asyncio.to_thread(context.committed.raise_epoch))
        finally:
            context.raising_fence = False

    async def fence(self, epoch: int) -> None:
        """Raises the executor's fence: actions that were decided before and not sent yet are never sent."""
        context = self._context
        try:
            await context.executor.fence(context.symbol, epoch, context.state.birth_id, context.prefix)
        except FailedPrecondition:
            log.info("%s: the fence is above %d already", context.symbol, epoch)  # raised by a later startup

    async def cancel(self) -> None:
        """Wakes the loop: in mode ENTERING it plans the cancels itself, as trading steps."""
        self._context.events.put_tick()

    async def verify(self) -> None:
        """Waits until state, venue and ledger have no live opening order.

        Returns at once if the mode is no longer ENTERING: a workflow resumed after safe mode was exited would
        otherwise wait forever.
        """
        for pause in backoff_seconds():
            if self._context.state.risk.mode is not Mode.ENTERING:
                return
            if not live_openings(self._context.state) and await self._venue_shows_none():
                return
            await asyncio.sleep(pause)
            self._context.events.put_tick()

    async def close(self, request: EnterSafeModeRequest) -> None:
        """Commits mode SAFE with the reason that is then in force, and logs the alert."""

        def safe(state: State) -> ModeChanged | None:
            risk = state.risk
            if risk.mode is not Mode.ENTERING:
                return None
            return ModeChanged(now_ms(), Mode.SAFE, risk.rule, risk.reason, risk.by, risk.clears_itself)

        row = await self._changer.change(f"{request.workflow_id}/close", safe)
        self._procedures.ended(request.workflow_id)
        if row is not None:
            log.warning("ALERT %s is in safe mode: %s (%s)", request.symbol, request.reason, request.by)

    async def lift(self, request: ExitSafeModeRequest) -> None:
        """Commits mode RUNNING, if the safe mode that the request refers to is still in force."""

        def running(state: State) -> ModeChanged | None:
            if state.risk.mode is not Mode.SAFE or state.risk.since_ms != request.since_ms:
                return None
            return ModeChanged(now_ms(), Mode.RUNNING, Rule.NONE, request.reason, request.by)

        row = await self._changer.change(request.workflow_id, running)
        self._procedures.ended(request.workflow_id)
        if row is not None:
            log.warning("%s leaves safe mode: %s (%s)", request.symbol, request.reason, request.by)

    async def _venue_shows_none(self) -> bool:
        snapshot = (await self._context.executor.open_orders(self._context.symbol)).snapshot
        return not any(_opens(name) for name in snapshot.ours | snapshot.in_flight)


def _opens(client_order_id: str) -> bool:
    name = parse_client_order_id(client_order_id)
    return name is not None and name.role is Role.OPENING

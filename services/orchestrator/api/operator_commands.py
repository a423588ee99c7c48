"""Operator commands for one symbol: pause, resume, enter and exit safe mode. Idempotent by request id, journalled."""

import asyncio
from collections.abc import Callable

from gridcore.model.events import ModeChanged
from gridcore.model.state import Mode, Rule, State
from gridrpc.errors import AlreadyExists, FailedPrecondition, Unavailable
from gridservice.clock import now_ms
from orchestrator.store.journal import JournalRow
from orchestrator.symbol.procedures import ENTER_SAFE_MODE, EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.worker import SymbolWorker

# How long a call waits for the requested mode. The request is durable before; a step in progress may take longer.
_SEE_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0  # how long a change of mode may wait for the step in progress
_HALTED = frozenset({Mode.ENTERING, Mode.SAFE})


class OperatorCommands:
    """Executes an operator's commands for one symbol."""

    def __init__(self, worker: SymbolWorker) -> None:
        self._worker = worker
        self._context = worker.context
        self._procedures = worker.procedures

    async def pause(self, request_id: str, who: str, why: str) -> Mode:
        """Changes RUNNING to PAUSED. Raises FailedPrecondition in safe mode."""
        return await self._set(request_id, Mode.PAUSED, who, why)

    async def resume(self, request_id: str, who: str, why: str) -> Mode:
        """Changes PAUSED to RUNNING. Raises FailedPrecondition in safe mode."""
        return await self._set(request_id, Mode.RUNNING, who, why)

    async def enter_safe_mode(self, request_id: str, who: str, why: str) -> tuple[Mode, str]:
        """Starts enter_safe_mode; returns the mode by then and the workflow's id.

        If another halt is in progress, the operator's reason replaces its reason and it continues.
        """
        workflow_id = _name(request_id)
        halts = self._procedures.of(ENTER_SAFE_MODE)
        if halts and workflow_id not in halts:
            try:
                join = self._join_halt(who, why)
                row = await self._worker.changer.change(f"{workflow_id}/open", join, patience_seconds=_PATIENCE_SECONDS)
            except Unavailable:
                row = None  # the halt in progress waits for a step: this one is recorded beside it
            if row is not None:
                _refuse_other_contents(row, request_id, Mode.ENTERING, who, why)
                return self._mode, next(iter(self._procedures.of(ENTER_SAFE_MODE)), workflow_id)
        halt = EnterSafeModeRequest(workflow_id, self._context.symbol, Rule.OPERATOR, why, who, clears_itself=False)
        opened = await asyncio.to_thread(self._context.committed.find, f"{workflow_id}/open")
        if opened is None:
            await self._procedures.start(halt)
            await self._see(lambda: self._mode in _HALTED)
        else:
            _refuse_other_contents(opened, request_id, Mode.ENTERING, who, why)
        return self._mode, workflow_id

    async def exit_safe_mode(self, request_id: str, who: str, why: str) -> tuple[Mode, str]:
        """Starts exit_safe_mode from SAFE; returns the mode by then and the workflow's id, "" if there is none.

        Raises FailedPrecondition in ENTERING.
        """
        workflow_id = _name(request_id)
        done = await asyncio.to_thread(self._context.committed.find, workflow_id)
        if done is not None:
            _refuse_other_contents(done, request_id, Mode.RUNNING, who, why)
            return self._mode, workflow_id
        if self._mode is Mode.ENTERING:
            raise FailedPrecondition(
                f"{self._context.symbol} is on its way into safe mode: wait until the mode is SAFE, then repeat "
                "the call"
            )
        if self._mode is not Mode.SAFE:
            return self._mode, ""
        risk = self._context.state.risk
        lift = ExitSafeModeRequest(workflow_id, self._context.symbol, why, who, risk.since_ms)
        await self._procedures.start(lift)
        await self._see(lambda: self._mode is not Mode.SAFE)
        return self._mode, workflow_id

    async def _set(self, request_id: str, mode: Mode, who: str, why: str) -> Mode:
        def change(state: State) -> ModeChanged | None:
            if state.risk.mode in _HALTED:
                raise FailedPrecondition(
                    f"{state.symbol} is in mode {state.risk.mode.value} ({state.risk.reason}): "
                    "ExitSafeMode is the way out of it, once it is SAFE"
                )
            return None if state.risk.mode is mode else ModeChanged(now_ms(), mode, Rule.OPERATOR, why, who)

        row = await self._worker.changer.change(_name(request_id), change, patience_seconds=_PATIENCE_SECONDS)
        if row is not None:
            _refuse_other_contents(row, request_id, mode, who, why)
        return self._mode

    def _join_halt(self, who: str, why: str) -> Callable[[State], ModeChanged | None]:
        def change(state: State) -> ModeChanged | None:
            if state.risk.mode is not Mode.ENTERING:
                return None
            return ModeChanged(now_ms(), Mode.ENTERING, Rule.OPERATOR, why, who)

        return change

    @property
    def _mode(self) -> Mode:
        return self._context.state.risk.mode

    async def _see(self, done: Callable[[], bool]) -> None:
        try:
            await asyncio.wait_for(self._context.changes.until(done), _SEE_SECONDS)
        except TimeoutError:
            return


def _name(request_id: str) -> str:
    return f"ops/{request_id}"


def _refuse_other_contents(row: JournalRow, request_id: str, mode: Mode, who: str, why: str) -> None:
    """Raises AlreadyExists if the request id was used with other contents: the call must not count as done."""
    change = row.plan.trigger
    if not isinstance(change, ModeChanged) or (change.mode, change.by, change.reason) != (mode, who, why):
        raise AlreadyExists(
            f"request_id = {request_id!r}: it was used for {row.plan.trigger} before; "
            "give each request an id of its own"
        )

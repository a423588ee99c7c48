"""Runs the workflows' steps on the symbol's worker. An error stops the symbol and leaves the workflow unfinished.

DBOS records an exception as the workflow's outcome. So the only exception that reaches DBOS is the rejection of a
request that must never run again.
"""

import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from gridcore.model.events import Plan
from gridrpc.convert_plan import plan_from_json, results_json
from orchestrator.errors import Abandoned, StopError
from orchestrator.symbol.safe_mode_requests import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.trading_step import RequestBelowFloorError
from orchestrator.symbol.worker import SymbolWorker

log = logging.getLogger(__name__)
T = TypeVar("T")
Input = TypeVar("Input", Plan, EnterSafeModeRequest, ExitSafeModeRequest)


class StepBodies:
    """Implements `workflows.Steps` with the symbols' workers."""

    def __init__(self, teams: Mapping[str, SymbolWorker], stop: Callable[[str, StopError], None]) -> None:
        self._teams = teams
        self._stop = stop  # called with the symbol, empty if it is not known
        self._plans: dict[str, Plan] = {}  # by JSON text, for workflows that this process has just started

    @contextlib.contextmanager
    def knowing(self, text: str, plan: Plan) -> Iterator[None]:
        """Caches the parsed plan of a workflow for the block, so that neither of its steps parses the text again."""
        self._plans[text] = plan
        try:
            yield
        finally:
            del self._plans[text]

    def batch_execute(self, plan: str) -> str:
        """Executes the plan; returns the results as JSON, for people to read."""

        return self._guarded(
            lambda: self._plan(plan), lambda worker, parsed: results_json(worker.activities.execute(parsed))
        )

    def commit_state(self, plan: str) -> int:
        """Commits the plan; returns its seq."""

        def commit(worker: SymbolWorker, parsed: Plan) -> int:
            return worker.activities.commit(parsed).plan.seq

        return self._guarded(lambda: self._plan(plan), commit)

    def open_safe_mode(self, request: str) -> int:
        """Commits mode ENTERING; returns the new epoch."""
        return self._halt(request, lambda worker, halt: worker.safe_mode.open(halt))

    def raise_fence(self, request: str, epoch: int) -> None:
        """Raises the executor's fence to the epoch."""
        self._halt(request, lambda worker, _: worker.safe_mode.fence(epoch))

    def cancel_opening_orders(self, request: str) -> None:
        """Wakes the loop, which plans the cancels."""
        self._halt(request, lambda worker, _: worker.safe_mode.cancel())

    def verify_no_opening_order(self, request: str) -> None:
        """Waits until venue, ledger and state have no opening order."""
        self._halt(request, lambda worker, _: worker.safe_mode.verify())

    def close_safe_mode(self, request: str) -> None:
        """Commits mode SAFE."""
        self._halt(request, lambda worker, halt: worker.safe_mode.close(halt))

    def lift_safe_mode(self, request: str) -> None:
        """Commits mode RUNNING."""
        self._on_loop(lambda: ExitSafeModeRequest.from_json(request), lambda worker, lift: worker.safe_mode.lift(lift))

    def _halt(self, request: str, work: Callable[[SymbolWorker, EnterSafeModeRequest], Coroutine[Any, Any, T]]) -> T:
        return self._on_loop(lambda: EnterSafeModeRequest.from_json(request), work)

    def _on_loop(self, parse: Callable[[], Input], work: Callable[[SymbolWorker, Input], Coroutine[Any, Any, T]]) -> T:
        async def when_ready(worker: SymbolWorker, parsed: Input) -> T:
            await worker.context.ready.wait()
            return await work(worker, parsed)

        def wait(worker: SymbolWorker, parsed: Input) -> T:
            return worker.bridge.call(when_ready(worker, parsed))

        return self._guarded(parse, wait)

    def _plan(self, text: str) -> Plan:
        return self._plans.get(text) or plan_from_json(text)

    def _guarded(self, parse: Callable[[], Input], call: Callable[[SymbolWorker, Input], T]) -> T:
        """Runs the call on the symbol's current worker. Raises Abandoned instead of any error that has no outcome."""
        worker: SymbolWorker | None = None
        try:
            parsed = parse()
            worker = self._teams.get(parsed.symbol)
            if worker is None:
                raise Abandoned  # no grid in the config: the workflow stays unfinished until the grid is back
            return call(worker, parsed)
        except RequestBelowFloorError:
            raise
        except Exception as error:  # the step has no outcome: stop, and resume at the next startup
            if worker is not None and worker.bridge.closed:
                raise Abandoned from None  # the worker was stopped meanwhile
            if not isinstance(error, StopError):
                log.warning("a workflow's step failed", exc_info=error)
                error = StopError(f"a workflow's step failed ({error!r}): start again; it will be resumed")
            self._stop("" if worker is None else worker.context.symbol, error)
        raise Abandoned

"""Runs the workflows' steps on the symbol's worker. An error stops the symbol and leaves the workflow unfinished.

A workflow engine records an exception as the workflow's outcome. So the only exception that reaches it is the rejection
of a request that must never run again.
"""

import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from gridservice.errors import StopError
from orchestrator.errors import Abandoned
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.trading_step import RequestBelowFloorError
from orchestrator.symbol.worker import SymbolWorker

log = logging.getLogger(__name__)
T = TypeVar("T")


class _OfSymbol(Protocol):
    @property
    def symbol(self) -> str: ...


Input = TypeVar("Input", bound=_OfSymbol)


class StepRunner:
    """What a workflow engine passes its steps to. `stop` is called with the symbol, empty if it is not known."""

    def __init__(self, workers: Mapping[str, SymbolWorker], stop: Callable[[str, StopError], None]) -> None:
        self._workers = workers
        self._stop = stop
        self._running: dict[str, RunningStep] = {}  # by the plan's JSON

    @contextlib.contextmanager
    def running(self, step: RunningStep) -> Iterator[None]:
        """Gives the workflow's steps this value for the block, so that none of them parses the plan again."""
        self._running[step.text] = step
        try:
            yield
        finally:
            del self._running[step.text]

    def on_thread(self, plan: str, call: Callable[[SymbolWorker, RunningStep], T]) -> T:
        """Runs a step of a plan's workflow on this thread and returns its result."""
        return self._guarded(lambda: self._running.get(plan) or RunningStep.from_json(plan), call)

    def on_loop(
        self, parse: Callable[[str], Input], text: str, work: Callable[[SymbolWorker, Input], Coroutine[Any, Any, T]]
    ) -> T:
        """Runs a step of a procedure on the asyncio loop, once the symbol is ready, and returns its result."""

        async def when_ready(worker: SymbolWorker, parsed: Input) -> T:
            await worker.context.ready.wait()
            return await work(worker, parsed)

        return self._guarded(lambda: parse(text), lambda worker, parsed: worker.bridge.call(when_ready(worker, parsed)))

    def _guarded(self, parse: Callable[[], Input], call: Callable[[SymbolWorker, Input], T]) -> T:
        """Runs the call on the symbol's current worker. Raises Abandoned instead of any error that has no outcome."""
        worker: SymbolWorker | None = None
        try:
            parsed = parse()
            worker = self._workers.get(parsed.symbol)
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

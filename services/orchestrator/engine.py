"""The engine ports. `Engine` is the specification's interface; `WorkflowEngine` makes its plans and procedures durable.

`trading_engine.TradingEngine` implements Engine for every workflow engine. A WorkflowEngine is one package:
`engine_dbos` is one. It records work before it runs, runs it step by step, and resumes it after a crash. The steps are
idempotent, so it may run a step again, but it must never record two results for one workflow id.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gridcore.model.actions import OrderUpdate
from orchestrator.clients.pricemon import PriceHeard
from orchestrator.symbol.step_runner import StepRunner
from orchestrator.symbol.under_way import WorkflowStarter

STEP_WORKFLOWS = ("trading_step", "on_order_update")  # the workflows of plans


class Engine(Protocol):
    """The specification's interface: starts, stops and receives prices. A symbol's steps run one after another."""

    async def start(self) -> None:
        """Opens each symbol: takeover, settlement of requests in flight, reconciliation. Returns when all may trade.

        Raises StopError if a recorded workflow cannot be finished.
        """
        ...

    async def stop(self) -> None:
        """Starts no new steps; running steps are resumed by the next startup."""
        ...

    async def on_price_update(self, heard: PriceHeard) -> None:
        """Receives a price or a heartbeat of one of the symbols."""
        ...

    async def on_order_update(self, update: OrderUpdate) -> None:
        """Receives the next entry of a symbol's update log."""
        ...


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One recorded workflow. `argument` is its input: a plan or a request, as JSON. Times in Unix ms."""

    workflow_id: str
    name: str
    status: str  # in the engine's words
    version: str  # the contract that it was recorded under
    created_time_ms: int
    updated_time_ms: int
    attempts: int
    argument: str
    readable: bool  # this version can parse the argument
    resumed: bool  # if it is unfinished, the engine resumes it by itself
    dead: bool  # the engine has given it up after too many attempts

    @property
    def symbol(self) -> str:
        """The symbol in its input, a plan or a request. Empty if this version cannot parse the input."""
        try:
            return str(json.loads(self.argument)["symbol"])
        except (ValueError, LookupError, TypeError):
            return ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One completed step of a workflow. `outcome`: its result or error, for people to read."""

    number: int
    name: str
    started_time_ms: int
    duration_ms: int
    outcome: str


class WorkflowEngine(WorkflowStarter, Protocol):
    """Runs plans and procedures as durable workflows. Every call blocks; none may be made on the asyncio loop."""

    @property
    def contract(self) -> str:
        """The version of workflow names, inputs and step order that new workflows are recorded under."""
        ...

    @property
    def away(self) -> str:
        """Why the engine's database is unavailable; empty while it is available."""
        ...

    def ping(self) -> None:
        """Checks the database without waiting. Raises StopError if the process must not continue."""
        ...

    def stop_waiting(self) -> None:
        """Makes calls fail during an outage, instead of waiting."""
        ...

    def launch(self, runner: StepRunner) -> None:
        """Begins to run workflows; each step is passed to the runner. Unfinished ones are resumed at once.

        Raises UnfinishableError if the recorded workflows are of another version of the engine.
        """
        ...

    def shut_down(self) -> None:
        """Stops. Running workflows are resumed by the next launch."""
        ...

    def unfinished(self) -> list[WorkflowRecord]:
        """Returns all workflows without an outcome, including those that the engine does not resume; newest first."""
        ...

    def newest_first(self, *, status: str = "", id_prefix: str = "") -> Iterator[WorkflowRecord]:
        """Yields recorded workflows by creation time, newest first."""
        ...

    def find(self, workflow_id: str) -> WorkflowRecord | None:
        """Returns one workflow by its id, or None."""
        ...

    def steps_of(self, workflow_id: str) -> list[StepRecord]:
        """Returns the completed steps of a workflow, in order."""
        ...

    def cancel(self, workflow_ids: Iterable[str]) -> None:
        """Cancels workflows, so that they are never resumed."""
        ...

    def prune(self, before_ms: int) -> int:
        """Deletes workflows that ended before; returns how many. Unfinished ones are never deleted."""
        ...

"""The two activities of a trading step: execute the plan, then commit its results. Both are idempotent."""

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from griddb.errors import LeaseLostError
from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.errors import UnfinishableError
from orchestrator.store.journal import JournalRow
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.running_step import RunningStep
from orchestrator.thread_bridge import ThreadBridge

FENCED = "FENCED"


class RequestBelowFloorError(Exception):
    """A request older than the journal's retention. It is rejected and never runs again, even if resumed or forked."""


class TradingStep:
    """Executes and commits plans for one symbol. Called on workflow threads, one at a time per request."""

    def __init__(self, context: SymbolContext, batches: BatchExecuteClient, bridge: ThreadBridge) -> None:
        self._context = context
        self._batches = batches
        self._bridge = bridge

    def execute(self, step: RunningStep) -> tuple[ActionResult, ...]:
        """Sends the step's plan until the ledger has a result for each action; returns the results.

        A committed plan is not sent again; the results come from the journal. Raises RequestBelowFloorError if its
        journal row has been pruned, LeaseLostError if the current epoch is fenced.
        """
        self._until_ready()
        row = self._committed(step.plan)
        if row is not None:
            return row.results
        step.timer.lap("record")
        results = self._batches.execute(step.plan)
        step.timer.lap("execute")
        self._refuse_if_fenced(step.plan, results)
        step.results = results
        return results

    def commit(self, step: RunningStep) -> JournalRow:
        """Settles and commits the results: those in memory, or else those that the executor has recorded."""
        self._until_ready()
        row = self._committed(step.plan)
        if row is not None:
            return row
        if step.results is None:
            step.results = self._bridge.call(self._recorded(step.plan))
        return self._context.committed.commit(step, self._context.market)

    def _committed(self, plan: Plan) -> JournalRow | None:
        if self._context.committed.is_ahead(plan.epoch, plan.seq):
            return None
        state = self._context.state
        row = self._context.committed.find(plan.request_id)
        if row is None:
            raise RequestBelowFloorError(
                f"request {plan.request_id} is not above step {state.seq} of {plan.symbol} under epoch {state.epoch} "
                "and its journal row is gone: it is history, and is not run again"
            )
        return row

    def _refuse_if_fenced(self, plan: Plan, results: tuple[ActionResult, ...]) -> None:
        if plan.epoch == self._context.epoch and any(result.reason == FENCED for result in results):
            raise LeaseLostError(
                f"{plan.symbol} is fenced above epoch {plan.epoch}: another orchestrator has taken over; "
                "stop one of them"
            )

    def _until_ready(self) -> None:
        if not self._context.ready.is_set():  # a workflow that DBOS recovers before the startup sequence is complete
            self._bridge.call(self._is_ready())

    async def _is_ready(self) -> None:
        await self._context.ready.wait()

    async def _recorded(self, plan: Plan) -> tuple[ActionResult, ...]:
        results = await self._context.executor.recorded_answer(plan.request_id)
        if results is None:
            raise UnfinishableError(
                f"request {plan.request_id} was answered, says its workflow, but the executor's ledger does not know "
                "the answer: the ledger was lost or restored; give the executor the one it had"
            )
        return results

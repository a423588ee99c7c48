"""Converts states, journal rows and workflows to the messages of the Orchestrator RPCs."""

from decimal import Decimal

from gridcore.model.money import canonical
from gridcore.model.state import unrealised_pnl
from gridcore.risk.rules import unknown_orders
from gridrpc.convert_orders import result_to_proto
from gridrpc.convert_plan import plan_to_proto
from gridrpc.convert_state import state_to_proto
from gridservice.clock import now_ms
from gridwright.v1 import orchestrator_pb2
from orchestrator.engine import StepRecord, WorkflowRecord
from orchestrator.store.journal import JournalRow
from orchestrator.symbol.context import SymbolContext


def state_view(
    context: SymbolContext, steps: list[JournalRow], *, executor_reachable: bool, pricemon_reachable: bool
) -> orchestrator_pb2.GetStateResponse:
    """Returns the committed state with current price, reachability and unknown orders."""
    price = context.price or context.state.last_price
    doubts = unknown_orders(context.state)
    oldest_ms = min((order.decided_ms for order in doubts), default=0)
    return orchestrator_pb2.GetStateResponse(
        state=state_to_proto(context.state),
        price="" if context.price is None else canonical(context.price),
        price_age_ms=-1 if context.price is None else context.price_age_ms,
        busy=context.busy or not context.events.empty,  # queued events count as busy: the state is not settled yet
        executor_reachable=executor_reachable,
        pricemon_reachable=pricemon_reachable,
        unrealised_pnl=canonical(Decimal(0) if price is None else unrealised_pnl(context.state, price)),
        last_steps=[step_view(row) for row in steps],
        trading=context.trading,
        refused=context.refused,
        asked=context.asked,
        unknown_orders=len(doubts),
        oldest_unknown_age_ms=max(0, now_ms() - oldest_ms) if oldest_ms else -1,
    )


def step_view(row: JournalRow) -> orchestrator_pb2.TradingStep:
    """Returns one step: what it saw, decided, sent and received."""
    return orchestrator_pb2.TradingStep(
        symbol=row.plan.symbol,
        seq=row.plan.seq,
        epoch=row.plan.epoch,
        request_id=row.plan.request_id,
        plan=plan_to_proto(row.plan, row.digest_before),
        results=[result_to_proto(result) for result in row.results],
        digest_before=row.digest_before,
        digest_after=row.digest_after,
        phases=_phases(row),
        committed_time_ms=row.committed_time_ms,
    )


def workflow_view(
    record: WorkflowRecord, steps: list[StepRecord] | None = None, row: JournalRow | None = None
) -> orchestrator_pb2.Workflow:
    """Returns a workflow, with its steps and the phases of its journal row if given."""
    return orchestrator_pb2.Workflow(
        workflow_id=record.workflow_id,
        name=record.name,
        status=record.status,
        created_time_ms=record.created_time_ms,
        updated_time_ms=record.updated_time_ms,
        attempts=record.attempts,
        steps=[
            orchestrator_pb2.WorkflowStep(
                number=step.number,
                name=step.name,
                started_time_ms=step.started_time_ms,
                duration_ms=step.duration_ms,
                outcome=step.outcome,
            )
            for step in steps or ()
        ],
        phases=[] if row is None else _phases(row),
        application_version=record.version,
    )


def _phases(row: JournalRow) -> list[orchestrator_pb2.Phase]:
    return [
        orchestrator_pb2.Phase(name=p.name, started_time_ns=p.started_time_ns, duration_ns=p.duration_ns)
        for p in row.phases
    ]

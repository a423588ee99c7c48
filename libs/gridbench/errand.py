"""One step as the baselines carry it out: the request that they send and the rows that they write, prepared before.

They parse nothing but the request and settle nothing: they cost the call, the commits and their workflow engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gridbench.case import Case, Sample, sample
from gridbench.plain_store import Commit
from gridcore.actions import ActionResult
from gridrpc.convert_orders import action_to_proto, result_from_proto
from gridrpc.convert_plan import plan_json, results_json
from gridrpc.convert_state import state_json
from gridrpc.protojson import from_json, to_json
from gridwright.v1 import executor_pb2, executor_pb2_grpc
from orchestrator.clock import now_ms
from orchestrator.store.state_pieces import pieces_of


@dataclass(frozen=True, slots=True)
class Errand:
    """A request as JSON, which is what a workflow is given, and the commit of its results."""

    request: str
    commit: Commit


def errand(case: Case) -> Errand:
    """The case's whole step in one errand. Its request id is to be replaced by each step's own."""
    return _errand(sample(case, now_ms()))


def errands_of_actions(case: Case) -> list[Errand]:
    """The same step as one errand for each action, each with its own slot."""
    whole = sample(case, now_ms())
    return [
        _errand(
            replace(
                whole,
                plan=replace(whole.plan, actions=(action,)),
                results=(whole.results[index],),
                after=replace(whole.after, slots={**whole.before.slots, action.slot: whole.after.slots[action.slot]}),
            )
        )
        for index, action in enumerate(whole.plan.actions)
    ]


def named(errand: Errand, request_id: str) -> Errand:
    """The errand under another request id."""
    old = errand.commit.request_id
    return Errand(
        errand.request.replace(old, request_id, 1),
        replace(errand.commit, request_id=request_id, plan=errand.commit.plan.replace(old, request_id, 1)),
    )


def call(stub: executor_pb2_grpc.ExecutorStub, request: str) -> str:
    """Makes the call; the results as JSON."""
    message = from_json(request, executor_pb2.BatchExecuteRequest(), "request")
    results: Iterable[ActionResult] = (result_from_proto(result) for result in stub.BatchExecute(message))
    return results_json(list(results))


def _errand(step: Sample) -> Errand:
    plan = step.plan
    request = executor_pb2.BatchExecuteRequest(
        request_id=plan.request_id,
        symbol=plan.symbol,
        epoch=plan.epoch,
        actions=[action_to_proto(action) for action in plan.actions],
    )
    before = pieces_of(step.before)
    after = pieces_of(step.after, before)
    return Errand(
        to_json(request),
        Commit(
            request_id=plan.request_id,
            symbol=plan.symbol,
            plan=plan_json(plan),
            results=results_json(step.results),
            state=state_json(step.after),
            header=after.header,
            changed_slots=after.changed_since(before),
        ),
    )

"""Unit of work of the baselines: one step's plan and the rows that it writes, prepared in advance.

The baselines decide and settle nothing. They cost the record of the plan, the call, the commit and their workflow
engine.
"""

from dataclasses import replace

from gridbench.case import Case, Sample, sample
from gridbench.plain_store import Errand
from gridcore.model.actions import ActionResult
from gridrpc.convert_orders import result_from_proto
from gridrpc.convert_plan import plan_json, results_json
from gridrpc.convert_state import state_json
from gridrpc.json_encoding import from_json
from gridservice.clock import now_ms
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2
from orchestrator.store.state_json import pieces_of


def errand(case: Case) -> Errand:
    """Returns the case's whole step as one errand. Each step replaces the request id by its own."""
    return _errand(sample(case, now_ms()))


def errands_of_actions(case: Case) -> list[Errand]:
    """Returns the same step as one errand per action, each with its own slot."""
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
    """Returns the errand under another request id."""
    return replace(errand, request_id=request_id, plan=errand.plan.replace(errand.request_id, request_id, 1))


def call(stub: executor_pb2_grpc.ExecutorStub, plan: str) -> str:
    """Calls the executor with the plan's actions; returns the results as JSON."""
    message = from_json(plan, models_pb2.Plan(), "plan")
    request = executor_pb2.BatchExecuteRequest(
        request_id=message.request_id, symbol=message.symbol, epoch=message.epoch, actions=message.actions
    )
    results: list[ActionResult] = [result_from_proto(result) for result in stub.BatchExecute(request)]
    return results_json(results)


def _errand(step: Sample) -> Errand:
    before = pieces_of(step.before)
    after = pieces_of(step.after, before)
    return Errand(
        request_id=step.plan.request_id,
        symbol=step.plan.symbol,
        plan=plan_json(step.plan),
        results=results_json(step.results),
        state=state_json(step.after),
        header=after.header,
        changed_slots=after.changed_since(before),
    )

"""A contract before `gridwright-1`: one step did it all, and inputs lay in an envelope that nobody reads now."""

import json
from typing import Any

from orchestrator.engine_dbos.decorators import step, workflow

CONTRACT = "gridwright-0"
PREDECESSORS: frozenset[str] = frozenset()


class _Bound:
    steps: Any = None


def bind(steps: Any) -> None:
    _Bound.steps = steps


def trading_step(plan: str) -> int:
    return _trading_step(_sealed(plan))


def on_order_update(plan: str) -> int:
    return _on_order_update(_sealed(plan))


def enter_safe_mode(request: str) -> None:
    raise NotImplementedError("no test halts by it")


def exit_safe_mode(request: str) -> None:
    raise NotImplementedError("no test halts by it")


@workflow("trading_step")
def _trading_step(envelope: str) -> int:
    return execute_and_commit(envelope)


@workflow("on_order_update")
def _on_order_update(envelope: str) -> int:
    return execute_and_commit(envelope)


@step("execute_and_commit")
def execute_and_commit(envelope: str) -> int:
    plan = json.loads(envelope)["contents"]
    _Bound.steps.batch_execute(plan)
    return int(_Bound.steps.commit_state(plan))


def _sealed(plan: str) -> str:
    return json.dumps({"market": json.loads(plan)["symbol"], "contents": plan})

"""A contract before `gridwright-1`: one step did it all, and inputs were in an envelope that is not read now."""

import json
from typing import Any

from orchestrator.engine_dbos.decorators import step, workflow

CONTRACT = "gridwright-0"
PREDECESSORS: frozenset[str] = frozenset()


class _Bound:
    runner: Any = None


def bind(runner: Any) -> None:
    _Bound.runner = runner


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
    _Bound.runner.on_thread(plan, lambda worker, step: worker.trading_step.execute(step))
    return int(_Bound.runner.on_thread(plan, lambda worker, step: worker.trading_step.commit(step).plan.seq))


def _sealed(plan: str) -> str:
    return json.dumps({"market": json.loads(plan)["symbol"], "contents": plan})

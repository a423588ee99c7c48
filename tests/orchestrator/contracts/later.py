"""A contract after `gridwright-1`: a trading step weighs its plan first. Names and inputs are as they were."""

import json
from typing import Any

from orchestrator.engine_dbos.decorators import step, workflow

CONTRACT = "gridwright-2"
PREDECESSORS = frozenset({"gridwright-1"})


class _Bound:
    steps: Any = None


def bind(steps: Any) -> None:
    _Bound.steps = steps


@workflow("trading_step")
def trading_step(plan: str) -> int:
    weigh(plan)
    batch_execute(plan)
    return commit_state(plan)


@workflow("on_order_update")
def on_order_update(plan: str) -> int:
    weigh(plan)
    batch_execute(plan)
    return commit_state(plan)


@workflow("enter_safe_mode")
def enter_safe_mode(request: str) -> None:
    epoch = open_safe_mode(request)
    raise_fence(request, epoch)
    cancel_opening_orders(request)
    verify_no_opening_order(request)
    close_safe_mode(request)


@workflow("exit_safe_mode")
def exit_safe_mode(request: str) -> None:
    lift_safe_mode(request)


@step("weigh")
def weigh(plan: str) -> int:
    return len(json.loads(plan)["actions"])


@step("batch_execute")
def batch_execute(plan: str) -> str:
    return str(_Bound.steps.batch_execute(plan))


@step("commit_state")
def commit_state(plan: str) -> int:
    return int(_Bound.steps.commit_state(plan))


@step("open_safe_mode")
def open_safe_mode(request: str) -> int:
    return int(_Bound.steps.open_safe_mode(request))


@step("raise_fence")
def raise_fence(request: str, epoch: int) -> None:
    _Bound.steps.raise_fence(request, epoch)


@step("cancel_opening_orders")
def cancel_opening_orders(request: str) -> None:
    _Bound.steps.cancel_opening_orders(request)


@step("verify_no_opening_order")
def verify_no_opening_order(request: str) -> None:
    _Bound.steps.verify_no_opening_order(request)


@step("close_safe_mode")
def close_safe_mode(request: str) -> None:
    _Bound.steps.close_safe_mode(request)


@step("lift_safe_mode")
def lift_safe_mode(request: str) -> None:
    _Bound.steps.lift_safe_mode(request)

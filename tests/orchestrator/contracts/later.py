"""A contract after `gridwright-1`: a trading step weighs its plan first. Names and inputs are as they were."""

import json
from collections.abc import Callable
from typing import Any

from orchestrator.engine_dbos.decorators import step, workflow
from orchestrator.symbol.procedures import EnterSafeModeRequest, ExitSafeModeRequest

CONTRACT = "gridwright-2"
PREDECESSORS = frozenset({"gridwright-1"})


class _Bound:
    runner: Any = None


def bind(runner: Any) -> None:
    _Bound.runner = runner


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
    return str(_Bound.runner.on_thread(plan, lambda worker, step: len(worker.trading_step.execute(step))))


@step("commit_state")
def commit_state(plan: str) -> int:
    return int(_Bound.runner.on_thread(plan, lambda worker, step: worker.trading_step.commit(step).plan.seq))


@step("open_safe_mode")
def open_safe_mode(request: str) -> int:
    return int(_entering(request, lambda worker, entering: worker.safe_mode.open(entering)))


@step("raise_fence")
def raise_fence(request: str, epoch: int) -> None:
    _entering(request, lambda worker, _: worker.safe_mode.fence(epoch))


@step("cancel_opening_orders")
def cancel_opening_orders(request: str) -> None:
    _entering(request, lambda worker, _: worker.safe_mode.cancel())


@step("verify_no_opening_order")
def verify_no_opening_order(request: str) -> None:
    _entering(request, lambda worker, _: worker.safe_mode.verify())


@step("close_safe_mode")
def close_safe_mode(request: str) -> None:
    _entering(request, lambda worker, entering: worker.safe_mode.close(entering))


@step("lift_safe_mode")
def lift_safe_mode(request: str) -> None:
    _Bound.runner.on_loop(
        ExitSafeModeRequest.from_json, request, lambda worker, leaving: worker.safe_mode.lift(leaving)
    )


def _entering(request: str, work: Callable[[Any, EnterSafeModeRequest], Any]) -> Any:
    return _Bound.runner.on_loop(EnterSafeModeRequest.from_json, request, work)

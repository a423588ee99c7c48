"""The durable workflows. Each is a fixed sequence of steps, and each step is one call of the symbol's worker.

CONTRACT names the workflow names, inputs and step order. Every version of the code with the same contract can resume
its workflows. A change of any of them needs a new CONTRACT. If names and inputs stay the same, add the old contract to
PREDECESSORS: startup then finishes its workflows. Otherwise startup refuses until they are cancelled.
"""

from gridrpc.convert_plan import results_json
from orchestrator.engine_dbos.decorators import step, workflow
from orchestrator.symbol.procedures import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.step_runner import StepRunner

CONTRACT = "gridwright-1"
PREDECESSORS: frozenset[str] = frozenset()  # contracts with the same names and inputs as ours, with any step order


class _Bound:
    runner: StepRunner | None = None


def bind(runner: StepRunner | None) -> None:
    """Binds what runs the steps. Must be called before DBOS is launched; None unbinds."""
    _Bound.runner = runner


def _runner() -> StepRunner:
    if _Bound.runner is None:
        raise RuntimeError("a workflow runs without an engine: bind one before DBOS.launch")
    return _Bound.runner


@workflow("trading_step")
def trading_step(plan: str) -> int:
    """Executes and commits a plan that a price or a tick triggered."""
    batch_execute(plan)
    return commit_state(plan)


@workflow("on_order_update")
def on_order_update(plan: str) -> int:
    """Executes the counter orders for order updates and commits them with the updates and the offset."""
    batch_execute(plan)
    return commit_state(plan)


@workflow("enter_safe_mode")
def enter_safe_mode(request: str) -> None:
    """Enters safe mode: no earlier decision is sent after it begins; it ends with no opening order on the venue."""
    epoch = open_safe_mode(request)
    raise_fence(request, epoch)
    cancel_opening_orders(request)
    verify_no_opening_order(request)
    close_safe_mode(request)


@workflow("exit_safe_mode")
def exit_safe_mode(request: str) -> None:
    """Exits safe mode: back to trading."""
    lift_safe_mode(request)


@step("batch_execute")
def batch_execute(plan: str) -> str:
    """Sends the same request id until the ledger has all results. They are returned for people to read."""
    return _runner().on_thread(plan, lambda worker, running: results_json(worker.trading_step.execute(running)))


@step("commit_state")
def commit_state(plan: str) -> int:
    """Settles and commits the results, with the journal row, in one transaction; returns the new seq."""
    return _runner().on_thread(plan, lambda worker, running: worker.trading_step.commit(running).plan.seq)


@step("open_safe_mode")
def open_safe_mode(request: str) -> int:
    """Commits mode ENTERING and a new epoch; returns the epoch to fence with."""
    return _runner().on_loop(
        EnterSafeModeRequest.from_json, request, lambda worker, parsed: worker.safe_mode.open(parsed)
    )


@step("raise_fence")
def raise_fence(request: str, epoch: int) -> None:
    """Raises the executor's fence, so that unsent actions of older epochs are never sent."""
    _runner().on_loop(EnterSafeModeRequest.from_json, request, lambda worker, _: worker.safe_mode.fence(epoch))


@step("cancel_opening_orders")
def cancel_opening_orders(request: str) -> None:
    """Makes the loop cancel the opening orders, in trading steps of their own."""
    _runner().on_loop(EnterSafeModeRequest.from_json, request, lambda worker, _: worker.safe_mode.cancel())


@step("verify_no_opening_order")
def verify_no_opening_order(request: str) -> None:
    """Waits until venue, ledger and state have no opening order."""
    _runner().on_loop(EnterSafeModeRequest.from_json, request, lambda worker, _: worker.safe_mode.verify())


@step("close_safe_mode")
def close_safe_mode(request: str) -> None:
    """Commits mode SAFE and logs the alert."""
    _runner().on_loop(EnterSafeModeRequest.from_json, request, lambda worker, parsed: worker.safe_mode.close(parsed))


@step("lift_safe_mode")
def lift_safe_mode(request: str) -> None:
    """Commits mode RUNNING."""
    _runner().on_loop(ExitSafeModeRequest.from_json, request, lambda worker, parsed: worker.safe_mode.lift(parsed))

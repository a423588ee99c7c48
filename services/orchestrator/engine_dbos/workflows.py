"""The durable workflows. Each is a fixed sequence of steps; the engine binds the functions that the steps call.

CONTRACT names the workflow names, inputs and step order. Every version of the code with the same contract can resume
its workflows. A change of any of them needs a new CONTRACT. If names and inputs stay the same, add the old contract to
PREDECESSORS: startup then finishes its workflows. Otherwise startup refuses until they are cancelled.
"""

from typing import Protocol

from orchestrator.engine_dbos.decorators import step, workflow

CONTRACT = "gridwright-1"
PREDECESSORS: frozenset[str] = frozenset()  # contracts with the same names and inputs as ours, with any step order


class Steps(Protocol):
    """The functions that the steps call. Plans and requests are passed as JSON."""

    def batch_execute(self, plan: str) -> str:
        """Executes the plan until the ledger has all results. The return value is for people to read."""
        ...

    def commit_state(self, plan: str) -> int:
        """Settles and commits the results in one transaction; returns the new seq."""
        ...

    def open_safe_mode(self, request: str) -> int:
        """Commits mode ENTERING; returns the epoch to fence with."""
        ...

    def raise_fence(self, request: str, epoch: int) -> None:
        """Raises the executor's fence, so that unsent actions of older epochs are never sent."""
        ...

    def cancel_opening_orders(self, request: str) -> None:
        """Starts the cancels."""
        ...

    def verify_no_opening_order(self, request: str) -> None:
        """Waits until venue, ledger and state have no opening order."""
        ...

    def close_safe_mode(self, request: str) -> None:
        """Commits mode SAFE."""
        ...

    def lift_safe_mode(self, request: str) -> None:
        """Commits mode RUNNING."""
        ...


class _Unbound:
    steps: Steps | None = None


def bind(steps: Steps | None) -> None:
    """Binds the functions that the steps call. Must be called before DBOS is launched; None unbinds."""
    _Unbound.steps = steps


def _steps() -> Steps:
    if _Unbound.steps is None:
        raise RuntimeError("a workflow runs without an engine: bind one before DBOS.launch")
    return _Unbound.steps


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
    """Sends the same request id until the ledger has all results."""
    return _steps().batch_execute(plan)


@step("commit_state")
def commit_state(plan: str) -> int:
    """Commits state and journal row in one transaction."""
    return _steps().commit_state(plan)


@step("open_safe_mode")
def open_safe_mode(request: str) -> int:
    """Commits mode ENTERING and a new epoch."""
    return _steps().open_safe_mode(request)


@step("raise_fence")
def raise_fence(request: str, epoch: int) -> None:
    """Raises the executor's fence to the epoch."""
    _steps().raise_fence(request, epoch)


@step("cancel_opening_orders")
def cancel_opening_orders(request: str) -> None:
    """Makes the loop cancel the opening orders, in trading steps of their own."""
    _steps().cancel_opening_orders(request)


@step("verify_no_opening_order")
def verify_no_opening_order(request: str) -> None:
    """Polls until the venue shows no opening order."""
    _steps().verify_no_opening_order(request)


@step("close_safe_mode")
def close_safe_mode(request: str) -> None:
    """Commits mode SAFE and logs the alert."""
    _steps().close_safe_mode(request)


@step("lift_safe_mode")
def lift_safe_mode(request: str) -> None:
    """Commits mode RUNNING."""
    _steps().lift_safe_mode(request)

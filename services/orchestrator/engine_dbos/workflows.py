"""The durable workflows. Each is a straight line of steps; what a step does is the engine's business.

A workflow of one contract can be resumed by every version of the code that keeps it: the names, the inputs and the
order of the steps. Whoever changes one of them gives CONTRACT a new name. Where names and inputs stay, the old one goes
into PREDECESSORS, and a start finishes what it has left; else a start refuses until that is settled.
"""

from typing import Protocol

from orchestrator.engine_dbos.decorators import step, workflow

CONTRACT = "gridwright-1"
PREDECESSORS: frozenset[str] = frozenset()  # whose workflows have the names and inputs of ours, whatever their steps


class Steps(Protocol):
    """What the steps call. Plans and requests travel as JSON."""

    def batch_execute(self, plan: str) -> str:
        """Has the ledger answer each action. Its return value is for reading."""
        ...

    def commit_state(self, plan: str) -> int:
        """Settles the ledger's answer in one transaction; the seq it made."""
        ...

    def open_safe_mode(self, request: str) -> int:
        """Mode ENTERING; the epoch to fence with."""
        ...

    def raise_fence(self, request: str, epoch: int) -> None:
        """Ends what was decided before and not sent."""
        ...

    def cancel_opening_orders(self, request: str) -> None:
        """Sets the cancels going."""
        ...

    def verify_no_opening_order(self, request: str) -> None:
        """Waits until venue, ledger and state agree that there is none."""
        ...

    def close_safe_mode(self, request: str) -> None:
        """Mode SAFE."""
        ...

    def lift_safe_mode(self, request: str) -> None:
        """Mode RUNNING."""
        ...


class _Unbound:
    steps: Steps | None = None


def bind(steps: Steps | None) -> None:
    """Gives the steps their engine, before DBOS is launched; None takes it away."""
    _Unbound.steps = steps


def _steps() -> Steps:
    if _Unbound.steps is None:
        raise RuntimeError("a workflow runs without an engine: bind one before DBOS.launch")
    return _Unbound.steps


@workflow("trading_step")
def trading_step(plan: str) -> int:
    """A price or time asked for it: execute the plan, commit what came of it."""
    batch_execute(plan)
    return commit_state(plan)


@workflow("on_order_update")
def on_order_update(plan: str) -> int:
    """Order updates asked for it: execute the counter orders, commit them with the updates and the offset."""
    batch_execute(plan)
    return commit_state(plan)


@workflow("enter_safe_mode")
def enter_safe_mode(request: str) -> None:
    """Halt: nothing decided before it is sent after it, and it ends with no opening order on the venue."""
    epoch = open_safe_mode(request)
    raise_fence(request, epoch)
    cancel_opening_orders(request)
    verify_no_opening_order(request)
    close_safe_mode(request)


@workflow("exit_safe_mode")
def exit_safe_mode(request: str) -> None:
    """Back to trading."""
    lift_safe_mode(request)


@step("batch_execute")
def batch_execute(plan: str) -> str:
    """Sends the same request id until the ledger has answered."""
    return _steps().batch_execute(plan)


@step("commit_state")
def commit_state(plan: str) -> int:
    """One SQL transaction: the state, the journal row."""
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
    """Makes the loop cancel; the cancels are trading steps of their own."""
    _steps().cancel_opening_orders(request)


@step("verify_no_opening_order")
def verify_no_opening_order(request: str) -> None:
    """Looks at the venue until it shows none."""
    _steps().verify_no_opening_order(request)


@step("close_safe_mode")
def close_safe_mode(request: str) -> None:
    """Commits mode SAFE and raises the alert."""
    _steps().close_safe_mode(request)


@step("lift_safe_mode")
def lift_safe_mode(request: str) -> None:
    """Commits mode RUNNING."""
    _steps().lift_safe_mode(request)

"""The workflows' steps, given to the symbol's team. What goes wrong stops the process and leaves the workflow as it is.

An exception would make DBOS record an outcome that the workflow does not have; so nothing but a refused request gets
through to it.
"""

import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from gridcore.triggers import Plan
from gridrpc.convert_plan import plan_from_json, results_json
from orchestrator.activities import RequestBelowFloorError
from orchestrator.bridge import Bridge
from orchestrator.errors import Abandoned, StopError, UnfinishableError
from orchestrator.requests import HaltRequest, LiftRequest
from orchestrator.team import Team

log = logging.getLogger(__name__)
T = TypeVar("T")


class TeamSteps:
    """The Steps of workflows.py over the teams."""

    def __init__(self, teams: Mapping[str, Team], bridge: Bridge, stop: Callable[[StopError], None]) -> None:
        self._teams = teams
        self._bridge = bridge
        self._stop = stop
        self._plans: dict[str, Plan] = {}  # by their text, of workflows that this process has just begun

    @contextlib.contextmanager
    def knowing(self, text: str, plan: Plan) -> Iterator[None]:
        """The block in which a workflow's text is this plan's and need not be parsed again, by neither of its steps."""
        self._plans[text] = plan
        try:
            yield
        finally:
            del self._plans[text]

    def batch_execute(self, plan: str) -> str:
        """Executes; the results as JSON, for reading."""

        def work() -> str:
            parsed = self._plan(plan)
            return results_json(self._team(parsed.symbol).activities.execute(parsed))

        return self._guarded(work)

    def commit_state(self, plan: str) -> int:
        """Commits; the seq."""

        def work() -> int:
            parsed = self._plan(plan)
            return self._team(parsed.symbol).activities.commit(parsed).plan.seq

        return self._guarded(work)

    def open_safe_mode(self, request: str) -> int:
        """Mode ENTERING; the epoch."""
        halt = HaltRequest.from_json(request)
        return self._on_loop(halt.symbol, lambda team: team.halting.open(halt))

    def raise_fence(self, request: str, epoch: int) -> None:
        """The executor's fence."""
        self._on_loop(HaltRequest.from_json(request).symbol, lambda team: team.halting.fence(epoch))

    def cancel_opening_orders(self, request: str) -> None:
        """Sets the loop going."""
        self._on_loop(HaltRequest.from_json(request).symbol, lambda team: team.halting.cancel())

    def verify_no_opening_order(self, request: str) -> None:
        """Waits for it."""
        self._on_loop(HaltRequest.from_json(request).symbol, lambda team: team.halting.verify())

    def close_safe_mode(self, request: str) -> None:
        """Mode SAFE."""
        halt = HaltRequest.from_json(request)
        self._on_loop(halt.symbol, lambda team: team.halting.close(halt))

    def lift_safe_mode(self, request: str) -> None:
        """Mode RUNNING."""
        lift = LiftRequest.from_json(request)
        self._on_loop(lift.symbol, lambda team: team.halting.lift(lift))

    def _on_loop(self, symbol: str, work: Callable[[Team], Coroutine[Any, Any, T]]) -> T:
        async def when_ready() -> T:
            team = self._team(symbol)
            await team.desk.ready.wait()
            return await work(team)

        return self._guarded(lambda: self._bridge.call(when_ready()))

    def _plan(self, text: str) -> Plan:
        return self._plans.get(text) or plan_from_json(text)

    def _team(self, symbol: str) -> Team:
        try:
            return self._teams[symbol]
        except KeyError:
            raise UnfinishableError(
                f"an unfinished workflow is about {symbol}, which the config does not have: add its [[grids]] again "
                "until it is done"
            ) from None

    def _guarded(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except RequestBelowFloorError:
            raise
        except StopError as error:
            self._stop(error)
        except Exception as error:  # whatever it is, the step has no outcome: stop, and be resumed
            log.warning("a workflow's step failed", exc_info=error)
            self._stop(StopError(f"a workflow's step failed ({error!r}): start again; it will be resumed"))
        raise Abandoned

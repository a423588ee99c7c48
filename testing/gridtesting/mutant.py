"""Runs a service without one of its rules, to show its purpose: a matrix that then finds nothing proves nothing.

    python -m gridtesting.mutant executor --without look-before-send --config grid.toml

The services have no switch for this. The rule is replaced here, from outside, in a process that breaks a promise of the
design and logs so at startup. With GRIDTESTING_WITHOUT, processes of `gridtesting.live.forked` are mutants too.
"""

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from gridservice.config_file import ConfigError

WITHOUT = "GRIDTESTING_WITHOUT"

_log = logging.getLogger(__name__)


class Rule(Enum):
    """A rule that can be disabled."""

    LOOK_BEFORE_SEND = (
        "look-before-send"  # the executor: an action that was SENDING at the crash is looked up, not resent
    )
    COMMIT_GUARD = "commit-guard"  # the orchestrator: a committed step is not committed again
    OFFSET_WITH_STATE = "offset-with-state"  # the orchestrator: an update counts as read once its step is committed


def rules_of(environ: Mapping[str, str]) -> tuple[Rule, ...]:
    """Parses the rules in the environment, separated by commas. Raises ConfigError for an unknown one."""
    return tuple(map(_rule, filter(None, environ.get(WITHOUT, "").split(","))))


def mutate(module: str, rules: Sequence[Rule]) -> None:
    """Disables those of the rules that belong to this service."""
    for rule in rules:
        service, patch = _PATCHES[rule]
        if service == module:
            _log.warning("this process works without %s and breaks its promises: it is for tests only", rule.value)
            patch()


def main() -> int:
    """Runs the service without the rules; the remaining arguments are the service's own."""
    parser = argparse.ArgumentParser(prog="gridtesting.mutant", description="Runs a service without one of its rules.")
    parser.add_argument("service", choices=sorted({service for service, _ in _PATCHES.values()}))
    parser.add_argument("--without", action="append", required=True, choices=[rule.value for rule in Rule])
    chosen, rest = parser.parse_known_args()
    mutate(chosen.service, [Rule(name) for name in chosen.without])
    sys.argv = [chosen.service, *rest]
    code: int = importlib.import_module(f"{chosen.service}.__main__").main()
    return code


def _rule(name: str) -> Rule:
    try:
        return Rule(name)
    except ValueError:
        known = ", ".join(rule.value for rule in Rule)
        raise ConfigError(WITHOUT, name, f"there is no such rule; there are {known}") from None


# The service's modules are imported where they are patched: a mutant of one needs nothing of the other.


def _send_again() -> None:
    from executor.dispatch.sender import Sender

    async def recover(self: Any, symbol: str, action: Any) -> Any:
        again = replace(action, timestamp_ms=self._clock.venue_ms())
        return await self._record(symbol, action, await self._send(symbol, again))

    Sender.recover = recover  # type: ignore[method-assign]


def _commit_again() -> None:
    from gridservice.clock import now_ns
    from gridtesting.unguarded import as_if_new
    from orchestrator.symbol.committed_state import CommittedState
    from orchestrator.symbol.running_step import RunningStep
    from orchestrator.symbol.trading_step import TradingStep

    commit = CommittedState.commit

    def commit_unguarded(self: Any, step: RunningStep, market: Any) -> Any:
        if step.plan.seq > self._state.seq:
            return commit(self, step, market)
        with self._mutex:
            again, self._state = as_if_new(step.plan, self._state)
            return self._write(RunningStep(again), market, now_ns())

    CommittedState.commit = commit_unguarded  # type: ignore[method-assign]
    TradingStep._committed = _nothing_committed  # type: ignore[method-assign, assignment]  # noqa: SLF001


def _nothing_committed(_self: Any, _plan: Any) -> Any:
    return None


def _read_before_commit() -> None:
    from gridtesting.unguarded import as_if_heard
    from orchestrator.takeover import takeover

    take_over, settle_requests = takeover.take_over, takeover.settle_requests
    ends: dict[str, int] = {}

    async def note_end(context: Any) -> int:
        ends[context.symbol] = await take_over(context)
        return ends[context.symbol]

    async def settle_and_skip(context: Any, plans: Any, execute: Any) -> None:
        await settle_requests(context, plans, execute)
        context.committed._state = as_if_heard(context.committed.state, ends[context.symbol])  # noqa: SLF001

    takeover.take_over, takeover.settle_requests = note_end, settle_and_skip


_PATCHES: dict[Rule, tuple[str, Callable[[], None]]] = {
    Rule.LOOK_BEFORE_SEND: ("executor", _send_again),
    Rule.COMMIT_GUARD: ("orchestrator", _commit_again),
    Rule.OFFSET_WITH_STATE: ("orchestrator", _read_before_commit),
}


if __name__ == "__main__":
    sys.exit(main())

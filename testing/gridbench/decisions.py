"""Measures decisions per second: prices inside the quiet band, for which the loop does nothing, and prices outside it.

The loop, SymbolContext, CommittedState and the store are the orchestrator's own. Only the durable workflow is left out,
since neither case has one. The rates are per second of CPU: the machine may be busy with something else.
"""

import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from gridbench.case import BOT, PREFIX, PRICE, Case, accepted, first_price, rules
from gridcore.decide import decide
from gridcore.model.events import Plan, PriceChanged
from gridcore.model.state import State
from gridrpc.channel import open_channel
from gridservice.clock import now_ms
from gridservice.errors import StopError
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceHeard
from orchestrator.clients.reachability import Reachability
from orchestrator.store.sqlite import SqliteStore
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.loop import SymbolLoop
from orchestrator.symbol.procedures import Procedure
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.under_way import ProceduresUnderWay

_CASE = Case(actions=20, slots=20)
_ROUNDS = 10
_PRICES = 100_000  # prices of a round inside
_DECISIONS = 200  # prices of a round outside


@dataclass(frozen=True, slots=True)
class Decisions:
    """Medians of the rounds, each per second of CPU, and how many statements the databases received meanwhile."""

    inside_per_second: float
    outside_per_second: float
    statements: int
    slots: int = _CASE.slots


class _Committer:
    """Workflow starter that commits plans itself, with every action accepted."""

    def __init__(self, committed: CommittedState) -> None:
        self._committed = committed

    def run_plan(self, step: RunningStep) -> None:
        """Commits the step."""
        plan = step.plan
        step.results = accepted([action.client_order_id for action in plan.actions], plan.trigger.at_ms)
        self._committed.commit(step, rules(plan.symbol))

    def start(self, procedure: Procedure) -> None:
        """Never called: the case has no limits."""
        raise AssertionError(f"the benchmark's grid starts {procedure.NAME}: {procedure.reason}")

    def any_unfinished(self, workflow_ids: Iterable[str]) -> bool:
        """Returns False."""
        del workflow_ids
        return False


async def measure_decisions(folder: Path) -> Decisions:
    """Measures both rates on a complete grid."""
    store = SqliteStore(folder / "decisions.sqlite")
    store.take_lease()
    store.save_state(State(_CASE.symbol, "0" * 32, _CASE.grid.geometry, epoch=1))
    state = store.load_state()
    assert state is not None
    committed = CommittedState(store, state, epoch=1)
    async with open_channel("127.0.0.1:1") as nobody:
        context = SymbolContext(
            BOT,
            _CASE.grid,
            committed,
            ExecutorClient(nobody, Reachability("nobody")),
            max_update_batch=100,
            stop=_raise,
        )
        context.market = rules(_CASE.symbol)
        committer = _Committer(committed)
        loop = SymbolLoop(context, committer, ProceduresUnderWay(committer))
        plan = await loop.step(first_price(now_ms()))
        while not plan.empty:  # the grid opens in portions; the step that sends nothing computes the band
            plan = await loop.step(PriceChanged(now_ms(), PRICE))
        while not context.events.empty:
            await context.events.take()  # the ticks by which a running loop continues after a portion
        context.trading = True
        with _statements() as seen:
            inside = _inside(loop, context)
            outside = _outside(context)
        context.thread.shutdown()
    store.close()
    return Decisions(inside, outside, len(seen))


def _inside(loop: SymbolLoop, context: SymbolContext) -> float:
    band = loop.quiet_band
    assert band is not None
    low, high = band
    step = (high - low) / 50
    prices = [PriceHeard(context.symbol, low + number * step, age_ms=5) for number in range(1, 50)]
    prices *= _PRICES // len(prices)
    rates: list[float] = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        for heard in prices:
            loop.hear_price(heard)
        rates.append(len(prices) / (time.thread_time() - began))
    assert context.events.empty, "a price inside the quiet band was not ignored"
    return statistics.median(rates)


def _outside(context: SymbolContext) -> float:
    price = PRICE + context.config.interval
    rates: list[float] = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        plans = [_decide(context, price) for _ in range(_DECISIONS)]
        rates.append(_DECISIONS / (time.thread_time() - began))
        assert all(plan.actions for plan in plans), "a price outside the quiet band caused no decision"
    return statistics.median(rates)


def _decide(context: SymbolContext, price: Decimal) -> Plan:
    trigger = PriceChanged(now_ms(), price)
    return decide(
        context.state,
        trigger,
        context.market,
        context.config,
        request_id=context.next_request_id(),
        epoch=1,
        prefix=PREFIX,
    )


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collects every SQL statement of this process in the block."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


def _raise(error: StopError) -> None:
    raise error

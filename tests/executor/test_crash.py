"""Death at every transaction of the ledger, before and after its commit: at most one effect, the same answers, no fill
lost. The executor is opened again on the same file, and the caller repeats its request as it would.

Each transaction of each scenario is died at once, by turns before and after its commit; DEATHS=whole (`make chaos-all`)
dies both ways at all of them.
"""

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, CrashPoint, LiveExecutor, running_executor
from gridwright.v1 import executor_pb2

WHOLE = os.environ.get("DEATHS") == "whole"
MakePlace = Callable[..., PlaceOrder]

SCENARIOS: dict[str, list[Fault | None]] = {
    "all-well": [None, None, None],
    "answer-lost": [Fault.TIMEOUT_AFTER, None, Fault.TIMEOUT_AFTER],
    "request-lost": [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_BEFORE, None],
    "late-and-refused": [Fault.LATE, Fault.REFUSED, Fault.TIMEOUT_BEFORE],
}


@pytest.mark.parametrize("after_commit", [False, True], ids=["before-commit", "after-commit"])
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_death_at_any_transaction_repeats_nothing_and_forgets_nothing(
    tmp_path: Path, make_place: MakePlace, scenario: str, after_commit: bool
) -> None:
    for number in itertools.count():
        if not WHOLE and _is_of_the_other_turn(number, scenario, after_commit=after_commit):
            continue
        clock = ManualClock()
        venue = FakeVenue(clock)
        venue.faults.extend(SCENARIOS[scenario])
        kept, cancelled = make_place(quantity="2"), make_place()
        requests: list[tuple[str, list[Action]]] = [
            ("bot/1/1", [kept, cancelled]),
            ("bot/1/2", [CancelOrder(cancelled.client_order_id, "", cancelled.slot)]),
        ]
        crash = CrashPoint(after_commit=after_commit)
        folder = tmp_path / str(number)
        async with running_executor(folder, venue, clock, pace=STEPWISE, crash=crash) as live:
            crash.at = crash.commits + number
            before = await live_through(live, requests)

        venue.faults.clear()
        if number % 2:  # what is on its way still arrives while the executor is down, or later
            venue.deliver()
        if number % 4 < 2:  # what fills meanwhile frees its name on the venue: a second send would trade again
            fill_all(venue)
        async with running_executor(folder, venue, clock) as live:
            answers = await live_through(live, requests)
            assert answers is not None
            assert before is None or answers == before
            venue.deliver()
            clock.advance(8_000)
            await nothing_in_doubt(live)
            fill_all(venue)
            log = await everything_recorded(live, venue)
            assert await live_through(live, requests) == answers
        check(venue, answers, log)
        if before is not None:  # it lived: the scenario has no more transactions to die at
            break
    assert number > 8, "the crash points missed the scenario"


def _is_of_the_other_turn(number: int, scenario: str, *, after_commit: bool) -> bool:
    """Four deaths before the commit, four after it; each four have all that happens while the executor is down."""
    return (number // 4 + list(SCENARIOS).index(scenario)) % 2 == after_commit


def fill_all(venue: FakeVenue) -> None:
    for order in list(venue.orders.values()):
        if order.status is OrderStatus.OPEN:
            venue.fill(order.client_order_id)


async def live_through(live: LiveExecutor, requests: list[tuple[str, list[Action]]]) -> list[ActionResult] | None:
    """All answers, None if it died on the way."""
    try:
        return [result for name, actions in requests for result in await live.batch(name, actions)]
    except grpc.aio.AioRpcError:
        return None


async def nothing_in_doubt(live: LiveExecutor) -> None:
    """Waits until the resolver has evidence for everything."""
    deadline = time.monotonic() + 60
    while (await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))).in_flight:
        assert time.monotonic() < deadline, "an order stays in doubt"


async def everything_recorded(live: LiveExecutor, venue: FakeVenue) -> list[OrderUpdate]:
    """The log once it has the end of every order that the venue has."""
    deadline = time.monotonic() + 60
    while True:
        log = await live.whole_log()
        ended = {entry.exchange_order_id for entry in log if isinstance(entry.news, OrderStatus) and entry.news.ended}
        if ended >= venue.orders.keys():
            return log
        assert time.monotonic() < deadline, f"ends are missing: {venue.orders.keys() - ended}"


def check(venue: FakeVenue, answers: list[ActionResult], log: list[OrderUpdate]) -> None:
    """At most one order per name, answers true to the venue, each fill once."""
    names = [order.client_order_id for order in venue.orders.values()]
    assert len(names) == len(set(names))
    for answer in answers[:2]:
        if answer.outcome is Outcome.ACCEPTED:
            assert answer.client_order_id in names
        if answer.outcome in {Outcome.REJECTED, Outcome.NOT_SENT, Outcome.EXPIRED}:
            assert answer.client_order_id not in names
    assert [entry.offset for entry in log] == list(range(1, len(log) + 1))
    reported = [entry.news.trade_id for entry in log if isinstance(entry.news, Fill)]
    assert sorted(reported) == sorted(trade.fill.trade_id for trade in venue.trades)

"""The real executor trades on a simex that hides outcomes: one order per action at most, and the ledger ends in the
truth, by the oracle alone.
"""

import asyncio
import random  # noqa: TID251  chance of a test, its seed printed
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.settings import Credentials, VenueSettings
from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridservice.clock import now_ms
from gridtesting.live.executor import QUICK, SYMBOL, LiveExecutor, running_executor
from gridtesting.live.simex import SimexHandle, running_simex
from gridwright.v1 import executor_pb2, simex_pb2
from simex.clock import VenueClock

WINDOW_MS = 5_000
LAG_MS = 3_000
START_MS, TIMEOUT_MS = 10_000, 300  # for an answer: a start fails with the first that does not come
PACE = replace(QUICK, poll_interval_ms=40, visibility_lag_ms=LAG_MS, resolve_pause_ms=30)


@pytest.fixture
def clock() -> VenueClock:
    """The one clock of the venue, the executor and its client: it jumps where waiting would take too long."""
    return VenueClock()


@pytest.fixture
async def simex(tmp_path: Path, clock: VenueClock) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path, clock_ms=clock) as handle:
        yield handle


@pytest.fixture
async def live(simex: SimexHandle, tmp_path: Path, clock: VenueClock) -> AsyncIterator[LiveExecutor]:
    """An executor with simex as its venue."""
    keys = Credentials(simex.api_key, simex.api_secret)
    settings = VenueSettings(
        exchange="binance",
        base_url=simex.http_url,
        recv_window_ms=WINDOW_MS,
        requests_expire=True,
        visibility_lag_ms=LAG_MS,
        request_timeout_ms=START_MS,
        credentials=keys,
    )
    client = make_client(settings)
    client.milliseconds = clock
    venue = CcxtVenue(client, WINDOW_MS)
    async with running_executor(tmp_path, venue, clock, pace=PACE) as running:
        client.timeout = TIMEOUT_MS
        yield running
    await venue.close()


def place(name: str, price: int = 59_000) -> PlaceOrder:
    late_ms = now_ms() + 3_600_000
    return PlaceOrder(
        name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(price), Decimal("0.01"), late_ms, str(price)
    )


@dataclass(frozen=True)
class Story:
    """What goes wrong with one place, and whether the order is there in the end."""

    faults: tuple[tuple[str, dict[str, Any]], ...]
    placed: bool


def story(kind: str, *, placed: bool, also: str = "", **settings: Any) -> Any:
    settings = {"endpoint": "POST order", "count": 1} | settings
    hidden = (("HIDDEN_ORDER", {"delay_ms": LAG_MS - 1_000}),) if also == "hidden" else ()
    name = "-".join(["hidden"] * bool(hidden) + [kind, "done" if placed else "not done"])
    return pytest.param(Story((*hidden, (kind, settings)), placed), id=name)


@pytest.mark.parametrize(
    "story",
    [
        story("ACCEPT_THEN_TIMEOUT", placed=True),
        story("ACCEPT_THEN_TIMEOUT", placed=True, also="hidden"),
        story("TIMEOUT_BEFORE", placed=False),
        story("RESET_BEFORE", placed=False),
        story("RESET_AFTER", placed=True),
        story("RESET_AFTER", placed=True, also="hidden"),
        story("CUT_BODY", placed=True),
        story("EMPTY_200", placed=True),
        story("HTML_200", placed=True, also="hidden"),
        story("STATUS", placed=True, status=502, done=True),
        story("STATUS", placed=False, status=503),
        story("ERROR_CODE", placed=True, code=-1006, done=True, also="hidden"),
        story("ERROR_CODE", placed=False, code=-1007),
        story("LATE_ARRIVAL", placed=True, delay_ms=TIMEOUT_MS // 2, lost=True),
        story("SLOW_ANSWER", placed=True, delay_ms=TIMEOUT_MS * 2),
    ],
)
async def test_an_outcome_that_is_hidden_is_found_out_and_the_order_never_sent_twice(
    simex: SimexHandle, live: LiveExecutor, clock: VenueClock, story: Story
) -> None:
    for kind, settings in story.faults:
        await simex.fault(kind, **settings)

    (result,) = await live.batch("bot/1/1", [place("gtest01")])
    clock.offset_ms += WINDOW_MS + LAG_MS + 1
    said = await in_the_end(live, result)

    orders = (await simex.truth()).orders
    sent = await simex.requests("POST order")
    assert [each.client_order_id for each in sent] == ["gtest01"]
    assert [each.client_order_id for each in orders] == (["gtest01"] if story.placed else [])
    assert said == ("there" if story.placed else "not there")


async def test_an_order_that_reaches_the_venue_after_its_window_was_never_placed(
    simex: SimexHandle, live: LiveExecutor, clock: VenueClock
) -> None:
    await simex.fault("LATE_ARRIVAL", endpoint="POST order", delay_ms=4 * TIMEOUT_MS, lost=True)

    placing = asyncio.create_task(live.batch("bot/1/1", [place("gtest01")]))
    await simex.received("POST order")
    clock.offset_ms += WINDOW_MS + LAG_MS + 1
    said = await in_the_end(live, (await placing)[0])
    sent = await simex.received("POST order", lambda request: request.status > 0)

    assert len(await simex.requests("POST order")) == 1
    assert (said, sent.code, sent.reached) == ("not there", -1021, False)
    assert len((await simex.truth()).orders) == 0


async def test_an_order_that_the_stream_reported_is_not_given_up_however_long_look_ups_hide_it(
    simex: SimexHandle, live: LiveExecutor, clock: VenueClock
) -> None:
    hidden_ms = 10 * (WINDOW_MS + LAG_MS)
    await simex.fault("HIDDEN_ORDER", delay_ms=hidden_ms)
    await simex.fault("RESET_AFTER", endpoint="POST order", count=1)
    await simex.received("POST userDataStream", lambda request: request.reached)

    (result,) = await live.batch("bot/1/1", [place("gtest01")])
    async with asyncio.timeout(20):
        asked = executor_pb2.GetOrderRequest(client_order_id="gtest01")
        while not (await live.stub.GetOrder(asked)).exchange_order_id:
            pass  # the stream's news comes into the ledger
    clock.offset_ms += WINDOW_MS + LAG_MS + 1
    looked = (await simex.requests())[-1].seq
    await simex.received("GET order", after_seq=looked)  # after the time from which not finding would be evidence
    clock.offset_ms += hidden_ms

    assert await in_the_end(live, result) == "there"


async def test_a_venue_that_hides_an_order_for_longer_than_it_is_said_to_stops_the_executor_and_costs_no_fill(
    simex: SimexHandle, live: LiveExecutor, clock: VenueClock
) -> None:
    hidden_ms = 10 * (WINDOW_MS + LAG_MS)
    await simex.fault("HIDDEN_ORDER", delay_ms=hidden_ms, late_events=True)
    await simex.fault("RESET_AFTER", endpoint="POST order", count=1)

    (result,) = await live.batch("bot/1/1", [place("gtest01")])
    clock.offset_ms += WINDOW_MS + LAG_MS + 1
    said = await in_the_end(live, result)
    clock.offset_ms += hidden_ms
    await simex.inject("58999", "1")
    for watch in live.executor.watches:
        await watch.poll_once()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await live.batch("bot/1/2", [place("gtest02")])

    assert said == "not there"  # by all that it could know
    assert "gtest01 (1) is on the venue, but the ledger has it as NOT_PLACED" in (refused.value.details() or "")
    fills = [each.news for each in await live.whole_log() if isinstance(each.news, Fill)]
    assert [each.trade_id for each in fills] == ["1"]
    assert len(await simex.requests("POST order")) == 1


async def in_the_end(live: LiveExecutor, result: ActionResult) -> str:
    """What the executor says of a place once it is sure."""
    match result.outcome:
        case Outcome.ACCEPTED:
            return "there"
        case Outcome.REJECTED:
            return "not there"
        case Outcome.UNKNOWN:
            (update,) = await live.log(1)
            return {OrderStatus.OPEN: "there", OrderStatus.NOT_PLACED: "not there"}[update.news]  # type: ignore[index]
        case outcome:
            return outcome.value


# Kinds that hide what became of a request, on every endpoint at once: reads fail as well, and cancels are lost.
STORM: list[tuple[str, dict[str, Any]]] = [
    ("RESET_AFTER", {"probability": "0.1"}),
    ("RESET_BEFORE", {"probability": "0.1"}),
    ("CUT_BODY", {"probability": "0.1"}),
    ("HTML_200", {"probability": "0.1"}),
    ("STATUS", {"probability": "0.1", "status": 502, "done": True}),
    ("ERROR_CODE", {"probability": "0.1", "code": -1006}),
    ("HIDDEN_ORDER", {"probability": "0.3", "delay_ms": LAG_MS // 2}),
    ("LATE_TRADES", {"probability": "0.5", "delay_ms": 300}),
    ("CANCEL_CROSSES_FILL", {"probability": "0.4", "fraction": "0.5"}),
    ("MISSING", {"stream": "user", "probability": "0.3"}),
    ("DUPLICATE", {"stream": "user", "probability": "0.3"}),
    ("REORDER", {"stream": "user", "probability": "0.3"}),
]


async def test_a_storm_of_faults_costs_no_order_and_no_fill(
    simex: SimexHandle, live: LiveExecutor, clock: VenueClock
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  so that a failure can be run again
    chance = random.Random(seed)
    for kind, settings in chance.sample(STORM, len(STORM)):
        await simex.fault(kind, **settings)

    names = [f"gtest0{number}" for number in range(10)]
    for number, name in enumerate(names):
        price = 59_990 - 10 * number
        actions: list[Action] = [place(name, price)]
        if number % 3 == 2:
            actions.append(CancelOrder(names[chance.randrange(number)], "", slot="x"))
        await live.batch(f"bot/1/{number}", actions)
        if number % 2:
            await simex.inject(str(price + 10 * chance.randrange(1, 4)), chance.choice(["0.004", "1"]))
    struck = (await simex.control.ListFaults(simex_pb2.ListFaultsRequest())).faults
    await simex.control.ClearFaults(simex_pb2.ClearFaultsRequest())
    await simex.inject("59905", "1")
    clock.offset_ms += WINDOW_MS + LAG_MS + 1
    recorded = await until_recorded(simex, live)

    truth = await simex.truth()
    sent = Counter(each.client_order_id for each in await simex.requests("POST order"))
    placed = Counter(each.client_order_id for each in truth.orders)
    assert sum(each.fired for each in struck) > 20, struck
    assert all(count == 1 for count in (sent | placed).values()), (sent, placed)
    assert placed.keys() <= sent.keys()
    assert recorded == sorted((each.client_order_id, each.trade_id) for each in truth.trades)


async def until_recorded(simex: SimexHandle, live: LiveExecutor) -> list[tuple[str, str]]:
    """Every fill in the executor's log, once nothing is in flight and the log has as many as there are."""
    async with asyncio.timeout(20):
        while True:
            trades = len((await simex.truth()).trades)
            answer = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
            log = await live.whole_log()
            fills = [(each.client_order_id, each.news.trade_id) for each in log if isinstance(each.news, Fill)]
            if not answer.in_flight and len(fills) >= trades:
                return sorted(fills)

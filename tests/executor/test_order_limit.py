"""An account whose order count is used up: only places wait, cancels and reads continue, and a person can see it."""

from pathlib import Path
from typing import Any

from executor.venue.port import Refusal, RefusedError, VenueOrder
from gridcore.model.actions import CancelOrder, Outcome, PlaceOrder
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import STEPWISE, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2

TEN_SECONDS_MS, DAY_MS = 10_000, 86_400_000


class FullVenue(FakeVenue):
    """Refuses places with -1015, for the count of a window, while the test asks for it."""

    full_window_ms: int | None = None
    refusals = 0

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """As the venue, or -1015."""
        if self.full_window_ms is None:
            return await super().place(symbol, order, timestamp_ms)
        self.refusals += 1
        raise RefusedError(Refusal.ORDER_LIMIT, "Too many new orders", order_window_ms=self.full_window_ms)


async def kinds(live: Any) -> list[str]:
    answer = await live.stub.ListTroubles(models_pb2.ListTroublesRequest())
    return [trouble.kind for trouble in answer.troubles]


async def test_the_days_count_stops_places_and_neither_cancels_nor_reads_nor_news(
    tmp_path: Path, clock: ManualClock, make_place: Any
) -> None:
    venue = FullVenue(clock)
    resting, filled = make_place(), make_place()
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [resting, filled])
        venue.full_window_ms = DAY_MS
        (refused,) = await live.batch("bot/1/2", [make_place()])
        assert (refused.outcome, refused.reason) == (Outcome.REJECTED, "ORDER_LIMIT")
        (unsent,) = await live.batch("bot/1/3", [make_place()])
        assert (unsent.outcome, unsent.reason) == (Outcome.NOT_SENT, "ORDER_LIMIT")
        assert venue.refusals == 1
        cancel = CancelOrder(resting.client_order_id, "1", resting.slot)
        (cancelled,) = await live.batch("bot/1/4", [cancel])
        assert cancelled.outcome is Outcome.CANCELLED
        venue.fill(filled.client_order_id)
        assert len(await live.log(3)) == 3
        await live.stub.GetBalances(executor_pb2.GetBalancesRequest())
        assert await kinds(live) == ["ORDER_LIMIT"]


async def test_after_the_ten_seconds_places_go_on_and_the_trouble_is_over(
    tmp_path: Path, clock: ManualClock, make_place: Any
) -> None:
    venue = FullVenue(clock)
    venue.full_window_ms = TEN_SECONDS_MS
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [make_place()])
        (unsent,) = await live.batch("bot/1/2", [make_place()])
        assert unsent.reason == "ORDER_LIMIT"
        venue.full_window_ms = None
        clock.advance(TEN_SECONDS_MS)
        (placed,) = await live.batch("bot/1/3", [make_place()])
        assert placed.outcome is Outcome.ACCEPTED
        await until(lambda: not live.executor.troubles.present(), "the trouble is over")

"""The account's budget: tokens by arithmetic, silence when the venue wishes it, cancels before places before reads."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.bucket import BlockedError, Priority, Throttle, TokenBucket
from gridtesting.venue import ManualClock
from gridtesting.waiting import until


def test_a_burst_is_given_at_once_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now_ms=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 100]
    assert bucket.take(99) > 0
    assert bucket.take(100) == 0


def test_idle_time_fills_up_to_the_burst_only() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now_ms=0)
    assert [bucket.take(1_000_000) for _ in range(4)] == [0, 0, 0, 100]


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    bucket = TokenBucket(per_second=1, burst=1, now_ms=10_000)
    assert bucket.take(10_000) == 0
    assert bucket.take(0) > 0


def test_silence_is_kept_until_its_end_and_never_shortened() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now_ms=0)
    bucket.block_until(5_000)
    bucket.block_until(1_000)
    assert bucket.take(1_000) == 4_000
    assert bucket.take(5_000) == 0


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 50), st.integers(1, 20))
def test_no_span_of_time_sees_more_than_burst_and_rate_allow(gaps: list[int], per_second: int, burst: int) -> None:
    bucket = TokenBucket(per_second, burst, 0)
    now, taken = 0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now) == 0
        assert taken <= burst + now * per_second / 1000 + 1e-6


async def test_the_urgent_go_first() -> None:
    clock = ManualClock(0)
    throttle = Throttle(TokenBucket(per_second=1000, burst=1, now_ms=0), clock)
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await throttle.acquire(priority)
        order.append(name)

    await ask("first", Priority.READ)
    wishes = [
        ("read", Priority.READ),
        ("place", Priority.PLACE),
        ("cancel", Priority.CANCEL),
        ("late", Priority.CANCEL),
    ]
    tasks = [asyncio.create_task(ask(name, priority)) for name, priority in wishes]
    await until(lambda: len(throttle._waiting) == len(tasks), "queueing")
    while len(order) < 5:
        clock.advance(1)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["first", "cancel", "late", "place", "read"]


async def test_who_cannot_wait_out_the_silence_is_told_its_end() -> None:
    clock = ManualClock(0)
    throttle = Throttle(TokenBucket(per_second=10, burst=1, now_ms=0), clock)
    throttle.block_until(60_000)
    with pytest.raises(BlockedError) as blocked:
        await throttle.acquire(Priority.PLACE, patience_ms=10_000)
    assert blocked.value.until_ms == 60_000
    clock.advance(60_000)
    await throttle.acquire(Priority.PLACE, patience_ms=10_000)


async def test_who_gives_up_does_not_stand_in_the_way() -> None:
    clock = ManualClock(0)
    throttle = Throttle(TokenBucket(per_second=1, burst=1, now_ms=0), clock)
    await throttle.acquire(Priority.CANCEL)
    waiting = asyncio.create_task(throttle.acquire(Priority.CANCEL))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    clock.advance(1_000)
    await asyncio.wait_for(throttle.acquire(Priority.READ), timeout=30)

"""The queue before the budgets: who goes first, who holds up whom, and how a place is given back."""

import asyncio

import pytest

from executor.venue.limits.rate_limit import Budget, LimitKind, Need, Priority, RateLimit, Reason, TokenBucket
from executor.venue.limits.throttle import BlockedError, Throttle, Ticket, in_background
from gridtesting.fakes.venue import ManualClock
from gridtesting.waiting import until

MINUTE = RateLimit(LimitKind.WEIGHT, 60_000, 100)
TEN_SECONDS = RateLimit(LimitKind.ORDERS, 10_000, 10)


def throttle_of(clock: ManualClock, *limits: RateLimit, per_second: int | None = None, burst: int = 1) -> Throttle:
    budget = Budget(pace=None if per_second is None else TokenBucket(per_second, burst, clock()))
    budget.set_limits(limits)
    return Throttle(budget, clock)


def place(priority: Priority) -> Need:
    return Need(priority, orders=1)


async def test_the_urgent_go_first() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, per_second=1000)
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await throttle.acquire(Need(priority))
        order.append(name)

    await ask("first", Priority.READ)
    wishes = [
        ("poll", Priority.BACKGROUND),
        ("read", Priority.READ),
        ("opening", Priority.OPENING),
        ("closing", Priority.CLOSING),
        ("cancel", Priority.CANCEL),
        ("late", Priority.CANCEL),
    ]
    tasks = [asyncio.create_task(ask(name, priority)) for name, priority in wishes]
    await until(lambda: throttle.waiting == len(tasks), "queueing")
    for _ in range(100):
        clock.advance(1)
        throttle.set_limits([])  # looks at the clock
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["first", "cancel", "late", "closing", "opening", "read", "poll"]


async def test_openings_of_all_symbols_take_turns() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, RateLimit(LimitKind.ORDERS, 10_000, 1))
    order: list[str] = []

    async def ask(symbol: str) -> None:
        (await throttle.acquire(place(Priority.OPENING), symbol=symbol, patience_ms=1_000_000)).settle()
        order.append(symbol)

    symbols = ["A", "A", "A", "A", "B", "B", "C"]
    tasks = [asyncio.create_task(ask(symbol)) for symbol in symbols]
    await until(lambda: throttle.waiting == len(tasks) - 1, "queueing")
    for _ in range(100):
        clock.advance(10_000)
        throttle.set_limits([RateLimit(LimitKind.ORDERS, 10_000, 1)])
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert sorted(order[:3]) == ["A", "B", "C"]
    assert order[5:] == ["A", "A"]


async def test_an_opening_that_waits_for_orders_holds_up_no_read() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, MINUTE, TEN_SECONDS)
    throttle.refuse_orders(10_000)
    waiting = asyncio.create_task(throttle.acquire(place(Priority.OPENING), patience_ms=20_000))
    await until(lambda: throttle.waiting == 1, "queueing")
    await throttle.acquire(Need(Priority.READ))
    await throttle.acquire(Need(Priority.CANCEL))
    assert not waiting.done()
    waiting.cancel()


async def test_places_alone_wait_when_the_venue_takes_no_more_orders() -> None:
    clock = ManualClock(3_000)
    throttle = throttle_of(clock, MINUTE, TEN_SECONDS)
    throttle.refuse_orders(86_400_000)
    for priority in (Priority.CLOSING, Priority.OPENING):
        with pytest.raises(BlockedError) as blocked:
            await throttle.acquire(place(priority))
        assert (blocked.value.reason, blocked.value.until_ms) == (Reason.ORDER_LIMIT, 86_400_000)
    for priority in (Priority.CANCEL, Priority.READ, Priority.BACKGROUND):
        await throttle.acquire(Need(priority))
    clock.advance(86_400_000)
    await throttle.acquire(place(Priority.OPENING))


async def test_a_call_that_cannot_wait_out_the_silence_gets_its_end() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, per_second=10)
    throttle.be_silent(Reason.BANNED, 60_000)
    with pytest.raises(BlockedError) as blocked:
        await throttle.acquire(Need(Priority.CANCEL), patience_ms=10_000)
    assert (blocked.value.reason, blocked.value.until_ms) == (Reason.BANNED, 60_000)
    clock.advance(60_000)
    await throttle.acquire(Need(Priority.CANCEL), patience_ms=10_000)


async def test_closings_find_room_that_openings_do_not() -> None:
    throttle = throttle_of(ManualClock(0), TEN_SECONDS)
    for _ in range(8):
        await throttle.acquire(place(Priority.OPENING))
    with pytest.raises(BlockedError) as blocked:
        await throttle.acquire(place(Priority.OPENING))
    assert blocked.value.reason is Reason.ORDER_LIMIT
    await throttle.acquire(place(Priority.CLOSING))


async def test_who_gives_up_does_not_stand_in_the_way() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, per_second=1)
    await throttle.acquire(Need(Priority.CANCEL))
    waiting = asyncio.create_task(throttle.acquire(Need(Priority.CANCEL)))
    await until(lambda: throttle.waiting == 1, "queueing")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert throttle.waiting == 0
    clock.advance(1_000)
    await asyncio.wait_for(throttle.acquire(Need(Priority.READ)), timeout=30)


async def test_a_ticket_whose_taker_is_gone_is_given_back() -> None:
    clock = ManualClock(0)
    throttle = throttle_of(clock, MINUTE)
    throttle.be_silent(Reason.RATE_LIMITED, 1_000)
    taker = asyncio.create_task(throttle.acquire(Need(Priority.READ, weight=40)))
    await until(lambda: throttle.waiting == 1, "queueing")
    clock.advance(1_000)
    throttle.set_limits([MINUTE])
    assert throttle.budget.used(1_000)[LimitKind.WEIGHT, 60_000] == (40, 40, 100)  # granted, and not woken yet
    taker.cancel()
    await asyncio.gather(taker, return_exceptions=True)
    assert throttle.budget.used(1_000)[LimitKind.WEIGHT, 60_000] == (0, 0, 100)


async def test_what_was_never_sent_costs_nothing_and_what_was_sent_stays_counted() -> None:
    throttle = throttle_of(ManualClock(0), MINUTE, TEN_SECONDS)
    unsent = await throttle.acquire(place(Priority.OPENING))
    unsent.settle(sent=False)
    sent = await throttle.acquire(place(Priority.OPENING))
    sent.settle()
    sent.settle(sent=False)  # a repetition, which does nothing
    assert throttle.budget.used(0) == {(LimitKind.WEIGHT, 60_000): (1, 1, 100), (LimitKind.ORDERS, 10_000): (1, 1, 10)}


async def test_polls_leave_room_for_reads_that_somebody_waits_for() -> None:
    throttle = throttle_of(ManualClock(0), MINUTE)
    with in_background():
        await throttle.acquire_read(30)
    with pytest.raises(BlockedError):
        await throttle.acquire(Need(Priority.BACKGROUND, weight=10), patience_ms=1_000)
    ticket = await throttle.acquire_read(10)
    assert isinstance(ticket, Ticket)


async def test_a_symbol_that_comes_late_in_a_window_finds_an_opening_kept_for_it() -> None:
    throttle = throttle_of(ManualClock(0), TEN_SECONDS)
    throttle.symbols = ("A", "B", "C")
    for _ in range(6):
        await throttle.acquire(place(Priority.OPENING), symbol="A")
    with pytest.raises(BlockedError):
        await throttle.acquire(place(Priority.OPENING), symbol="A")
    await throttle.acquire(place(Priority.OPENING), symbol="B")
    await throttle.acquire(place(Priority.OPENING), symbol="C")

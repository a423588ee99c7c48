"""A change wakes those who wait; none is missed between a look and the wait."""

import asyncio

from gridservice.change_signal import ChangeSignal


async def test_a_change_between_the_look_and_the_wait_is_not_missed() -> None:
    signal = ChangeSignal()
    seen = signal.count
    signal.beat()

    assert await asyncio.wait_for(signal.after(seen), 1) == seen + 1


async def test_each_watcher_is_woken() -> None:
    signal = ChangeSignal()
    watchers = [asyncio.create_task(signal.after(signal.count)) for _ in range(3)]
    await asyncio.sleep(0)
    signal.beat()

    assert await asyncio.wait_for(asyncio.gather(*watchers), 1) == [1, 1, 1]


async def test_a_condition_is_looked_at_after_each_change() -> None:
    signal = ChangeSignal()
    watcher = asyncio.create_task(signal.until(lambda: signal.count == 2))
    for _ in range(2):
        await asyncio.sleep(0)
        assert not watcher.done()
        signal.beat()

    await asyncio.wait_for(watcher, 1)

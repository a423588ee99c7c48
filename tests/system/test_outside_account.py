"""What the exchange withholds from the account: its orders of ten seconds, its keys. Everything else goes on."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from griddeploy.deployment import EXECUTOR
from gridtesting.live.exchange_stack import SYMBOL, Outside, Plan, outside
from gridwright.v1 import simex_pb2

pytestmark = pytest.mark.system

SEEN_SECONDS = 10.0  # within which a trouble is shown, and is gone after its end
WATCHED_SECONDS = 6.0
MOST_A_SECOND = 4  # requests with keys that are known to be refused, of polls, conditions, stream and health together


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Outside]:
    folder = tmp_path / "100%E5 of?a b#c 币"  # whatever a user's folder is called
    folder.mkdir()
    async with outside(folder, Plan({SYMBOL: {"buy_window": 5, "sell_window": 5}})) as house:
        await house.open()
        yield house


async def test_too_many_orders_stop_places_alone_and_safe_mode_completes_meanwhile(house: Outside) -> None:
    await house.simex.SetLimits(simex_pb2.VenueLimits(orders_10s=1))
    await house.trade("59640")  # two slots want their closings, and three levels their openings
    await house.booked(2)
    await house.shown("ORDER_LIMIT", seconds=SEEN_SECONDS)
    refused = [each for each in await house.refusals() if each.code == -1015]

    began = time.monotonic()
    await house.operate("EnterSafeMode")
    await house.mode("SAFE")
    assert time.monotonic() - began < SEEN_SECONDS, "nothing waits for the end of the ten seconds"
    assert await house.resting("BUY") == []
    reads = len(await house.received("GET openOrders"))
    await house.until("the executor reads on", lambda: reads_on(house, reads))

    await house.simex.SetLimits(simex_pb2.VenueLimits(orders_10s=100))
    await house.operate("ExitSafeMode")
    await house.mode("RUNNING")
    await house.rests("SELL", ["60000", "59820"])
    await house.in_order()
    assert 1 <= len(refused) <= 5, "asked again at the end of the ten seconds, not before"
    report = await house.stack.audit()
    assert report.clean, report


async def test_keys_that_are_refused_for_a_while_are_shown_and_nothing_is_lost(house: Outside) -> None:
    await house.simex.SetKeys(simex_pb2.SetKeysRequest(code=-2015, drop_sockets=True))
    trouble = await house.shown("KEY_REFUSED", seconds=SEEN_SECONDS)
    assert trouble.trouble_class == "ACCOUNT"
    await house.until("the executor says so", lambda: says(house, "NOT_SERVING"), SEEN_SECONDS)
    await house.trade("59820")
    refused = await refused_in(house, WATCHED_SECONDS)
    assert len(refused) <= MOST_A_SECOND * WATCHED_SECONDS, Counter(each.endpoint for each in refused)

    await house.simex.SetKeys(simex_pb2.SetKeysRequest(code=0))
    await house.in_order(SEEN_SECONDS)
    await house.booked(1)
    await house.rests("SELL", ["60000"])
    report = await house.stack.audit()
    assert report.clean, report


async def says(house: Outside, health: str) -> bool:
    return (await house.status()).healths[EXECUTOR] == health


async def reads_on(house: Outside, before: int) -> bool:
    return len(await house.received("GET openOrders")) > before


async def refused_in(house: Outside, seconds: float) -> list[simex_pb2.ReceivedRequest]:
    """The requests of the next seconds that simex refuses for their keys."""
    before, ends = len(await house.refused_keys()), time.monotonic() + seconds

    async def over() -> bool:
        return time.monotonic() >= ends

    await house.until("the time is over", over)
    return (await house.refused_keys())[before:]

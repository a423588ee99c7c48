"""What the exchange withholds from the account: its orders of ten seconds, its keys. Everything else continues."""

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
async def deployment(tmp_path: Path) -> AsyncIterator[Outside]:
    folder = tmp_path / "100%E5 of?a b#c 币"  # independent of the name of a user's folder
    folder.mkdir()
    async with outside(folder, Plan({SYMBOL: {"buy_window": 5, "sell_window": 5}})) as deployment:
        await deployment.open()
        yield deployment


async def test_too_many_orders_stop_places_alone_and_safe_mode_completes_meanwhile(deployment: Outside) -> None:
    await deployment.simex.SetLimits(simex_pb2.VenueLimits(orders_10s=1))
    await deployment.trade("59640")  # two slots want their closings, and three levels their openings
    await deployment.booked(2)
    await deployment.shown("ORDER_LIMIT", seconds=SEEN_SECONDS)
    refused = [each for each in await deployment.refusals() if each.code == -1015]

    began = time.monotonic()
    await deployment.operate("EnterSafeMode")
    await deployment.mode("SAFE")
    assert time.monotonic() - began < SEEN_SECONDS, "nothing waits for the end of the ten seconds"
    assert await deployment.resting("BUY") == []
    reads = len(await deployment.received("GET openOrders"))
    await deployment.until("the executor reads on", lambda: reads_on(deployment, reads))

    await deployment.simex.SetLimits(simex_pb2.VenueLimits(orders_10s=100))
    await deployment.operate("ExitSafeMode")
    await deployment.mode("RUNNING")
    await deployment.rests("SELL", ["60000", "59820"])
    await deployment.in_order()
    assert 1 <= len(refused) <= 5, "asked again at the end of the ten seconds, not before"
    report = await deployment.stack.audit()
    assert report.clean, report


async def test_keys_that_are_refused_for_a_while_are_shown_and_nothing_is_lost(deployment: Outside) -> None:
    await deployment.simex.SetKeys(simex_pb2.SetKeysRequest(code=-2015, drop_sockets=True))
    trouble = await deployment.shown("KEY_REFUSED", seconds=SEEN_SECONDS)
    assert trouble.trouble_class == "ACCOUNT"
    await deployment.until("the executor says so", lambda: says(deployment, "NOT_SERVING"), SEEN_SECONDS)
    await deployment.trade("59820")
    refused = await refused_in(deployment, WATCHED_SECONDS)
    assert len(refused) <= MOST_A_SECOND * WATCHED_SECONDS, Counter(each.endpoint for each in refused)

    await deployment.simex.SetKeys(simex_pb2.SetKeysRequest(code=0))
    await deployment.in_order(SEEN_SECONDS)
    await deployment.booked(1)
    await deployment.rests("SELL", ["60000"])
    report = await deployment.stack.audit()
    assert report.clean, report


async def says(deployment: Outside, health: str) -> bool:
    return (await deployment.status()).healths[EXECUTOR] == health


async def reads_on(deployment: Outside, before: int) -> bool:
    return len(await deployment.received("GET openOrders")) > before


async def refused_in(deployment: Outside, seconds: float) -> list[simex_pb2.ReceivedRequest]:
    """The requests of the next seconds that simex refuses for their keys."""
    before, ends = len(await deployment.refused_keys()), time.monotonic() + seconds

    async def over() -> bool:
        return time.monotonic() >= ends

    await deployment.until("the time is over", over)
    return (await deployment.refused_keys())[before:]

"""The executor reads markets again by name: what the exchange changes is seen, what it delists is named."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.settings import read_venue
from gridservice.config_file import Table
from gridsim.rules import SymbolRules
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex

BTC, ETH = "BTC/USDT", "ETH/USDT"
BOTH = (BTC, ETH)
SMALL = replace(STILL_MARKET, rules=SymbolRules(ETH))


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path, (STILL_MARKET, SMALL)) as handle:
        yield handle


@pytest.fixture
async def venue(simex: SimexHandle) -> AsyncIterator[CcxtVenue]:
    keys = {"GRIDWRIGHT_API_KEY": simex.api_key, "GRIDWRIGHT_API_SECRET": simex.api_secret}
    venue = CcxtVenue(make_client(read_venue(Table({"exchange": "binance", "base_url": simex.http_url}), keys)), 5_000)
    await venue.connect(BOTH)
    yield venue
    await venue.close()


async def questions(simex: SimexHandle) -> int:
    return len(await simex.requests("GET exchangeInfo"))


async def test_what_the_exchange_changes_is_seen_by_the_next_reading(simex: SimexHandle, venue: CcxtVenue) -> None:
    await simex.set_rules(ETH, tick_size="0.5", status="BREAK")
    assert await venue.connect(BOTH, anew=True) == {}
    rules = await venue.market_rules(ETH)
    assert (rules.tick_size, rules.halted) == (Decimal("0.5"), True)
    assert not (await venue.market_rules(BTC)).halted


async def test_one_that_is_not_listed_any_more_is_named_and_the_others_are_read_on(
    simex: SimexHandle, venue: CcxtVenue
) -> None:
    await simex.set_rules(ETH, listed=False)
    assert list(await venue.connect(BOTH, anew=True)) == [ETH]
    await simex.set_rules(BTC, tick_size="0.5")
    before = await questions(simex)
    assert list(await venue.connect(BOTH, anew=True)) == [ETH]
    assert await questions(simex) - before == 2  # the one that is there, and whether the other one is back
    assert (await venue.market_rules(BTC)).tick_size == Decimal("0.5")


async def test_one_that_is_listed_again_is_read_again(simex: SimexHandle, venue: CcxtVenue) -> None:
    for listed in (False, True):
        await simex.set_rules(ETH, listed=listed)
        missing = await venue.connect(BOTH, anew=True)
    assert missing == {}
    assert (await venue.market_rules(ETH)).base == "ETH"


async def test_one_that_was_not_listed_when_the_process_began_is_read_once_it_is(simex: SimexHandle) -> None:
    keys = {"GRIDWRIGHT_API_KEY": simex.api_key, "GRIDWRIGHT_API_SECRET": simex.api_secret}
    late = CcxtVenue(make_client(read_venue(Table({"exchange": "binance", "base_url": simex.http_url}), keys)), 5_000)
    await simex.set_rules(ETH, listed=False)
    assert list(await late.connect(BOTH)) == [ETH]
    assert list(await late.connect(BOTH, anew=True)) == [ETH]
    await simex.set_rules(ETH, listed=True)
    assert await late.connect(BOTH, anew=True) == {}
    assert (await late.market_rules(ETH)).base == "ETH"
    await late.close()


async def test_all_may_be_gone_at_once(simex: SimexHandle, venue: CcxtVenue) -> None:
    for symbol in BOTH:
        await simex.set_rules(symbol, listed=False)
    assert set(await venue.connect(BOTH, anew=True)) == set(BOTH)

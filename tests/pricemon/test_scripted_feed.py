"""The scripted feed keeps the rules of the port, so that what passes over it means something."""

import asyncio
from decimal import Decimal

import pytest

from gridtesting.fakes.feed import ScriptedFeed
from gridtesting.waiting import until
from pricemon.ports import FeedLost, Observation, Part, PriceFeed, Quote, Ticker, Trade

BTC = "BTC/USDT"


async def watched(feed: ScriptedFeed, received: list[Observation]) -> "asyncio.Task[None]":
    await feed.open([BTC])
    watching = asyncio.create_task(feed.watch(received.append))
    await until(lambda: feed.is_watched, "watching")
    return watching


async def test_websocket_and_rest_show_the_same_market() -> None:
    feed = ScriptedFeed(BTC)
    received: list[Observation] = []
    port: PriceFeed = feed
    assert await port.ask([]) == []
    watching = await watched(feed, received)

    feed.trade(BTC, "100", venue_time_ms=7)
    feed.quote(BTC, "99", "101")
    watching.cancel()

    assert received == [Trade(BTC, Decimal(100), 7), Quote(BTC, Decimal(99), Decimal(101))]
    assert await feed.ask([BTC]) == [Ticker(BTC, Decimal(100), Decimal(99), Decimal(101))]


async def test_a_symbol_that_has_not_traded_has_no_answer() -> None:
    assert await ScriptedFeed(BTC).ask([BTC]) == []


async def test_a_silent_websocket_stays_connected_and_rest_goes_on() -> None:
    feed = ScriptedFeed(BTC)
    received: list[Observation] = []
    watching = await watched(feed, received)

    feed.socket_silent = True
    feed.trade(BTC, "100")

    assert received == []
    assert feed.is_watched
    assert [ticker.last for ticker in await feed.ask([BTC])] == [Decimal(100)]
    watching.cancel()


async def test_a_part_that_is_not_pushed_is_returned_by_rest_alone() -> None:
    feed = ScriptedFeed(BTC, pushes=frozenset({Part.PRICE}))
    received: list[Observation] = []
    watching = await watched(feed, received)

    feed.quote(BTC, "99", "101")
    watching.cancel()

    assert received == []
    assert [ticker.bid for ticker in await feed.ask([BTC])] == [Decimal(99)]


async def test_a_cut_ends_the_watch_by_feed_lost_and_another_may_follow() -> None:
    feed = ScriptedFeed(BTC)
    first = await watched(feed, [])

    feed.cut_socket()
    with pytest.raises(FeedLost):
        await first
    assert not feed.is_watched
    second = await watched(feed, [])
    feed.cut_socket(for_good=True)
    with pytest.raises(FeedLost):
        await second
    with pytest.raises(FeedLost):
        await feed.watch(lambda _: None)

    assert feed.connections == 2


async def test_a_cancelled_watch_has_hung_up() -> None:
    feed = ScriptedFeed(BTC)
    watching = await watched(feed, [])

    watching.cancel()
    await asyncio.wait([watching])

    assert not feed.is_watched


async def test_a_venue_that_is_down_loses_every_call_and_an_unknown_symbol_is_reported() -> None:
    feed = ScriptedFeed(BTC)
    assert "does not trade it" in (await feed.open(["ETH/USDT"]))["ETH/USDT"]
    feed.venue_up = False

    with pytest.raises(FeedLost):
        await feed.open([BTC])
    with pytest.raises(FeedLost):
        await feed.ask([BTC])
    with pytest.raises(FeedLost):
        await feed.watch(lambda _: None)

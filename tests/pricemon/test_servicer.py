"""The PriceMonitor RPCs over a real channel, the feed scripted."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import replace

import grpc
import pytest

from gridrpc.channel import open_channel
from gridrpc.errors import InvalidArgument, NotFound, Unavailable, rpc_error_of
from gridtesting.fakes.feed import ScriptedFeed
from gridtesting.metrics import scrape
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc
from pricemon.config import Settings
from pricemon.service import Pricemon, running

BTC, ETH = "BTC/USDT", "ETH/USDT"
Call = grpc.aio.UnaryStreamCall[pricemon_pb2.StreamPricesRequest, models_pb2.PriceChange]


def stream(stub: "pricemon_pb2_grpc.PriceMonitorAsyncStub", symbols: Iterable[str] = (), heartbeat_ms: int = 0) -> Call:
    return stub.StreamPrices(pricemon_pb2.StreamPricesRequest(symbols=symbols, heartbeat_ms=heartbeat_ms))


async def read(call: Call) -> models_pb2.PriceChange:
    message = await asyncio.wait_for(call.read(), 30)
    assert isinstance(message, models_pb2.PriceChange)
    return message


async def read_change(call: Call) -> models_pb2.PriceChange:
    while (message := await read(call)).heartbeat:
        pass
    return message


async def test_a_stream_begins_with_the_current_prices_and_goes_on_with_each_change(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.quote(BTC, "99.50", "100.5")
    feed.trade(BTC, "100.10", venue_time_ms=1_700_000_000_000)
    call = stream(prices, [BTC], heartbeat_ms=60_000)

    first = await read(call)
    feed.trade(BTC, "1000")
    second = await read(call)

    assert (first.symbol, first.price, first.bid, first.ask) == (BTC, "100.1", "99.5", "100.5")
    assert (first.seq, first.venue_time_ms, first.skipped, first.heartbeat) == (2, 1_700_000_000_000, 0, False)
    assert abs(first.received_time_ms - second.received_time_ms) < 10_000
    assert (second.price, second.seq, second.venue_time_ms, second.skipped) == ("1000", 3, 0, 0)


async def test_without_symbols_a_stream_is_of_all_that_are_monitored(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    feed.trade(ETH, "2")
    call = stream(prices, heartbeat_ms=60_000)

    assert {(message.symbol, message.price) for message in (await read(call), await read(call))} == {
        (BTC, "1"),
        (ETH, "2"),
    }


async def test_a_reader_that_stalls_is_given_the_newest_price_and_the_exact_number_it_missed(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    changes = 5_000
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    call = stream(prices, [BTC], heartbeat_ms=60_000)
    await read(call)
    for price in range(2, changes + 1):
        feed.trade(BTC, str(price))
        await asyncio.sleep(0)

    messages = [await read(call)]
    while messages[-1].seq < changes:
        messages.append(await read(call))

    assert messages[-1].price == str(changes)
    assert 1 + sum(1 + message.skipped for message in messages) == changes
    assert max(message.skipped for message in messages) > changes / 2
    for before, message in itertools.pairwise(messages):
        assert bool(message.skipped_prices) == (message.skipped > 0)
        if message.skipped:
            ends = (message.skipped_prices[0], message.skipped_prices[-1])
            assert ends == (str(int(before.price) + 1), str(int(message.price) - 1))
    assert len(messages) < changes / 10


async def test_one_reader_that_stalls_does_not_hold_up_another(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    stalled, quick = stream(prices, [BTC], heartbeat_ms=60_000), stream(prices, [BTC], heartbeat_ms=60_000)
    await read(stalled)
    await read(quick)

    for price in range(2, 300):
        feed.trade(BTC, str(price))
        assert (await read(quick)).price == str(price)


async def test_a_quiet_market_has_heartbeats_that_repeat_the_price(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    call = stream(prices, [BTC])
    change = await read(call)

    beats = [await read(call) for _ in range(3)]

    assert [(beat.heartbeat, beat.seq, beat.price, beat.skipped) for beat in beats] == [(True, change.seq, "1", 0)] * 3


async def test_when_the_venue_is_gone_heartbeats_continue_with_a_growing_age(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    feed.venue_up = False
    feed.cut_socket(for_good=True)
    call = stream(prices, [BTC], heartbeat_ms=20)
    await read(call)

    ages = [(await read(call)).age_ms for _ in range(6)]

    assert ages == sorted(ages)
    assert ages[-1] >= ages[0] + 5 * 20 * 0.9


async def test_before_the_first_price_there_is_no_message_at_all(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    call = stream(prices, [BTC, ETH], heartbeat_ms=10)
    feed.trade(ETH, "2")

    messages = [await read(call) for _ in range(4)]
    feed.trade(BTC, "1")
    change = await read_change(call)

    assert {message.symbol for message in messages} == {ETH}
    assert (change.symbol, change.price, change.seq) == (BTC, "1", 1)


@pytest.mark.parametrize(
    ("symbols", "heartbeat_ms", "sentence"),
    [
        pytest.param(
            [BTC, "DOGE/USDT"],
            0,
            "symbols 'DOGE/USDT' is not monitored: choose from BTC/USDT, ETH/USDT or add it to the grids",
            id="unknown symbol",
        ),
        pytest.param([], 9, "heartbeat_ms 9 is too short: give at least 10, or 0 for the default", id="too short"),
        pytest.param([], -1, "heartbeat_ms -1 is too short: give at least 10, or 0 for the default", id="negative"),
    ],
)
async def test_a_stream_that_cannot_be_is_refused_with_field_value_and_remedy(
    prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub", symbols: list[str], heartbeat_ms: int, sentence: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream(prices, symbols, heartbeat_ms).read()

    fault = rpc_error_of(refused.value)
    assert isinstance(fault, InvalidArgument)
    assert fault.message == sentence


async def test_get_price_returns_the_last_price_and_its_age(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "100.10")

    message = await prices.GetPrice(pricemon_pb2.GetPriceRequest(symbol=BTC))

    assert (message.price, message.seq, message.heartbeat) == ("100.1", 1, False)
    assert 0 <= message.age_ms < 5_000


async def test_get_price_of_an_unknown_symbol_is_not_found(prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await prices.GetPrice(pricemon_pb2.GetPriceRequest(symbol="BTCUSDT"))

    fault = rpc_error_of(refused.value)
    assert isinstance(fault, NotFound)
    assert "symbol 'BTCUSDT' is not monitored" in fault.message


async def test_get_price_before_the_first_is_unavailable_and_says_so_in_our_name(
    prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub",
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await prices.GetPrice(pricemon_pb2.GetPriceRequest(symbol=BTC))

    fault = rpc_error_of(refused.value)
    assert isinstance(fault, Unavailable)
    assert fault.reason == "NO_PRICE_YET"


async def test_a_reader_that_hangs_up_leaves_nothing_behind(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    await until(lambda: feed.is_watched, "watching")
    feed.trade(BTC, "1")
    call = stream(prices, [BTC])
    await read(call)
    assert service.board.readers == 1

    call.cancel()

    await until(lambda: service.board.readers == 0, "the reader's end")


async def test_a_stop_ends_open_streams_at_once_with_a_sentence(settings: Settings, feed: ScriptedFeed) -> None:
    async with running(settings, feed) as service:
        channel = open_channel(f"127.0.0.1:{service.port}")
        await until(lambda: feed.is_watched, "watching")
        feed.trade(BTC, "1")
        call = stream(pricemon_pb2_grpc.PriceMonitorStub(channel), [BTC], heartbeat_ms=60_000)
        await read(call)
        began = asyncio.get_running_loop().time()

    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await call.read()
    await channel.close()

    fault = rpc_error_of(ended.value)
    assert isinstance(fault, Unavailable)
    assert fault.reason == "STOPPING"
    assert asyncio.get_running_loop().time() - began < 30  # not at the next heartbeat
    assert feed.closed


async def test_the_metrics_show_age_and_changes_of_each_known_price(settings: Settings, feed: ScriptedFeed) -> None:
    async with running(replace(settings, metrics="127.0.0.1:0"), feed) as service:
        await until(lambda: feed.is_watched, "watching")
        feed.quote(BTC, "99.5", "100.5")
        feed.trade(BTC, "100.1")
        await until(lambda: service.board.price(BTC).seq == 2, "the trade")
        figures = await scrape(service.metrics_port)

    assert figures["readers"] == 0
    assert figures[f"price_changes_total {BTC}"] == 2
    assert 0 <= figures[f"price_age_seconds {BTC}"] < 60
    assert figures[f"price_changes_total {ETH}"] == 0
    assert f"price_age_seconds {ETH}" not in figures

"""The real ccxt and ccxt.pro against recorded Binance frames, served as Binance serves them."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gridservice.shared_settings import Venue
from gridservice.venue_client import rebased
from gridtesting.fakes.tape_server import Frame, TapeServer, read_frames
from gridtesting.waiting import until
from pricemon.ccxt_feed import CcxtFeed, build_exchange, number
from pricemon.config import Settings
from pricemon.ports import FeedLost, Observation, Part, Quote, Ticker, Trade
from pricemon.service import running

BTC, ETH = "BTC/USDT", "ETH/USDT"
TRADES, QUOTES = "btcusdt@trade", "btcusdt@bookTicker"


@pytest.fixture
async def venue(recorded: Path) -> AsyncIterator[TapeServer]:
    payload = recorded / "binance_payloads" / "binance_exchangeInfo_20250807_gct_subset.json"
    server = TapeServer(json.loads(payload.read_text()))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def exchange(venue: TapeServer) -> AsyncIterator[Any]:
    exchange = build_exchange(Venue("binance", base_url=venue.url))
    exchange.timeout_on_exit = 0
    yield exchange
    await exchange.close()


@pytest.fixture(scope="module")
def frames(recorded: Path) -> list[tuple[str, Frame]]:
    """The first 2,000 trades and quotes of the tape."""
    tape = recorded / "binance_ws" / "hftbacktest_binance_spot_btcusdt_20240808.ws.gz"
    wanted = (frame for frame in read_frames(tape) if frame[0] in (TRADES, QUOTES))
    return list(itertools.islice(wanted, 2_000))


def trade_frame(symbol: str, price: str, time_ms: int = 1_723_161_255_342) -> Frame:
    return {"e": "trade", "E": time_ms, "s": symbol, "t": 1, "p": price, "q": "0.1", "T": time_ms, "m": True, "M": True}


def quote_frame(symbol: str, bid: str, ask: str) -> Frame:
    return {"u": 1, "s": symbol, "b": bid, "B": "1", "a": ask, "A": "1"}


async def test_markets_that_were_not_returned_are_requested_again(venue: TapeServer, exchange: Any) -> None:
    feed, reported = CcxtFeed(exchange), venue.exchange_info
    venue.exchange_info = "maintenance"
    with pytest.raises(FeedLost):
        await feed.open([BTC])
    venue.exchange_info = reported
    await feed.open([BTC])


async def test_every_recorded_trade_is_sent_in_order_and_to_the_digit(
    venue: TapeServer, exchange: Any, frames: list[tuple[str, Frame]]
) -> None:
    feed = CcxtFeed(exchange)
    received: list[Observation] = []
    await feed.open([BTC])
    watching = asyncio.create_task(feed.watch(received.append))
    await until(lambda: venue.subscribed(TRADES) and venue.subscribed(QUOTES), "both subscriptions")
    trades = [frame for stream, frame in frames if stream == TRADES]
    last_quote = [frame for stream, frame in frames if stream == QUOTES][-1]

    for stream, frame in frames:
        await venue.send(stream, frame)
    newest = Quote(BTC, Decimal(last_quote["b"]), Decimal(last_quote["a"]))
    await until(
        lambda: newest in received and sum(isinstance(each, Trade) for each in received) == len(trades),
        "the whole tape",
    )
    watching.cancel()

    reported = [each for each in received if isinstance(each, Trade)]
    assert reported == [Trade(BTC, Decimal(frame["p"]), frame["T"]) for frame in trades]
    assert [each for each in received if isinstance(each, Quote)][-1] == newest


async def test_symbols_that_trade_in_one_burst_are_all_sent(venue: TapeServer, exchange: Any) -> None:
    feed = CcxtFeed(exchange)
    received: list[Observation] = []
    await feed.open([BTC, ETH])
    watching = asyncio.create_task(feed.watch(received.append))
    streams = (TRADES, "ethusdt@trade", QUOTES, "ethusdt@bookTicker")
    await until(lambda: all(venue.subscribed(stream) for stream in streams), "four subscriptions")

    for bid in (98, 99):
        await venue.send(QUOTES, quote_frame("BTCUSDT", str(bid), "101"))
        await venue.send("ethusdt@bookTicker", quote_frame("ETHUSDT", str(bid - 90), "11"))
    await venue.send(TRADES, trade_frame("BTCUSDT", "100"))
    await venue.send("ethusdt@trade", trade_frame("ETHUSDT", "10"))
    newest: list[Observation] = [
        Quote(BTC, Decimal(99), Decimal(101)),
        Quote(ETH, Decimal(9), Decimal(11)),
        Trade(BTC, Decimal(100), 1_723_161_255_342),
        Trade(ETH, Decimal(10), 1_723_161_255_342),
    ]
    await until(lambda: all(each in received for each in newest), "all four")
    watching.cancel()

    assert len(received) == len(set(received))  # and none of it twice


async def test_a_reset_socket_is_a_lost_feed_and_the_next_watch_subscribes_again(
    venue: TapeServer, exchange: Any
) -> None:
    feed = CcxtFeed(exchange)
    received: list[Observation] = []
    await feed.open([BTC])
    first = asyncio.create_task(feed.watch(received.append))
    await until(lambda: venue.subscribed(TRADES), "the subscription")

    await venue.drop_sockets()
    with pytest.raises(FeedLost):
        await asyncio.wait_for(first, 30)
    second = asyncio.create_task(feed.watch(received.append))
    await until(lambda: venue.subscribed(TRADES), "the second subscription")
    await venue.send(TRADES, trade_frame("BTCUSDT", "100.50"))
    await until(lambda: bool(received), "the trade")
    second.cancel()

    assert received == [Trade(BTC, Decimal("100.50"), 1_723_161_255_342)]


async def test_digits_that_a_float_cannot_hold_are_kept(venue: TapeServer, exchange: Any) -> None:
    digits = "61837.630000000000001"
    feed = CcxtFeed(exchange)
    received: list[Observation] = []
    await feed.open([BTC])
    watching = asyncio.create_task(feed.watch(received.append))
    await until(lambda: venue.subscribed(TRADES) and venue.subscribed(QUOTES), "both subscriptions")

    await venue.send(TRADES, trade_frame("BTCUSDT", digits))
    await venue.send(QUOTES, quote_frame("BTCUSDT", digits, digits))
    await until(lambda: len(received) == 2, "trade and quote")
    watching.cancel()

    exact = Decimal(digits)
    assert set(received) == {Trade(BTC, exact, 1_723_161_255_342), Quote(BTC, exact, exact)}
    assert [(each.last, each.bid, each.ask) for each in await feed.ask([BTC])] == [(exact, exact, exact)]


async def test_when_to_dial_again_is_the_callers_decision(venue: TapeServer, exchange: Any) -> None:
    feed = CcxtFeed(exchange)
    await feed.open([BTC])
    await venue.stop()
    began = asyncio.get_running_loop().time()

    for _ in range(6):  # ccxt's own pauses would add up to six seconds
        with pytest.raises(FeedLost):
            await feed.watch(lambda _: None)

    assert asyncio.get_running_loop().time() - began < 3


async def test_a_watch_that_is_cancelled_leaves_no_connection(venue: TapeServer, exchange: Any) -> None:
    feed = CcxtFeed(exchange)
    await feed.open([BTC])
    watching = asyncio.create_task(feed.watch(lambda _: None))
    await until(lambda: venue.subscribed(TRADES) and venue.subscribed(QUOTES), "both subscriptions")

    watching.cancel()

    await until(lambda: not venue.subscribed(TRADES) and not venue.subscribed(QUOTES), "the end of both")


async def test_rest_answers_for_one_symbol_and_for_many(venue: TapeServer, exchange: Any) -> None:
    feed = CcxtFeed(exchange)
    await feed.open([BTC, ETH])
    await venue.send(TRADES, trade_frame("BTCUSDT", "100.10"))
    await venue.send(QUOTES, quote_frame("BTCUSDT", "100.00", "100.20"))
    await venue.send("ethusdt@trade", trade_frame("ETHUSDT", "10"))
    btc = Ticker(BTC, Decimal("100.10"), Decimal(100), Decimal("100.20"), 1_723_161_255_342)
    eth = Ticker(ETH, Decimal(10), None, None, 1_723_161_255_342)

    assert list(await feed.ask([BTC])) == [btc]
    assert list(await feed.ask([BTC, ETH])) == [btc, eth]
    assert list(await feed.ask([])) == []


async def test_a_venue_that_is_away_is_a_lost_feed_in_every_call(venue: TapeServer, exchange: Any) -> None:
    feed = CcxtFeed(exchange)
    await feed.open([BTC])
    await venue.stop()

    with pytest.raises(FeedLost):
        await feed.ask([BTC])
    with pytest.raises(FeedLost):
        await feed.watch(lambda _: None)
    fresh = CcxtFeed(build_exchange(Venue("binance", base_url=venue.url)))
    with pytest.raises(FeedLost):
        await fresh.open([BTC])
    await fresh.close()


async def test_a_symbol_that_the_venue_does_not_trade_is_refused_with_what_it_might_mean(exchange: Any) -> None:
    missing = await CcxtFeed(exchange).open([BTC, "BTC/USTD"])

    assert list(missing) == ["BTC/USTD"]
    assert "symbol = 'BTC/USTD': binance does not trade it; did you mean BTC/USDT" in missing["BTC/USTD"]


async def test_a_symbol_that_the_venue_refuses_a_price_of_leaves_the_others_theirs(
    venue: TapeServer, exchange: Any
) -> None:
    feed = CcxtFeed(exchange)
    await feed.open([BTC, ETH])
    await venue.send(TRADES, trade_frame("BTCUSDT", "100"))
    venue.refused = {"ETHUSDT"}

    for _ in range(2):
        assert [ticker.symbol for ticker in await feed.ask([BTC, ETH])] == [BTC]
    venue.refused = set()
    await venue.send("ethusdt@trade", trade_frame("ETHUSDT", "10"))
    await feed.ask([BTC, ETH])

    assert {ticker.symbol for ticker in await feed.ask([BTC, ETH])} == {BTC, ETH}


async def test_a_symbol_that_left_the_list_and_came_back_is_seen_both_times(venue: TapeServer, exchange: Any) -> None:
    feed, reported = CcxtFeed(exchange), venue.exchange_info
    assert isinstance(reported, dict)
    assert await feed.open([BTC, ETH]) == {}
    venue.exchange_info = {**reported, "symbols": [each for each in reported["symbols"] if each["symbol"] != "ETHUSDT"]}
    assert list(await feed.open([BTC, ETH], anew=True)) == [ETH]
    venue.exchange_info = reported
    assert await feed.open([BTC, ETH], anew=True) == {}


@pytest.mark.parametrize("odd", [{}, {"symbol": None, "filters": None}, "text", None])
async def test_a_market_that_cannot_be_read_hides_no_other(venue: TapeServer, exchange: Any, odd: object) -> None:
    assert isinstance(venue.exchange_info, dict)
    venue.exchange_info = {**venue.exchange_info, "symbols": [odd, *venue.exchange_info["symbols"], odd]}
    assert await CcxtFeed(exchange).open([BTC, ETH]) == {}


async def test_a_list_without_any_market_replaces_none(venue: TapeServer, exchange: Any) -> None:
    feed, reported = CcxtFeed(exchange), venue.exchange_info
    assert isinstance(reported, dict)
    await feed.open([BTC, ETH])
    venue.exchange_info = {**reported, "symbols": []}
    with pytest.raises(FeedLost):
        await feed.open([BTC, ETH], anew=True)
    assert BTC in exchange.markets


@pytest.mark.parametrize(
    ("lacking", "pushes"),
    [
        pytest.param(["watchBidsAsks"], {Part.PRICE}, id="no quotes: tickers beside the trades"),
        pytest.param(["watchTrades"], set(Part), id="no trades: tickers have the last"),
        pytest.param(["watchTrades", "watchBidsAsks", "watchTickers"], {Part.PRICE}, id="tickers one by one"),
    ],
)
async def test_where_a_stream_is_lacking_the_tickers_stand_in(
    venue: TapeServer, exchange: Any, lacking: list[str], pushes: set[Part]
) -> None:
    stream = "btcusdt@miniTicker"
    exchange.has |= dict.fromkeys(lacking, False)
    feed = CcxtFeed(exchange)
    received: list[Observation] = []
    await feed.open([BTC])
    watching = asyncio.create_task(feed.watch(received.append))
    await until(lambda: venue.subscribed(stream), "the subscription")

    await venue.send(stream, {"e": "24hrMiniTicker", "E": 5, "s": "BTCUSDT", "c": "100.10", "o": "1"})
    await until(lambda: bool(received), "the ticker")
    watching.cancel()

    assert feed.pushes == pushes
    assert received == [Ticker(BTC, last=Decimal("100.10"), venue_time_ms=5)]


async def test_where_no_stream_is_left_nothing_is_pushed(exchange: Any) -> None:
    exchange.has |= dict.fromkeys(["watchTrades", "watchBidsAsks", "watchTickers", "watchTicker"], False)

    assert CcxtFeed(exchange).pushes == frozenset()


async def test_the_whole_service_follows_a_tape_through_a_reset_and_an_outage(
    venue: TapeServer, exchange: Any, settings: Settings, frames: list[tuple[str, Frame]]
) -> None:
    one = Settings(settings.venue, (BTC,), settings.address, settings.heartbeat_ms, settings.patience)
    trades = [frame for stream, frame in frames if stream == TRADES]
    async with running(one, CcxtFeed(exchange)) as service:

        async def follows(frame: Frame) -> None:
            await until(lambda: service.board.price(BTC).price == Decimal(frame["p"]), f"the price {frame['p']}")

        await until(lambda: venue.subscribed(TRADES), "the subscription")
        await venue.send(TRADES, trades[0])
        await follows(trades[0])

        await venue.drop_sockets()
        await venue.send(TRADES, trades[50])  # nothing listens: only REST gives prices
        await follows(trades[50])

        await venue.stop()
        await venue.start()
        await until(lambda: venue.subscribed(TRADES), "the subscription after the outage")
        await venue.send(TRADES, trades[-1])
        await follows(trades[-1])


def test_urls_keep_their_paths_and_their_kind() -> None:
    urls = {
        "public": "https://api.binance.com/api/v3",
        "ws": {
            "spot": "wss://stream.binance.com:9443/ws",
            "ws-api": {"spot": "wss://ws-api.binance.com:443/ws-api/v3"},
        },
    }

    assert rebased(urls, "http://127.0.0.1:80/") == {
        "public": "http://127.0.0.1:80/api/v3",
        "ws": {"spot": "ws://127.0.0.1:80/ws", "ws-api": {"spot": "ws://127.0.0.1:80/ws-api/v3"}},
    }
    assert rebased("wss://a.b/ws", "https://c") == "wss://c/ws"


@pytest.mark.parametrize(
    ("value", "price"),
    [
        pytest.param("61837.63000000", Decimal("61837.63"), id="text"),
        pytest.param(61837.63, Decimal("61837.63"), id="a float's own digits"),
        pytest.param(1e-8, Decimal("0.00000001"), id="a small float"),
        pytest.param(Decimal("0.1"), Decimal("0.1"), id="a decimal"),
        pytest.param("0", None, id="zero is no price"),
        pytest.param(-1, None, id="nor is less"),
        pytest.param("NaN", None, id="nor is NaN"),
        pytest.param("inf", None, id="nor is infinity"),
        pytest.param(None, None, id="nor is nothing"),
        pytest.param("", None, id="nor is an empty text"),
    ],
)
def test_a_number_is_a_positive_decimal_with_the_venues_digits(value: object, price: Decimal | None) -> None:
    assert number(value) == price

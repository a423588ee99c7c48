"""Listening, asking and reconnecting over a scripted feed."""

import asyncio
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gridrpc.channel import open_channel
from gridtesting.fakes.feed import ScriptedFeed
from gridtesting.live.orchestrator import eventually
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc
from pricemon.clock import Moment, system_clock
from pricemon.config import Settings
from pricemon.ports import Part, UnknownSymbol
from pricemon.service import Pricemon, running

BTC, ETH = "BTC/USDT", "ETH/USDT"


def price_of(service: Pricemon, symbol: str = BTC) -> str:
    return str(service.board.price(symbol).price)


def age_of(service: Pricemon, symbol: str = BTC) -> int:
    return service.board.price(symbol).age_ms(system_clock())


async def received(service: Pricemon, price: str, symbol: str = BTC) -> None:
    await until(lambda: price_of(service, symbol) == price, f"the price {price}")


async def watching(feed: ScriptedFeed, connections: int = 1) -> None:
    await until(lambda: feed.is_watched and feed.connections >= connections, f"connection {connections}")


async def test_the_first_price_comes_by_rest_where_the_websocket_is_slow(
    settings: Settings, feed: ScriptedFeed
) -> None:
    feed.trade(BTC, "100")
    feed.socket_up = False

    async with running(settings, feed) as service:
        await received(service, "100")


async def test_a_quiet_market_is_proved_current_by_rest_without_any_change(
    service: Pricemon, feed: ScriptedFeed
) -> None:
    await watching(feed)
    feed.trade(BTC, "100")
    feed.trade(ETH, "9")
    seq, asked = service.board.price(BTC).seq, feed.questions

    await until(lambda: feed.questions >= asked + 3, "three questions")

    assert service.board.price(BTC).seq == seq
    assert age_of(service) < 2_000
    assert feed.connections == 1  # a quiet market is no reason to reconnect


async def test_a_websocket_that_spoke_saves_rest_the_questions(settings: Settings, feed: ScriptedFeed) -> None:
    patient = replace(settings, patience=replace(settings.patience, stale_after_ms=60_000), symbols=(BTC,))
    async with running(patient, feed) as service:
        await watching(feed)
        feed.trade(BTC, "1")
        asked = feed.questions

        await until(lambda: age_of(service) >= 5 * patient.patience.poll_ms, "the time of five polls")

    assert feed.questions <= asked + 1  # one may have been on its way


async def test_an_answer_that_the_websocket_overtook_changes_nothing(settings: Settings, feed: ScriptedFeed) -> None:
    feed.hold_rest()
    feed.trade(BTC, "100")
    async with running(settings, feed) as service:
        await until(lambda: feed.questions == 1, "the question")
        await watching(feed)
        feed.trade(BTC, "101")

        feed.release_rest()
        await until(lambda: feed.questions >= 2, "the next question")

        assert (price_of(service), service.board.price(BTC).seq) == ("101", 1)


async def test_an_answer_is_as_old_as_its_question(settings: Settings, feed: ScriptedFeed) -> None:
    feed.socket_up = False
    feed.hold_rest()
    feed.trade(BTC, "100")
    async with running(settings, feed) as service:
        await until(lambda: feed.questions == 1, "the question")
        asked_ms = system_clock().steady_ms
        await until(lambda: system_clock().steady_ms >= asked_ms + 100, "a slow answer")
        feed.release_rest()
        await received(service, "100")

        assert service.board.price(BTC).proved_ms <= asked_ms


async def test_once_the_websocket_is_lost_rest_is_asked_at_every_poll(settings: Settings, feed: ScriptedFeed) -> None:
    patient = replace(settings, patience=replace(settings.patience, stale_after_ms=60_000))
    async with running(patient, feed) as service:
        await watching(feed)
        feed.trade(BTC, "100")
        feed.cut_socket(for_good=True)
        await until(lambda: not feed.is_watched, "the loss")
        feed.trade(BTC, "101")

        await received(service, "101")


async def test_a_connection_that_lasted_resets_the_back_off(settings: Settings, feed: ScriptedFeed) -> None:
    patience = replace(settings.patience, reconnect_first_ms=10, reconnect_most_ms=60_000, stale_after_ms=10**9)
    passed_ms = 0

    def clock() -> Moment:
        now = system_clock()
        return Moment(now.wall_ms + passed_ms, now.steady_ms + passed_ms)

    feed.socket_up = False
    async with running(replace(settings, patience=patience), feed, clock):
        await until(lambda: feed.refusals >= 6, "six refusals")
        feed.socket_up = True
        for connection in range(1, 9):  # if the pauses continued doubling, the last would be up to a minute
            await watching(feed, connection)
            passed_ms += patience.reconnect_most_ms
            feed.cut_socket()


async def test_a_websocket_that_is_alive_and_says_nothing_is_replaced(service: Pricemon, feed: ScriptedFeed) -> None:
    await watching(feed)
    feed.trade(BTC, "100")
    feed.socket_silent = True
    feed.trade(BTC, "101")
    await received(service, "101")  # by REST
    feed.trade(BTC, "102")
    await received(service, "102")
    await until(lambda: feed.connections >= 2, "the reconnection")
    feed.socket_silent = False
    await watching(feed, 2)
    feed.trade(BTC, "103")

    await received(service, "103")


async def test_trades_that_are_dead_beside_living_quotes_are_found_out(service: Pricemon, feed: ScriptedFeed) -> None:
    await watching(feed)
    feed.quote(BTC, "99", "101")
    feed.trade(BTC, "100")
    feed.socket_silent = True
    for price in (110, 120):
        feed.trade(BTC, str(price))
        feed.socket_silent = False
        feed.quote(BTC, str(price - 1), str(price + 1))
        feed.socket_silent = True
        await received(service, str(price))

    await until(lambda: feed.connections >= 2, "the reconnection")


async def test_a_lost_websocket_is_connected_again_and_rest_gives_prices_meanwhile(
    service: Pricemon, feed: ScriptedFeed
) -> None:
    await watching(feed)
    feed.trade(BTC, "100")
    feed.cut_socket(for_good=True)
    await until(lambda: not feed.is_watched, "the loss")
    feed.trade(BTC, "101")
    await received(service, "101")
    feed.trade(BTC, "102")
    await received(service, "102")

    feed.socket_up = True
    await watching(feed, 2)
    feed.trade(BTC, "103")

    await received(service, "103")


async def test_when_both_ways_are_gone_the_age_grows_and_the_first_that_is_back_ends_it(
    service: Pricemon, feed: ScriptedFeed
) -> None:
    await watching(feed)
    feed.trade(BTC, "100")
    feed.venue_up = False
    feed.cut_socket()
    await until(lambda: age_of(service) > 200, "an age of 200 ms")
    assert price_of(service) == "100"

    feed.venue_up = True

    await until(lambda: age_of(service) < 100, "a fresh price")


async def test_a_venue_without_a_websocket_is_asked_at_every_poll(settings: Settings) -> None:
    feed = ScriptedFeed(BTC, ETH, pushes=frozenset())
    async with running(settings, feed) as service:
        feed.trade(BTC, "100")
        await received(service, "100")
        feed.quote(BTC, "99", "101")
        await until(lambda: service.board.price(BTC).bid is not None, "the bid")

    assert feed.connections == 0


async def test_a_venue_without_quotes_on_its_websocket_is_not_reconnected_for_them(settings: Settings) -> None:
    feed = ScriptedFeed(BTC, ETH, pushes=frozenset({Part.PRICE}))
    async with running(settings, feed) as service:
        await watching(feed)
        feed.trade(BTC, "100")
        for bid in (97, 98, 99):
            feed.quote(BTC, str(bid), "101")
            await until(lambda bid=bid: service.board.price(BTC).bid == bid, f"the bid {bid}")

    assert feed.connections == 1


async def test_where_the_venue_trades_none_of_the_symbols_the_service_ends(settings: Settings) -> None:
    async with running(settings, ScriptedFeed("BTC/USD")) as service:
        with pytest.raises(
            UnknownSymbol, match=r"'BTC/USDT': the scripted venue does not trade it; did you mean BTC/USD\?"
        ):
            await asyncio.wait_for(service.feeding, 30)


async def test_a_symbol_that_the_venue_does_not_list_is_refused_and_the_other_has_its_prices(
    settings: Settings, feed: ScriptedFeed
) -> None:
    feed.unlisted = {ETH}
    feed.trade(BTC, "100")
    async with running(settings, feed) as service, open_channel(f"127.0.0.1:{service.port}") as channel:
        await received(service, "100")
        stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="the scripted venue does not trade it") as caught:
            await stub.GetPrice(pricemon_pb2.GetPriceRequest(symbol=ETH))
        (trouble,) = (await stub.ListTroubles(models_pb2.ListTroublesRequest())).troubles

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (trouble.kind, trouble.symbol) == ("SYMBOL_REFUSED", ETH)


async def test_a_symbol_that_goes_and_comes_back_is_followed_again_by_itself(
    service: Pricemon, feed: ScriptedFeed
) -> None:
    await watching(feed)
    feed.trade(BTC, "100")
    feed.trade(ETH, "9")
    await received(service, "9", ETH)
    feed.unlisted = {ETH}
    await until(lambda: ETH in service.board.refused, "the symbol to be refused")
    feed.trade(BTC, "101")
    await received(service, "101")

    feed.unlisted = set()
    await until(lambda: not service.board.refused, "the symbol to be taken back")
    await until(lambda: feed.listens_to(ETH), "the websocket to listen to it")
    feed.trade(ETH, "10")
    await received(service, "10", ETH)


async def test_health_is_serving_once_the_venue_confirmed_the_symbols_and_stays(
    settings: Settings, feed: ScriptedFeed
) -> None:
    feed.venue_up = False
    async with running(settings, feed) as service, open_channel(f"127.0.0.1:{service.port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="gridwright.v1.PriceMonitor")
        )
        before = await watch.read()
        feed.venue_up = True
        after = await asyncio.wait_for(watch.read(), 30)
        feed.trade(BTC, "1")
        await received(service, "1")
        feed.venue_up = False
        feed.cut_socket()
        await until(lambda: age_of(service) > 150, "an age of 150 ms")
        check = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        watch.cancel()

    serving = health_pb2.HealthCheckResponse.SERVING
    assert (before.status, after.status, check.status) == (health_pb2.HealthCheckResponse.NOT_SERVING, serving, serving)


async def test_a_venue_that_answers_nothing_is_a_trouble_until_it_answers(
    service: Pricemon, feed: ScriptedFeed, prices: "pricemon_pb2_grpc.PriceMonitorAsyncStub"
) -> None:
    async def shown(kinds: list[str]) -> bool:
        answer = await prices.ListTroubles(models_pb2.ListTroublesRequest())
        return [each.kind for each in answer.troubles] == kinds

    feed.trade(BTC, "1")
    feed.trade(ETH, "1")
    feed.venue_up = feed.socket_up = False
    feed.cut_socket(for_good=True)
    await eventually(lambda: shown(["VENUE_UNREACHABLE"]), "the venue is missed", 20)
    feed.venue_up = True
    await eventually(lambda: shown([]), "it answers again", 10)

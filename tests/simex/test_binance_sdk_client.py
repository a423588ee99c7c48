"""binance-sdk-spot, Binance's own typed client, as it is installed: every reply and event is an instance of its models.

It only logs when a reply does not fit its model, and continues with less strict types or the raw JSON. So no test
may leave a warning in the log, and no reply may hold a field that its model does not know.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot.rest_api import models as rest_models
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api import models as api_models
from binance_sdk_spot.websocket_streams import models as stream_models
from pydantic import BaseModel

from gridsim.orders import Side
from gridtesting.endpoints import every_endpoint
from gridtesting.live.simex import SimexHandle
from gridtesting.waiting import until

# It gives aiohttp a time-out in a form that aiohttp is about to leave.
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")

BTC = {"symbol": "BTCUSDT"}
OTO = BTC | {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "57000", "workingQuantity": "0.001",
    "workingTimeInForce": "GTC", "pendingType": "STOP_LOSS", "pendingSide": "SELL", "pendingStopPrice": "56000",
    "pendingQuantity": "0.001",
}  # fmt: skip
MINUTES = BTC | {"interval": "1m"}
LIMIT = BTC | {"side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01, "price": 58_000.5}
MARKET = BTC | {"side": "BUY", "type": "MARKET", "quantity": 0.01}
HARMLESS = {each.name for each in every_endpoint() if each.method == "GET"} | {"POST order/test"}  # all that only read


@pytest.fixture
async def spot(simex: SimexHandle) -> AsyncIterator[Spot]:
    """It is given only keys and addresses."""
    ws_url = simex.http_url.replace("http", "ws", 1)
    keys = {"api_key": simex.api_key, "api_secret": simex.api_secret}
    client = Spot(
        ConfigurationRestAPI(base_path=simex.http_url, retries=0, **keys),
        ConfigurationWebSocketAPI(stream_url=f"{ws_url}/ws-api/v3", **keys),
        ConfigurationWebSocketStreams(stream_url=ws_url),
    )
    yield client
    client.rest_api._session.close()


@pytest.fixture
def fits(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The client has nothing to complain about while the test runs."""
    yield
    assert [each for each in caplog.get_records("call") if each.levelno >= logging.WARNING] == []


@contextlib.asynccontextmanager
async def connected(client: Any) -> AsyncIterator[Any]:
    connection = await client.create_connection()
    try:
        yield connection
    finally:
        await connection.close_connection(close_session=True)


def unknown(value: object, at: str = "") -> Iterator[str]:
    """The fields of a reply that its model does not know."""
    if isinstance(value, list):
        for each in value:
            yield from unknown(each, f"{at}[]")
    elif isinstance(value, BaseModel):
        yield from (f"{at}.{name}" for name in getattr(value, "additional_properties", {}))
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{at}.{name}")


def kind_of(reply: Any) -> object:
    """The model of a reply; of a list, that of its members; of a choice between models, the one that was chosen."""
    reply = getattr(reply, "actual_instance", reply)
    if isinstance(reply, list) and reply and not isinstance(reply[0], list):
        (kind,) = {type(each) for each in reply}
        return [kind]
    return type(reply)


REST_READS: list[tuple[str, dict[str, Any], object]] = [
    ("ping", {}, dict),
    ("time", {}, rest_models.TimeResponse),
    ("exchange_info", {}, rest_models.ExchangeInfoResponse),
    ("exchange_info", {"symbols": ["BTCUSDT"]}, rest_models.ExchangeInfoResponse),
    ("depth", BTC, rest_models.DepthResponse),
    ("get_trades", BTC, [rest_models.GetTradesResponse]),
    ("historical_trades", BTC, [rest_models.HistoricalTradesResponse]),
    ("agg_trades", BTC, [rest_models.AggTradesResponse]),
    ("klines", MINUTES, list),  # rows of twelve
    ("ui_klines", MINUTES, list),
    ("avg_price", BTC, rest_models.AvgPriceResponse),
    ("ticker_price", BTC, rest_models.TickerPriceResponse1),
    ("ticker_price", {}, [rest_models.TickerPriceResponse2]),
    ("ticker_book_ticker", BTC, rest_models.TickerBookTickerResponse1),
    ("ticker_book_ticker", {}, [rest_models.TickerBookTickerResponse2]),
    ("ticker24hr", BTC, rest_models.Ticker24hrResponse1),
    ("ticker24hr", {}, [rest_models.Ticker24hrResponse2]),
    ("ticker_trading_day", BTC, rest_models.TickerTradingDayResponse1),
    ("ticker_trading_day", {"symbols": ["BTCUSDT"]}, [rest_models.TickerTradingDayResponse2]),
    ("ticker", BTC, rest_models.TickerResponse1),
    ("ticker", {"symbols": ["BTCUSDT"], "window_size": "1h"}, [rest_models.TickerResponse2]),
    ("get_account", {}, rest_models.GetAccountResponse),
    ("account_commission", BTC, rest_models.AccountCommissionResponse),
    ("rate_limit_order", {}, [rest_models.RateLimitOrderResponse]),
    ("get_order", BTC | {"order_id": 1}, rest_models.GetOrderResponse),
    ("get_open_orders", {}, [rest_models.GetOpenOrdersResponse]),
    ("all_orders", BTC, [rest_models.AllOrdersResponse]),
    ("my_trades", BTC, [rest_models.MyTradesResponse]),
    ("get_order_list", {"order_list_id": 1}, rest_models.GetOrderListResponse),
    ("all_order_list", {}, [rest_models.AllOrderListResponse]),
    ("open_order_list", {}, [rest_models.OpenOrderListResponse]),
    ("my_prevented_matches", BTC | {"order_id": 2}, [rest_models.MyPreventedMatchesResponse]),
    ("order_test", LIMIT, rest_models.OrderTestResponse),
    ("order_test", LIMIT | {"compute_commission_rates": True}, rest_models.OrderTestResponse),
]


async def prepare(signed: Any, simex: SimexHandle) -> None:
    """A partly filled order, one that expired by self-trade prevention, trades, and an order list."""
    await signed.place()
    await simex.inject("59000", "0.004")
    await signed.place(price="59000.01", side="SELL")
    await signed.place(price="59000.01", side="BUY", quantity="0.001")
    await signed.call("POST", "orderList/oto", **OTO)


async def test_every_reply_over_rest_is_an_instance_of_its_model(
    spot: Spot, signed: Any, simex: SimexHandle, fits: None
) -> None:
    await prepare(signed, simex)

    def ask_all() -> list[Any]:
        return [getattr(spot.rest_api, name)(**sent).data() for name, sent, _ in REST_READS]

    replies = await asyncio.to_thread(ask_all)
    asked = {each.endpoint for each in await simex.requests()}

    judged = [(name, kind_of(reply)) for (name, _, _), reply in zip(REST_READS, replies, strict=True)]
    assert judged == [(name, kind) for name, _, kind in REST_READS]
    assert asked >= HARMLESS
    assert [field for (name, _), reply in zip(judged, replies, strict=True) for field in unknown(reply, name)] == []


async def test_an_order_lives_from_the_rules_to_its_cancel_over_rest(
    spot: Spot, simex: SimexHandle, fits: None
) -> None:
    rest = spot.rest_api

    def ask(name: str, **sent: Any) -> Any:
        return asyncio.to_thread(lambda: getattr(rest, name)(**sent).data())

    rules = (await ask("exchange_info", **BTC)).symbols[0]
    kinds = {type(each.actual_instance): each.actual_instance for each in rules.filters}
    price = float((await ask("ticker_price", **BTC)).actual_instance.price)
    placed = await ask("new_order", **LIMIT, new_client_order_id="slot1")
    await simex.inject("58000.5", "0.004")
    partly = await ask("get_order", **BTC, orig_client_order_id="slot1")
    (fill,) = await ask("my_trades", **BTC)
    replaced = await ask(
        "order_cancel_replace", **LIMIT, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=placed.order_id
    )
    taken = await ask("new_order", **MARKET)
    (opened,) = await ask("get_open_orders", **BTC)
    cancelled = await ask("delete_order", **BTC, order_id=opened.order_id)
    await ask("new_order", **LIMIT)
    (swept,) = await ask("delete_open_orders", **BTC)
    balances = {each.asset: each for each in (await ask("get_account")).balances}

    assert (kinds[rest_models.PriceFilter].tick_size, price) == ("0.01000000", 60_000)
    assert isinstance(placed, rest_models.NewOrderResponse)
    assert (placed.status, placed.client_order_id, placed.fills) == ("NEW", "slot1", [])
    assert (partly.status, partly.executed_qty) == ("PARTIALLY_FILLED", "0.00400000")
    assert (fill.order_id, fill.qty, fill.is_maker) == (placed.order_id, "0.00400000", True)
    assert isinstance(replaced, rest_models.OrderCancelReplaceResponse)
    assert (replaced.cancel_result, replaced.new_order_result) == ("SUCCESS", "SUCCESS")
    assert (replaced.cancel_response.order_id, replaced.new_order_response.status) == (placed.order_id, "NEW")
    assert [type(each) for each in taken.fills] == [rest_models.NewOrderResponseFillsInner]
    assert isinstance(cancelled, rest_models.DeleteOrderResponse)
    assert (cancelled.order_id, cancelled.status) == (replaced.new_order_response.order_id, "CANCELED")
    assert isinstance(swept, rest_models.DeleteOpenOrdersResponse)
    assert [*unknown([placed, replaced, taken, cancelled, swept])] == []
    assert (balances["BTC"].free, balances["USDT"].locked) == ("1.01398600", "0.00000000")


@pytest.mark.parametrize(
    ("name", "sent", "error", "code"),
    [
        pytest.param("new_order", LIMIT | {"quantity": 9}, BadRequestError, -2010, id="balance"),
        pytest.param("new_order", LIMIT | {"price": 0.001}, BadRequestError, -1013, id="filter"),
        pytest.param("get_order", BTC | {"order_id": 9}, BadRequestError, -2013, id="no such order"),
        pytest.param("delete_order", BTC | {"order_id": 9}, BadRequestError, -2011, id="nothing to cancel"),
        pytest.param("depth", {"symbol": "NOSUCH"}, BadRequestError, -1121, id="symbol"),
    ],
)
async def test_a_refusal_over_rest_is_its_exception_with_its_code(
    spot: Spot, name: str, sent: dict[str, Any], error: type[Exception], code: int
) -> None:
    with pytest.raises(error) as raised:
        await asyncio.to_thread(lambda: getattr(spot.rest_api, name)(**sent))

    assert raised.value.status_code == code


async def test_a_wrong_key_is_an_exception_of_its_own(spot: Spot) -> None:
    spot.rest_api.configuration.base_headers["X-MBX-APIKEY"] = "other"

    with pytest.raises(UnauthorizedError) as raised:
        await asyncio.to_thread(spot.rest_api.get_account)

    assert raised.value.status_code == -2015


API_READS: list[tuple[str, dict[str, Any], type[Any]]] = [
    ("ping", {}, api_models.PingResponse),
    ("time", {}, api_models.TimeResponse),
    ("exchange_info", BTC, api_models.ExchangeInfoResponse),
    ("depth", BTC, api_models.DepthResponse),
    ("trades_recent", BTC, api_models.TradesRecentResponse),
    ("trades_historical", BTC, api_models.TradesHistoricalResponse),
    ("trades_aggregate", BTC, api_models.TradesAggregateResponse),
    ("klines", MINUTES, api_models.KlinesResponse),
    ("ui_klines", MINUTES, api_models.UiKlinesResponse),
    ("avg_price", BTC, api_models.AvgPriceResponse),
    ("ticker_price", BTC, api_models.TickerPriceResponse1),
    ("ticker_book", BTC, api_models.TickerBookResponse1),
    ("ticker24hr", BTC, api_models.Ticker24hrResponse1),
    ("ticker_trading_day", BTC, api_models.TickerTradingDayResponse1),
    ("ticker", BTC, api_models.TickerResponse1),
    ("account_status", {}, api_models.AccountStatusResponse),
    ("account_commission", BTC, api_models.AccountCommissionResponse),
    ("account_rate_limits_orders", {}, api_models.AccountRateLimitsOrdersResponse),
    ("order_status", BTC | {"order_id": 1}, api_models.OrderStatusResponse),
    ("open_orders_status", BTC, api_models.OpenOrdersStatusResponse),
    ("all_orders", BTC, api_models.AllOrdersResponse),
    ("my_trades", BTC, api_models.MyTradesResponse),
    ("order_list_status", {"order_list_id": 1}, api_models.OrderListStatusResponse),
    ("all_order_lists", {}, api_models.AllOrderListsResponse),
    ("open_order_lists_status", {}, api_models.OpenOrderListsStatusResponse),
    ("my_prevented_matches", BTC | {"order_id": 2}, api_models.MyPreventedMatchesResponse),
    ("order_test", LIMIT, api_models.OrderTestResponse),
    ("session_status", {}, api_models.SessionStatusResponse),
    ("session_subscriptions", {}, api_models.SessionSubscriptionsResponse),
]


API_MODELS_LACK = [
    "exchange_info.id", "exchange_info.status", "exchange_info.result",  # its model is REST's, one level further in
    "session_status.rateLimits", "session_subscriptions.rateLimits",  # the client itself cannot do without them
]  # fmt: skip


async def test_every_reply_of_the_websocket_api_is_an_instance_of_its_model(
    spot: Spot, signed: Any, simex: SimexHandle, fits: None
) -> None:
    await prepare(signed, simex)

    async with connected(spot.websocket_api) as api:
        replies = [await getattr(api, name)(**sent) for name, sent, _ in API_READS]
    asked = {each.endpoint for each in await simex.requests()}

    judged = [(name, kind_of(reply.data())) for (name, _, _), reply in zip(API_READS, replies, strict=True)]
    assert judged == [(name, kind) for name, _, kind in API_READS]
    assert asked >= HARMLESS
    strange = [field for (name, _), reply in zip(judged, replies, strict=True) for field in unknown(reply.data(), name)]
    assert strange == API_MODELS_LACK
    rules = rest_models.ExchangeInfoResponse.from_dict(replies[2].data().additional_properties["result"])
    assert rules is not None
    assert [*unknown(rules)] == []
    assert [each.symbol for each in rules.symbols or []] == ["BTCUSDT"]
    assert {reply.rate_limits[0].rateLimitType for reply in replies} == {"REQUEST_WEIGHT"}


async def test_an_order_lives_over_the_websocket_api_and_its_events_are_models(
    spot: Spot, simex: SimexHandle, fits: None
) -> None:
    events: list[Any] = []
    async with connected(spot.websocket_api) as api:
        subscribed = await api.user_data_stream_subscribe_signature()
        subscribed.stream.on("message", lambda event: events.append(event.actual_instance))
        placed = (await api.order_place(**LIMIT, new_client_order_id="slot1")).data().result
        await simex.inject("58000.5", "0.004")
        status = (await api.order_status(**BTC, orig_client_order_id="slot1")).data().result
        replaced = await api.order_cancel_replace(
            **LIMIT, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=placed.order_id
        )
        cancelled = (await api.order_cancel(**BTC, order_id=replaced.data().result.new_order_response.order_id)).data()
        await api.order_place(**LIMIT)
        swept = (await api.open_orders_cancel_all(**BTC)).data()
        await api.user_data_stream_unsubscribe(subscription_id=subscribed.response.data().result.subscription_id)
        await until(lambda: isinstance(events[-1], api_models.EventStreamTerminated), "the end of the events")

    assert isinstance(placed, api_models.OrderPlaceResponseResult)
    assert (placed.client_order_id, placed.status) == ("slot1", "NEW")
    assert (status.status, status.executed_qty) == ("PARTIALLY_FILLED", "0.00400000")
    assert cancelled.result.status == "CANCELED"
    assert len(swept.result) == 1
    assert [(each.x, each.X, each.i) for each in reports(events)] == [
        ("NEW", "NEW", 1),
        ("TRADE", "PARTIALLY_FILLED", 1),
        ("CANCELED", "CANCELED", 1),
        ("NEW", "NEW", 2),
        ("CANCELED", "CANCELED", 2),
        ("NEW", "NEW", 3),
        ("CANCELED", "CANCELED", 3),
    ]
    assert {type(each) for each in events[:-1]} == {api_models.ExecutionReport, api_models.OutboundAccountPosition}
    assert isinstance(events[-1], api_models.EventStreamTerminated)
    assert [*unknown(events)] == []


def reports(events: list[Any]) -> list[Any]:
    return [each for each in events if isinstance(each, api_models.ExecutionReport)]


async def test_a_refusal_of_the_websocket_api_comes_back_with_its_code(spot: Spot) -> None:
    async with connected(spot.websocket_api) as api:
        refused = (await api.order_place(**LIMIT | {"quantity": 9})).data()

    assert refused["error"]["code"] == -2010


STREAMS: list[tuple[str, dict[str, Any], type[Any]]] = [
    ("trade", {"symbol": "btcusdt"}, stream_models.TradeResponse),
    ("agg_trade", {"symbol": "btcusdt"}, stream_models.AggTradeResponse),
    ("book_ticker", {"symbol": "btcusdt"}, stream_models.BookTickerResponse),
    ("diff_book_depth", {"symbol": "btcusdt", "update_speed": "100ms"}, stream_models.DiffBookDepthResponse),
    ("partial_book_depth", {"symbol": "btcusdt", "levels": "5"}, stream_models.PartialBookDepthResponse),
    ("kline", {"symbol": "btcusdt", "interval": "1m"}, stream_models.KlineResponse),
    ("kline_offset", {"symbol": "btcusdt", "interval": "1m"}, stream_models.KlineOffsetResponse),
    ("mini_ticker", {"symbol": "btcusdt"}, stream_models.MiniTickerResponse),
    ("ticker", {"symbol": "btcusdt"}, stream_models.TickerResponse),
    ("rolling_window_ticker", {"symbol": "btcusdt", "window_size": "1h"}, stream_models.RollingWindowTickerResponse),
    ("avg_price", {"symbol": "btcusdt"}, stream_models.AvgPriceResponse),
    ("all_mini_ticker", {}, stream_models.AllMiniTickerResponse),
    ("all_market_rolling_window_ticker", {"window_size": "1h"}, stream_models.AllMarketRollingWindowTickerResponse),
]


async def test_every_public_stream_sends_instances_of_its_model(spot: Spot, simex: SimexHandle, fits: None) -> None:
    received: dict[str, Any] = {}

    def hear(name: str) -> Callable[[Any], None]:
        return lambda frame: received.setdefault(name, frame)

    async with connected(spot.websocket_streams) as streams:
        handles = await asyncio.gather(*(getattr(streams, name)(**sent) for name, sent, _ in STREAMS))
        for (name, _, _), handle in zip(STREAMS, handles, strict=True):
            handle.on("message", hear(name))
        await simex.inject("60100", "1", Side.BUY)
        await until(lambda: len(received) == len(STREAMS), "a frame of every stream")

    models = {name: type(frame[0] if isinstance(frame, list) else frame) for name, frame in received.items()}
    assert models == {name: kind for name, _, kind in STREAMS}
    assert (received["trade"].p, received["kline"].k.c, received["ticker"].c) == ("60100.00000000",) * 3

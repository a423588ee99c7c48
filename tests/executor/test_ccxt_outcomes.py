"""The error table, row by row: what a real ccxt client makes of each answer on the wire, and what that means."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from aiohttp import web

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.port import (
    DuplicateError,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
    VenueError,
)
from executor.venue.settings import Credentials, VenueSettings
from gridcore.model.actions import PlaceOrder
from gridcore.model.orders import OrderType, Role, Side

NOW_MS = 1_763_000_000_000

EXCHANGE_INFO = {
    "timezone": "UTC",
    "serverTime": NOW_MS,
    "rateLimits": [],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
                {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True},
            ],
            "permissions": ["SPOT"],
        }
    ],
}
ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": "gtest01",
    "transactTime": NOW_MS,
    "price": "100.00000000",
    "origQty": "1.00000000",
    "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "fills": [],
}
PLACE = PlaceOrder("gtest01", Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(100), Decimal(1), 0, "100")


@dataclass
class Answer:
    """What the scripted server does with an order request."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""  # "reset", "half-body" or "silence" instead of an answer


def refused(code: int, text: str, status: int = 400) -> Answer:
    return Answer(status, {"code": code, "msg": text})


@dataclass
class ScriptedVenue:
    """Binance's address on this machine; every request but that for the markets gets the scripted answer."""

    url: str = ""
    answer: Answer = field(default_factory=Answer)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    knows_its_markets: bool = True

    async def exchange_info(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(EXCHANGE_INFO) if self.knows_its_markets else await self.order(request)

    async def order(self, request: web.Request) -> web.StreamResponse:
        form = dict(await request.post()) if request.method == "POST" else dict(request.query)
        self.requests.append((request.method, {name: str(value) for name, value in form.items()}))
        answer = self.answer
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        match answer.cut:
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "half-body":
                response = web.StreamResponse(
                    headers={"Content-Length": str(len(text)), "Content-Type": "application/json"}
                )
                await response.prepare(request)
                await response.write(text.encode()[: len(text) // 2])
                assert request.transport is not None
                request.transport.close()
                return response
            case "silence":
                await self.release.wait()
        kind = "application/json" if text.startswith(("{", "[")) else "text/html"
        return web.Response(status=answer.status, text=text, content_type=kind, headers=answer.headers)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedVenue]:
    script = ScriptedVenue()
    app = web.Application()
    app.router.add_get("/api/v3/exchangeInfo", script.exchange_info)
    app.router.add_route("*", "/{path:.*}", script.order)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    script.url = f"http://{host}:{port}"
    yield script
    script.release.set()
    await runner.cleanup()


def settings(url: str, timeout_ms: int = 2_000) -> VenueSettings:
    return VenueSettings(
        exchange="binance",
        base_url=url,
        requests_expire=True,
        visibility_lag_ms=2_000,
        request_timeout_ms=timeout_ms,
        credentials=Credentials("key", "very-secret"),
    )


@pytest.fixture
async def venue(scripted: ScriptedVenue) -> AsyncIterator[CcxtVenue]:
    venue = CcxtVenue(make_client(settings(scripted.url)), 5_000)
    await venue.connect(("BTC/USDT",))
    yield venue
    await venue.close()


REFUSALS = [
    pytest.param(Answer(429, {"code": -1003, "msg": "Too many requests"}), Refusal.RATE_LIMITED, id="429"),
    pytest.param(Answer(429, "busy"), Refusal.RATE_LIMITED, id="429-without-code"),
    pytest.param(Answer(418, {"code": -1003, "msg": "banned"}), Refusal.RATE_LIMITED, id="418"),
    pytest.param(refused(-1015, "Too many new orders", 429), Refusal.ORDER_LIMIT, id="-1015"),
    pytest.param(refused(-1021, "Timestamp for this request is outside"), Refusal.CLOCK_SKEW, id="-1021"),
    pytest.param(refused(-1022, "Signature is not valid."), Refusal.KEY_REFUSED, id="-1022"),
    pytest.param(refused(-2014, "API-key format invalid.", 401), Refusal.KEY_REFUSED, id="-2014"),
    pytest.param(refused(-2015, "Invalid API-key, IP, or permissions", 401), Refusal.KEY_REFUSED, id="-2015"),
    pytest.param(Answer(401, "denied"), Refusal.KEY_REFUSED, id="401"),
    pytest.param(
        refused(-2010, "Account has insufficient balance for requested action."),
        Refusal.INSUFFICIENT_FUNDS,
        id="-2010-insufficient",
    ),
    pytest.param(refused(-2010, "Order would immediately match and take."), Refusal.WOULD_MATCH, id="-2010-match"),
    pytest.param(refused(-2010, "Market is closed."), Refusal.MARKET_CLOSED, id="-2010-closed"),
    pytest.param(refused(-1013, "Filter failure: LOT_SIZE"), Refusal.INVALID_ORDER, id="LOT_SIZE"),
    pytest.param(refused(-1013, "Filter failure: PRICE_FILTER"), Refusal.INVALID_ORDER, id="PRICE_FILTER"),
    pytest.param(refused(-1013, "Filter failure: NOTIONAL"), Refusal.INVALID_ORDER, id="NOTIONAL"),
    pytest.param(refused(-1013, "Filter failure: MAX_NUM_ORDERS"), Refusal.ORDER_PLACES, id="MAX_NUM_ORDERS"),
    pytest.param(refused(-2010, "Filter failure: EXCHANGE_MAX_NUM_ORDERS"), Refusal.ORDER_PLACES, id="all markets"),
    pytest.param(refused(-1111, "Precision is over the maximum"), Refusal.INVALID_ORDER, id="-1111"),
    pytest.param(refused(-1102, "Mandatory parameter 'price' was not sent"), Refusal.INVALID_ORDER, id="-1102"),
    pytest.param(refused(-1121, "Invalid symbol."), Refusal.SYMBOL_REFUSED, id="-1121"),
]
UNKNOWN = [
    pytest.param(Answer(cut="reset"), id="reset-after-reading"),
    pytest.param(Answer(cut="silence"), id="no-answer"),
    pytest.param(Answer(body=ORDER, cut="half-body"), id="body-cut"),
    pytest.param(Answer(body="<html>maintenance</html>"), id="200-with-html"),
    pytest.param(Answer(body=""), id="200-empty"),
    pytest.param(Answer(body={}), id="200-without-order"),
    pytest.param(Answer(body="null"), id="200-null"),
    pytest.param(Answer(500, "oops"), id="500"),
    pytest.param(Answer(502, "<html>bad gateway</html>"), id="502"),
    pytest.param(Answer(503, "Service Unavailable."), id="503"),
    pytest.param(refused(-1000, "An unknown error occurred.", 503), id="503-unknown-error"),
    pytest.param(Answer(503, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}), id="503-that-looks-like-a-refusal"),
    pytest.param(Answer(504, "gateway timeout"), id="504"),
    pytest.param(Answer(403, "<html>firewall</html>"), id="403-firewall"),
    pytest.param(refused(-1000, "An unknown error occurred while processing the request."), id="-1000"),
    pytest.param(refused(-1001, "Internal error; unable to process your request."), id="-1001"),
    pytest.param(refused(-1004, "Server is busy, please wait and try again"), id="-1004"),
    pytest.param(refused(-1006, "Execution status unknown."), id="-1006"),
    pytest.param(refused(-1007, "Timeout waiting for response. Execution status unknown", 408), id="-1007"),
    pytest.param(refused(-1008, "Server is currently overloaded", 503), id="-1008"),
    pytest.param(refused(-9999, "Something new"), id="a-code-of-the-future"),
]


@pytest.mark.parametrize(("answer", "reason"), REFUSALS)
async def test_a_parsed_refusal_of_a_create_means_not_placed(
    scripted: ScriptedVenue, venue: CcxtVenue, answer: Answer, reason: Refusal
) -> None:
    scripted.answer = answer
    with pytest.raises(RefusedError) as error:
        await venue.place("BTC/USDT", PLACE, NOW_MS)
    assert error.value.reason is reason
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("answer", UNKNOWN)
async def test_everything_else_of_a_create_is_unknown_and_never_sent_again(
    scripted: ScriptedVenue, answer: Answer
) -> None:
    scripted.answer = answer
    venue = CcxtVenue(make_client(settings(scripted.url, timeout_ms=150 if answer.cut == "silence" else 2_000)), 5_000)
    try:
        await venue.connect(("BTC/USDT",))
        with pytest.raises(OutcomeUnknownError):
            await venue.place("BTC/USDT", PLACE, NOW_MS)
    finally:
        await venue.close()
    assert len(scripted.requests) == 1


async def test_an_order_with_an_id_means_placed(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = Answer(body=ORDER)
    order = await venue.place("BTC/USDT", PLACE, NOW_MS)
    assert (order.exchange_order_id, order.client_order_id) == ("28", "gtest01")
    assert (order.price, order.quantity, order.executed) == (Decimal(100), Decimal(1), Decimal(0))


async def test_a_refused_connection_means_never_sent(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    away = CcxtVenue(make_client(settings(f"http://127.0.0.1:{port}")), 5_000)
    away._client.set_markets(venue._client.markets)
    try:
        with pytest.raises(RefusedError) as create:
            await away.place("BTC/USDT", PLACE, NOW_MS)
        with pytest.raises(RefusedError) as cancel:
            await away.cancel("BTC/USDT", "gtest01", "28", NOW_MS)
        with pytest.raises(ReadFailedError):
            await away.order_by_id("BTC/USDT", "28")
    finally:
        await away.close()
    assert create.value.reason is cancel.value.reason is Refusal.VENUE_UNREACHABLE


async def test_a_duplicate_exists_and_is_open(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = refused(-2010, "Duplicate order sent.")
    with pytest.raises(DuplicateError):
        await venue.place("BTC/USDT", PLACE, NOW_MS)


async def test_a_key_revoked_after_a_success_is_no_rate_limit(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = Answer(body=ORDER)
    await venue.place("BTC/USDT", PLACE, NOW_MS)
    scripted.answer = refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    with pytest.raises(RefusedError) as error:
        await venue.place("BTC/USDT", PLACE, NOW_MS)
    assert (error.value.reason, error.value.blocked_until_ms) == (Refusal.KEY_REFUSED, 0)


async def test_the_venues_wish_for_silence_is_observed(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    until_ms = 9_999_999_999_999
    scripted.answer = Answer(418, {"code": -1003, "msg": f"IP banned until {until_ms}."})
    with pytest.raises(RefusedError) as banned:
        await venue.place("BTC/USDT", PLACE, NOW_MS)
    scripted.answer = Answer(429, {"code": -1003, "msg": "Too many requests"}, headers={"Retry-After": "3600"})
    with pytest.raises(RefusedError) as limited:
        await venue.place("BTC/USDT", PLACE, NOW_MS)
    with pytest.raises(ReadFailedError) as read:
        await venue.order_by_id("BTC/USDT", "28")
    assert banned.value.blocked_until_ms == until_ms
    assert NOW_MS + 3_000_000 < limited.value.blocked_until_ms < until_ms
    assert read.value.blocked_until_ms > NOW_MS + 3_000_000


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(refused(-2011, "Unknown order sent."), UnknownOrderError, id="-2011"),
        pytest.param(
            refused(-2011, "Order was not canceled due to cancel restrictions."),
            UnknownOrderError,
            id="kept",
        ),
        pytest.param(refused(-2013, "Order does not exist."), UnknownOrderError, id="-2013"),
        pytest.param(refused(-1021, "Timestamp"), RefusedError, id="-1021"),
        pytest.param(refused(-1003, "Too many requests", 429), RefusedError, id="429"),
        pytest.param(refused(-1006, "Execution status unknown."), OutcomeUnknownError, id="-1006"),
        pytest.param(Answer(502, "bad gateway"), OutcomeUnknownError, id="502"),
        pytest.param(Answer(cut="reset"), OutcomeUnknownError, id="reset"),
    ],
)
async def test_what_an_error_means_to_a_cancel(
    scripted: ScriptedVenue, venue: CcxtVenue, answer: Answer, kind: type[VenueError]
) -> None:
    scripted.answer = answer
    with pytest.raises(kind):
        await venue.cancel("BTC/USDT", "gtest01", "28", NOW_MS)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(502, "bad gateway"), id="502"),
        pytest.param(Answer(cut="reset"), id="reset"),
        pytest.param(Answer(body="<html></html>"), id="html"),
        pytest.param(Answer(body=""), id="empty"),
        pytest.param(refused(-1021, "Timestamp"), id="-1021"),
        pytest.param(refused(-1003, "Too many requests", 429), id="429"),
    ],
)
async def test_a_read_that_fails_has_learned_nothing(scripted: ScriptedVenue, venue: CcxtVenue, answer: Answer) -> None:
    scripted.answer = answer
    with pytest.raises(ReadFailedError):
        await venue.order_by_client_id("BTC/USDT", "gtest01")


READS: dict[str, Callable[[CcxtVenue], Awaitable[object]]] = {
    "time": lambda venue: venue.time_ms(),
    "balances": lambda venue: venue.balances(),
    "rules": lambda venue: venue.market_rules("BTC/USDT"),
    "open orders": lambda venue: venue.open_orders("BTC/USDT"),
    "orders": lambda venue: venue.orders_between("BTC/USDT", NOW_MS, NOW_MS + 1),
    "order history": lambda venue: venue.order_history("BTC/USDT"),
    "order": lambda venue: venue.order_by_id("BTC/USDT", "28"),
    "trades": lambda venue: venue.trade_history("BTC/USDT"),
    "trades of an order": lambda venue: venue.trades_of_order("BTC/USDT", "28"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("body", ["<html></html>", "", "null", "maintenance"])
async def test_a_malformed_reply_to_any_request_proves_nothing(
    scripted: ScriptedVenue, venue: CcxtVenue, read: Callable[[CcxtVenue], Awaitable[object]], body: str
) -> None:
    scripted.answer = Answer(body=body)
    with pytest.raises(ReadFailedError):
        await read(venue)


async def test_markets_that_were_not_returned_are_requested_again(scripted: ScriptedVenue) -> None:
    scripted.knows_its_markets, scripted.answer = False, Answer(body="<html></html>")
    venue = CcxtVenue(make_client(settings(scripted.url)), 5_000)
    with pytest.raises(ReadFailedError):
        await venue.connect(("BTC/USDT",))
    scripted.knows_its_markets = True
    await venue.connect(("BTC/USDT",))
    await venue.close()


async def test_an_order_that_the_venue_does_not_show_is_none(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = refused(-2013, "Order does not exist.")
    assert await venue.order_by_client_id("BTC/USDT", "gtest01") is None


async def test_where_requests_do_not_expire_ours_pretend_no_time_of_their_own(scripted: ScriptedVenue) -> None:
    scripted.answer = Answer(body=ORDER)
    venue = CcxtVenue(make_client(settings(scripted.url)), None)
    await venue.connect(("BTC/USDT",))
    await venue.place("BTC/USDT", PLACE, 1_234_567_890_123)
    await venue.close()
    assert venue.request_window_ms is None
    assert scripted.requests[0][1]["timestamp"] != "1234567890123"


async def test_what_is_sent_is_what_the_ledger_holds(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = Answer(body=ORDER)
    await venue.place("BTC/USDT", PLACE, 1_234_567_890_123)
    await venue.cancel("BTC/USDT", "gtest01", "28", 1_234_567_890_124)
    await venue.cancel("BTC/USDT", "gtest01", "", 1_234_567_890_125)
    (_, create), (_, by_id), (_, by_name) = scripted.requests
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "100", "quantity": "1"}
    assert create.items() >= wanted.items()
    assert (create["newClientOrderId"], create["timestamp"], create["recvWindow"]) == (
        "gtest01",
        "1234567890123",
        "5000",
    )
    assert (by_id["orderId"], by_id["timestamp"], by_id["recvWindow"]) == ("28", "1234567890124", "5000")
    assert (by_name["origClientOrderId"], by_name["timestamp"]) == ("gtest01", "1234567890125")


async def test_a_post_only_order_is_a_limit_maker(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    scripted.answer = Answer(body=ORDER)
    place = PlaceOrder("a", Side.SELL, Role.CLOSING, OrderType.LIMIT_MAKER, Decimal("0.01"), Decimal("0.00001"), 0, "s")
    await venue.place("BTC/USDT", place, NOW_MS)
    ((_, create),) = scripted.requests
    assert (create["type"], create["side"], create["price"], create["quantity"]) == (
        "LIMIT_MAKER",
        "SELL",
        "0.01",
        "0.00001",
    )


@pytest.mark.parametrize(
    ("price", "quantity"),
    [("100.005", "1"), ("100", "0.000015"), ("100", "0.000001")],
    ids=["price-between-ticks", "quantity-between-lots", "quantity-below-a-lot"],
)
async def test_nothing_is_rounded_on_the_way(
    scripted: ScriptedVenue, venue: CcxtVenue, price: str, quantity: str
) -> None:
    place = PlaceOrder("a", Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(price), Decimal(quantity), 0, "s")
    with pytest.raises(RefusedError) as error:
        await venue.place("BTC/USDT", place, NOW_MS)
    assert error.value.reason is Refusal.INVALID_ORDER
    assert scripted.requests == []


async def test_no_error_contains_the_signature_or_the_secret(scripted: ScriptedVenue, venue: CcxtVenue) -> None:
    said: list[str] = []
    asks: list[Callable[[], object]] = [
        lambda: venue.place("BTC/USDT", PLACE, NOW_MS),
        lambda: venue.cancel("BTC/USDT", "gtest01", "28", NOW_MS),
        lambda: venue.order_by_id("BTC/USDT", "28"),
    ]
    for answer in (Answer(502, "bad gateway"), Answer(cut="reset"), Answer(403, "no"), refused(-9999, "new")):
        scripted.answer = answer
        for ask in asks:
            with pytest.raises(VenueError) as error:
                await ask()  # type: ignore[misc]  # each is a coroutine function
            said.append(str(error.value) + repr(error.value))
    assert all("signature" not in text and "secret" not in text and "key" not in text for text in said), said

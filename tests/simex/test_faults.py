"""Faults on demand, as an unmodified client meets them, and what the oracle says has really happened."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import ccxt  # noqa: TID251  the client that simex is made for
import grpc
import pytest

from gridrpc.errors import InvalidArgument, rpc_error_of
from gridservice.config_file import ConfigError
from gridsim.market import Liquidity
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex
from gridwright.v1 import simex_pb2
from simex.faults.kinds import Fault, Kind

BTC = "BTC/USDT"
HOLD_MS = 60_000  # far longer than any client here waits


@dataclass(frozen=True)
class Case:
    """A fault of POST order, what ccxt makes of it, and whether the order was placed."""

    kind: str
    raises: type[Exception] | None
    placed: bool
    settings: dict[str, Any] = field(default_factory=dict)


def case(kind: str, raises: type[Exception] | None, *, placed: bool, **settings: Any) -> Any:
    name = "-".join([kind, *(str(value) for value in settings.values())])
    return pytest.param(Case(kind, raises, placed, settings), id=name)


def code(code: int, raises: type[Exception], *, placed: bool = False, **settings: Any) -> Any:
    return case("ERROR_CODE", raises, placed=placed, code=code, done=placed, **settings)


# The table of the field notes: what is on the wire, what ccxt raises, whether there is an order.
CASES = [
    case("ACCEPT_THEN_TIMEOUT", ccxt.RequestTimeout, placed=True, hold_ms=HOLD_MS),
    case("TIMEOUT_BEFORE", ccxt.RequestTimeout, placed=False, hold_ms=HOLD_MS),
    case("SLOW_ANSWER", ccxt.RequestTimeout, placed=True, delay_ms=HOLD_MS),
    case("SLOW_ANSWER", None, placed=True, delay_ms=20),
    case("RESET_BEFORE", ccxt.ExchangeNotAvailable, placed=False),
    case("RESET_AFTER", ccxt.ExchangeNotAvailable, placed=True),
    case("CUT_BODY", ccxt.ExchangeError, placed=True),
    case("EMPTY_200", None, placed=True),
    case("HTML_200", None, placed=True),
    case("STATUS", ccxt.ExchangeNotAvailable, placed=False, status=500),
    case("STATUS", ccxt.ExchangeNotAvailable, placed=True, status=502, done=True),
    case("STATUS", ccxt.ExchangeNotAvailable, placed=True, status=503, done=True),
    case("STATUS", ccxt.RequestTimeout, placed=True, status=504, done=True),
    case("LATE_ARRIVAL", None, placed=True, delay_ms=20),
    case("MAINTENANCE", ccxt.MarketClosed, placed=False),
    code(-1000, ccxt.OperationFailed, placed=True),
    code(-1001, ccxt.OperationFailed),
    code(-1003, ccxt.DDoSProtection),
    code(-1003, ccxt.DDoSProtection, status=418),
    code(-1006, ccxt.OperationFailed, placed=True),
    code(-1006, ccxt.OperationFailed),
    code(-1007, ccxt.RequestTimeout, placed=True),
    code(-1007, ccxt.RequestTimeout),
    code(-1008, ccxt.ExchangeError),
    code(-1015, ccxt.DDoSProtection),
    code(-1016, ccxt.BadRequest),
    code(-1021, ccxt.InvalidNonce),
    code(-1022, ccxt.AuthenticationError),
    code(-2010, ccxt.InsufficientFunds),
    code(-2010, ccxt.OrderImmediatelyFillable, message="Order would immediately match and take."),
    code(-2010, ccxt.InvalidOrder, message="Duplicate order sent."),
    code(-2014, ccxt.AuthenticationError),
    code(-2015, ccxt.AuthenticationError),
]


@pytest.fixture
async def trader(binance: Any) -> Any:
    """ccxt with its markets loaded."""
    await binance.load_markets()
    return binance


async def place(trader: Any, name: str = "slot1", price: float = 59_000) -> Any:
    return await trader.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": name})


@pytest.mark.parametrize("case", CASES)
async def test_ccxt_raises_what_the_fault_is_meant_to_make_it_raise(
    trader: Any, simex: SimexHandle, case: Case
) -> None:
    await simex.fault(case.kind, endpoint="POST order", count=1, **case.settings)
    waits = max(case.settings.get("hold_ms", 0), case.settings.get("delay_ms", 0)) == HOLD_MS
    trader.timeout = 500 if waits else 10_000

    if case.raises is None:
        await place(trader)
    else:
        with pytest.raises(case.raises) as raised:
            await place(trader)
        assert type(raised.value) is case.raises

    request = await simex.received("POST order")  # its client may have given up before simex has read it
    orders = (await simex.truth()).orders
    assert [order.client_order_id for order in orders] == (["slot1"] if case.placed else [])
    assert (request.client_order_id, request.reached) == ("slot1", case.placed)
    assert simex_pb2.FaultKind.Name(request.fault) == f"FAULT_KIND_{case.kind}"
    trader.timeout = 10_000
    assert (await place(trader, "slot2"))["id"]  # the fault is spent, and what it did to the connection is over


async def read_all(simex: SimexHandle) -> bytes:
    """What a request for the time is answered, to the end of the connection."""
    host, port = simex.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/v3/time HTTP/1.1\r\nHost: simex\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_reset_is_one_on_the_wire_and_a_cut_body_is_shorter_than_it_says(simex: SimexHandle) -> None:
    whole = (await read_all(simex)).partition(b"\r\n\r\n")[2]
    await simex.fault("CUT_BODY", count=1)
    head, _, body = (await read_all(simex)).partition(b"\r\n\r\n")
    await simex.fault("RESET_BEFORE", count=1)
    with pytest.raises(ConnectionResetError):
        await read_all(simex)

    assert b"Content-Length: %d" % len(whole) in head
    assert len(body) == len(whole) // 2


async def test_an_answer_that_is_none_is_an_order_without_id(trader: Any, simex: SimexHandle) -> None:
    await simex.fault("EMPTY_200", endpoint="POST order", count=1)
    await simex.fault("HTML_200", endpoint="POST order", count=1)

    assert [(await place(trader, name))["id"] for name in ("one", "two")] == [None, None]
    assert len((await simex.truth()).orders) == 2


async def test_a_request_that_arrives_after_its_window_is_refused_by_the_time_of_its_arrival(
    trader: Any, simex: SimexHandle
) -> None:
    await simex.fault("LATE_ARRIVAL", endpoint="POST order", count=1, delay_ms=150)
    trader.options["recvWindow"] = 100

    with pytest.raises(ccxt.InvalidNonce):
        await place(trader)

    (request,) = await simex.requests("POST order")
    assert (request.status, request.code, request.reached) == (400, -1021, False)
    assert len((await simex.truth()).orders) == 0


async def test_a_late_request_can_be_accepted_long_after_its_client_has_given_up(
    trader: Any, simex: SimexHandle
) -> None:
    await simex.fault("LATE_ARRIVAL", endpoint="POST order", count=1, delay_ms=800, lost=True, hold_ms=10)
    trader.timeout = 300

    with pytest.raises(ccxt.RequestTimeout):
        await place(trader)
    reached_by_then = (await simex.received("POST order")).reached
    await simex.received("POST order", lambda request: request.reached)

    assert not reached_by_then
    assert len((await simex.truth()).orders) == 1


async def test_a_hidden_order_is_in_no_look_up_until_the_venues_clock_has_passed_its_time(
    trader: Any, simex: SimexHandle, signed: Any
) -> None:
    await simex.fault("HIDDEN_ORDER", delay_ms=30_000, count=1)
    order = await place(trader)
    await place(trader, "slot2", 58_000)

    async def shown() -> list[Any]:
        by_id, found = await signed.call("GET", "order", symbol="BTCUSDT", orderId=order["id"])
        opened = await trader.fetch_open_orders(BTC)
        every = await trader.fetch_orders(BTC)
        return [by_id, found.get("code"), *([each["clientOrderId"] for each in orders] for orders in (opened, every))]

    hidden = await shown()
    await simex.inject("58999", "1")  # it trades all the same
    trades = await trader.fetch_my_trades(BTC)
    await simex.control.SetClock(simex_pb2.SetClockRequest(offset_ms=30_001))
    trader.options["timeDifference"] = -30_001

    assert hidden == [400, -2013, ["slot2"], ["slot2"]]
    assert [each["order"] for each in trades] == [order["id"]]
    assert (await trader.fetch_order(order["id"], BTC))["status"] == "closed"
    assert [each["clientOrderId"] for each in await trader.fetch_orders(BTC)] == ["slot1", "slot2"]


async def test_a_hidden_order_can_be_cancelled_for_the_engine_knows_it(trader: Any, simex: SimexHandle) -> None:
    await simex.fault("HIDDEN_ORDER", delay_ms=30_000)
    order = await place(trader)

    assert (await trader.cancel_order(order["id"], BTC))["status"] == "canceled"


async def test_a_hidden_order_whose_answer_is_lost_as_well(trader: Any, simex: SimexHandle) -> None:
    await simex.fault("HIDDEN_ORDER", delay_ms=30_000)
    await simex.fault("RESET_AFTER", endpoint="POST order")

    with pytest.raises(ccxt.ExchangeNotAvailable):
        await place(trader)
    with pytest.raises(ccxt.OrderNotFound):
        await trader.fetch_order(None, BTC, {"origClientOrderId": "slot1"})

    assert len((await simex.truth()).orders) == 1


async def test_late_trades_are_not_shown_until_their_time(trader: Any, simex: SimexHandle) -> None:
    await simex.fault("LATE_TRADES", delay_ms=30_000, count=1)
    order = await place(trader)
    await simex.inject("58999", "1")
    early = await trader.fetch_my_trades(BTC)
    filled = await trader.fetch_order(order["id"], BTC)
    await place(trader, "slot2", 58_000)
    await simex.inject("57000", "1")
    later = await trader.fetch_my_trades(BTC)
    await simex.control.SetClock(simex_pb2.SetClockRequest(offset_ms=30_001))
    trader.options["timeDifference"] = -30_001
    all_told = await trader.fetch_my_trades(BTC)

    assert early == []
    assert filled["status"] == "closed"
    assert [each["price"] for each in later] == [58_000]  # the younger trade shows first: who pages by id misses one
    assert [each["price"] for each in all_told] == [59_000, 58_000]


@pytest.mark.parametrize(
    ("fraction", "executed"), [pytest.param("1", "0.01", id="whole"), pytest.param("0.4", "0.004", id="part")]
)
async def test_a_cancel_crosses_with_a_fill(
    trader: Any, simex: SimexHandle, signed: Any, fraction: str, executed: str
) -> None:
    await simex.fault("CANCEL_CROSSES_FILL", count=1, fraction=fraction)
    await place(trader)

    status, answer = await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="slot1")

    (order,) = (await simex.truth()).orders
    whole = fraction == "1"
    assert (status, answer["code"] if whole else answer["status"]) == ((400, -2011) if whole else (200, "CANCELED"))
    assert (order.executed, order.status) == (executed, "FILLED" if whole else "CANCELED")


async def test_what_stands_before_the_crossed_order_in_the_queue_trades_first(tmp_path: Path, signed: Any) -> None:
    async with running_simex(tmp_path / "queue", [replace(STILL_MARKET, liquidity=Liquidity())]) as simex:
        client = type(signed)(signed.http, simex.http_url)
        await simex.fault("CANCEL_CROSSES_FILL", fraction="0.4")
        for name in ("first", "second", "third"):
            await client.place(newClientOrderId=name)
        await client.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="second")
        orders = (await simex.truth()).orders

    assert [(each.executed, each.status) for each in orders] == [
        ("0.01", "FILLED"),
        ("0.004", "CANCELED"),
        ("0", "NEW"),
    ]


async def test_in_maintenance_nothing_new_is_taken_and_the_rest_goes_on(trader: Any, simex: SimexHandle) -> None:
    order = await place(trader)
    await simex.fault("MAINTENANCE")

    info = await trader.public_get_exchangeinfo()
    with pytest.raises(ccxt.MarketClosed):
        await place(trader, "slot2")
    cancelled = await trader.cancel_order(order["id"], BTC)
    await simex.control.ClearFaults(simex_pb2.ClearFaultsRequest())

    assert [each["status"] for each in info["symbols"]] == ["BREAK"]
    assert cancelled["status"] == "canceled"
    assert (await place(trader, "slot3"))["id"]


async def test_a_ban_says_until_when(trader: Any, simex: SimexHandle) -> None:
    await simex.fault("ERROR_CODE", code=-1003, status=418, count=1)

    with pytest.raises(ccxt.DDoSProtection) as banned:
        await trader.fetch_time()

    assert "IP banned until 1" in str(banned.value)
    assert trader.last_response_headers["Retry-After"] == "120"


async def test_the_clock_jumps_and_a_client_that_does_not_notice_is_refused(trader: Any, simex: SimexHandle) -> None:
    before = await trader.fetch_time()
    reported = (await simex.control.SetClock(simex_pb2.SetClockRequest(offset_ms=20_000))).time_ms
    after = await trader.fetch_time()
    with pytest.raises(ccxt.InvalidNonce):
        await place(trader)
    await trader.load_time_difference()
    placed = await place(trader, "slot2")

    assert 20_000 <= after - before < 30_000
    assert before + 20_000 <= reported <= after
    assert placed["id"]


async def test_every_request_is_noted_with_what_came_of_it_and_no_secret(
    simex: SimexHandle, signed: Any, trader: Any
) -> None:
    done = (await simex.requests())[-1].seq
    await signed.place(newClientOrderId="one")
    await signed.place(newClientOrderId="two", quantity="50")
    await signed.call("GET", "order", symbol="BTCUSDT", orderId=1)
    await signed.call("GET", "account", key="somebody")
    await signed.call("POST", "order/" + "x" * 500)
    await signed.public("time")

    requests = await simex.requests(after_seq=done)

    assert [(each.endpoint[:12], each.account, each.status, each.code, each.reached) for each in requests] == [
        ("POST order", "main", 200, 0, True),
        ("POST order", "main", 400, -2010, True),
        ("GET order", "main", 200, 0, True),
        ("GET account", "", 401, -2015, False),
        ("POST order/x", "main", 404, 0, False),
        ("GET time", "", 200, 0, True),
    ]
    assert [each.seq for each in requests] == list(range(done + 1, done + 7))
    assert [(each.client_order_id, each.exchange_order_id) for each in requests[:3]] == [
        ("one", ""),
        ("two", ""),
        ("", "1"),
    ]
    assert {(each.ip, each.transport) for each in requests} == {("127.0.0.1", "REST")}
    assert "signature" not in str(requests)


async def test_requests_are_returned_page_by_page(simex: SimexHandle, signed: Any) -> None:
    for _ in range(5):
        await signed.public("ping")

    first = await simex.control.ListReceived(simex_pb2.ListReceivedRequest(limit=3))
    second = await simex.control.ListReceived(simex_pb2.ListReceivedRequest(after_seq=3, limit=3))
    none = await simex.control.ListReceived(simex_pb2.ListReceivedRequest(after_seq=5))

    assert [[each.seq for each in page.requests] for page in (first, second, none)] == [[1, 2, 3], [4, 5], []]
    assert (first.first_seq, first.last_seq) == (1, 5)


async def test_faults_are_listed_with_how_often_they_struck(simex: SimexHandle, signed: Any) -> None:
    fault_id = await simex.fault("ERROR_CODE", endpoint="GET time", code=-1001, skip=1, count=2)
    for _ in range(5):
        with contextlib.suppress(ValueError):
            await signed.public("time")

    (standing,) = (await simex.control.ListFaults(simex_pb2.ListFaultsRequest())).faults

    assert (standing.id, standing.matched, standing.fired) == (fault_id, 3, 2)
    assert (standing.fault.endpoint, standing.fault.code, standing.fault.probability) == ("GET time", -1001, "1")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        pytest.param(simex_pb2.Fault(), "fault.kind = 0: give one of FAULT_KIND_ACCEPT", id="none"),
        pytest.param(
            simex_pb2.Fault(kind=simex_pb2.FAULT_KIND_DROP, probability="x"), "fault.probability = 'x'", id="number"
        ),
        pytest.param(
            simex_pb2.Fault(kind=simex_pb2.FAULT_KIND_RESET_AFTER, endpoint="order"), "'order': give method", id="where"
        ),
        pytest.param(simex_pb2.Fault(kind=simex_pb2.FAULT_KIND_STATUS), "STATUS needs one", id="needed"),
    ],
)
async def test_an_invalid_fault_is_refused_with_the_remedy(
    simex: SimexHandle, fault: simex_pb2.Fault, sentence: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await simex.control.AddFault(simex_pb2.AddFaultRequest(fault=fault))

    refused = rpc_error_of(raised.value)
    assert isinstance(refused, InvalidArgument)
    assert sentence in refused.message


async def test_faults_of_the_settings_are_in_force_with_every_start_and_others_are_gone(
    tmp_path: Path, signed: Any
) -> None:
    faults = [Fault(Kind.ERROR_CODE, endpoint="GET time", code=-1001, count=1)]
    for _ in range(2):
        async with running_simex(tmp_path / "again", faults=faults) as simex:
            client = type(signed)(signed.http, simex.http_url)
            answers = [(await client.public("time"))[0] for _ in range(2)]
            await simex.fault("ERROR_CODE", code=-1001)

            assert answers == [500, 200]


async def test_an_invalid_fault_of_the_settings_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        async with running_simex(tmp_path / "bad", faults=[Fault(Kind.DROP), Fault(Kind.DROP, account="me")]):
            pass

    assert "simex.faults[1].account = 'me': give one of main" in str(refused.value)


async def test_what_is_held_when_simex_stops_is_not_done(tmp_path: Path, signed: Any) -> None:
    async with running_simex(tmp_path / "held") as simex:
        await simex.fault("LATE_ARRIVAL", endpoint="POST order", delay_ms=HOLD_MS)
        placing = asyncio.create_task(type(signed)(signed.http, simex.http_url).place())
        await simex.received("POST order")
    with pytest.raises(aiohttp.ClientError):
        await placing

    async with running_simex(tmp_path / "held") as simex:
        assert len((await simex.truth()).orders) == 0

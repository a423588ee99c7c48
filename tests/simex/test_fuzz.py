"""A real simex answers any input over HTTP or a websocket, refuses in Binance's format, and a refusal changes nothing.
`make fuzz MINUTES=… SEED=…` runs for longer; the seeds that it prints reproduce a failure.
"""

import asyncio
import hashlib
import hmac
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gridtesting.endpoints import endpoints_of_sockets, every_endpoint
from gridtesting.live.simex import running_simex
from simex.protocol.call import Endpoint, Security

T = TypeVar("T")

SECONDS = 20.0
EXAMPLES = 10  # by endpoint, of one seed
LONGEST_URL = 8_000  # beyond it, and with other than visible ASCII in a URL, it is no HTTP that a server has to read
GOOD = {
    "symbol": "BTCUSDT", "symbols": '["BTCUSDT"]', "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.01", "price": "59000", "newClientOrderId": "fuzz-1", "orderId": "1", "origClientOrderId": "fuzz-1",
    "limit": "10", "interval": "1m", "startTime": "1700000000000", "endTime": "1700000600000", "fromId": "1",
    "newOrderRespType": "FULL", "quoteOrderQty": "100", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1",
    "aboveType": "STOP_LOSS", "aboveStopPrice": "61000", "belowType": "LIMIT_MAKER", "belowPrice": "58000",
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "58500", "workingQuantity": "0.001",
    "workingTimeInForce": "GTC", "pendingType": "LIMIT_MAKER", "pendingSide": "SELL", "pendingPrice": "61000",
    "pendingQuantity": "0.001", "orderListId": "1", "stopPrice": "61000", "trailingDelta": "100",
    "selfTradePreventionMode": "EXPIRE_MAKER", "windowSize": "1h", "timeZone": "0", "recvWindow": "5000",
}  # fmt: skip
# What a request of its kind cannot do without; everything else is left out until it is tried.
NEEDED = {
    "POST order": "symbol side type timeInForce quantity price",
    "POST order/test": "symbol side type timeInForce quantity price",
    "POST order/cancelReplace": "symbol side type timeInForce quantity price cancelReplaceMode cancelOrderId",
    "POST orderList/oco": "symbol side quantity aboveType aboveStopPrice belowType belowPrice",
    "POST orderList/oto": "symbol workingType workingSide workingPrice workingQuantity workingTimeInForce pendingType "
    "pendingSide pendingPrice pendingQuantity",
    "GET orderList": "orderListId",
    "DELETE orderList": "symbol orderListId",
    "GET order": "symbol orderId",
    "DELETE order": "symbol orderId",
    "GET myPreventedMatches": "symbol orderId",
    "GET klines": "symbol interval",
    "GET uiKlines": "symbol interval",
}
STRANGE = [
    "", "0", "-1", "1e5", "NaN", "Infinity", "9" * 18, "9" * 19, "9" * 20, "9" * 5_000, "0.00000001", "60000", "60010",
    "0." + "0" * 30 + "1", "0.5", "true", "null", "[]", '["BTCUSDT","BTCUSDT"]', '["NOPE"]', "[" * 3_000, "[1]",
    '{"a":1}', "SELL", "MARKET", "LIMIT_MAKER", "IOC", "FOK", "STOP_LOSS", "btcusdt", "BTC/USDT", "FULL", "MINI", "2",
    "BTCUSDT\x00", "\n", "٣", "１２", "é", "\ud800", "%", "&", "=", "' OR 1=1 --", "../../etc", "x" * 40, "🚀",
]  # fmt: skip
TAILS = [
    "&symbol=BTCUSDT", "&&", "&=", "&%", "&timestamp=1", "&signature=0", "&x=%ff", "&limit=é", "&limit=\udcff",
]  # fmt: skip
CONTENTS = [b"text/plain; charset=utf-16", b"x/y; charset=nope", b";"]
FOREIGN = ["recvWindow", "apiKey", "returnRateLimits", "é", "", "x"]
FORM = b"application/x-www-form-urlencoded"
VALUES = st.sampled_from(STRANGE) | st.text(max_size=12)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


class Exchange:
    """A simex on its own thread, and the requests of the tests."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running = running_simex(folder)
        self._simex = self.wait(self._running.__aenter__())
        self.address = urlsplit(self._simex.http_url)
        self.session = self.wait(_session())
        self.last: tuple[object, ...] = ()  # its state, once somebody has looked

    def wait(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(SECONDS)

    def close(self) -> None:
        self.wait(self.session.close())
        self.wait(self._running.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def connected(self) -> socket.socket:
        assert self.address.hostname is not None
        assert self.address.port is not None
        return socket.create_connection((self.address.hostname, self.address.port), SECONDS)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: bytes) -> tuple[int, Any]:
        """One request, byte for byte. Fails the test where what comes back is not JSON."""
        lines = [f"{method} {target} HTTP/1.1".encode("utf-8", "surrogateescape"), b"Host: simex", b"Connection: close"]
        lines += [name.replace("_", "-").encode() + b": " + value for name, value in headers.items()]
        lines += [b"Content-Length: " + str(len(body)).encode(), b"", body]
        return self.raw(method, b"\r\n".join(lines))

    def raw(self, method: str, request: bytes) -> tuple[int, Any]:
        """What comes back for the bytes of a request."""
        with self.connected() as connection:
            connection.sendall(request)
            reply = http.client.HTTPResponse(connection, method=method)
            reply.begin()
            text = reply.read()
        assert reply.getheader("Content-Type", "").startswith("application/json"), (reply.status, text)
        return reply.status, json.loads(text) if text else None

    def state(self) -> tuple[object, ...]:
        """The book as it is on disk, and what of it is in memory."""
        truth = self.wait(self._simex.truth()).SerializeToString(deterministic=True)
        return truth, self.signed("GET", "account")[1]["balances"], self.signed("GET", "openOrders")[1]

    def signed(self, method: str, path: str, **params: str) -> tuple[int, Any]:
        query = sign(urlencode({**params, "timestamp": now_ms()}))
        return self.ask(method, f"/api/v3/{path}?{query}", X_MBX_APIKEY=b"simex")


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def sign(query: str) -> str:
    return f"{query}&signature={_signature(query)}"


def _signature(text: str) -> str:
    return hmac.new(b"simex", text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


@contextmanager
def open_exchange(folder: Path) -> Iterator[Exchange]:
    """With a few orders in it, of which one has traded."""
    deployment = Exchange(folder)
    try:
        for price in ("59000", "58000", "60010"):
            assert deployment.signed("POST", "order", **kept(GOOD, NEEDED["POST order"]) | {"price": price})[0] == 200
        assert deployment.signed("POST", "orderList/oto", **kept(GOOD, NEEDED["POST orderList/oto"]))[0] == 200
        deployment.last = deployment.state()
        yield deployment
    finally:
        deployment.close()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Exchange]:
    with open_exchange(tmp_path) as deployment:
        yield deployment


def kept(values: dict[str, str], names: str) -> dict[str, str]:
    return {name: values[name] for name in names.split()}


ENDPOINTS = every_endpoint()


def good(endpoint: Endpoint) -> dict[str, str]:
    return kept(GOOD, NEEDED.get(endpoint.name, "symbol" if "symbol" in endpoint.takes.split() else ""))


def mostly(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 12 + [rare]).flatmap(lambda chosen: chosen)


def parameters(endpoint: Endpoint, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Those of a good request, with some left out, and some that are strange, likely or not."""
    needed = good(endpoint)
    names = endpoint.takes.split() or ["symbol"]
    strange = st.dictionaries(mostly(st.sampled_from(names), st.sampled_from(FOREIGN)), values, max_size=2)
    likely = st.sets(st.sampled_from([name for name in names if name in GOOD] or ["symbol"]), max_size=2)
    without = st.sampled_from([set[str]()] * 3 + [{name} for name in names])
    return st.builds(
        lambda odd, more, gone: (
            {name: value for name, value in (needed | {each: GOOD[each] for each in more}).items() if name not in gone}
            | odd
        ),
        strange,
        likely,
        without,
    )


@dataclass(frozen=True)
class Sent:
    """A request over HTTP, before it is signed."""

    endpoint: Endpoint
    method: str
    path: str
    params: dict[str, str]
    tail: str = ""
    in_body: bool = False
    content: bytes = FORM
    signed: bool = True


def requests_to(endpoint: Endpoint) -> st.SearchStrategy[Sent]:
    methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    paths = st.sampled_from([f"{endpoint.path}/", "nothing", "%2e%2e", "order//test", "%ff"])
    return st.builds(
        Sent,
        endpoint=st.just(endpoint),
        method=mostly(st.just(endpoint.method), methods),
        path=mostly(st.just(endpoint.path), paths),
        params=parameters(endpoint, VALUES),
        tail=mostly(st.just(""), st.sampled_from(TAILS)),
        in_body=st.booleans(),
        content=mostly(st.just(FORM), st.sampled_from(CONTENTS)),
        signed=mostly(st.just(True), st.just(False)),
    )


def send(deployment: Exchange, sent: Sent) -> tuple[int, Any]:
    pairs = [[quote(each, "", errors="replace") for each in pair] for pair in sent.params.items()]
    text = "&".join("=".join(pair) for pair in pairs) + sent.tail
    key: dict[str, bytes] = {}
    if sent.endpoint.security is not Security.NONE:
        text, key = f"{text}&timestamp={now_ms()}".removeprefix("&"), {"X_MBX_APIKEY": b"simex"}
        text = sign(text) if sent.signed else text
    target = f"/api/v3/{sent.path}"
    visible = quote(text, "".join(map(chr, range(33, 127))), errors="surrogateescape")
    if sent.in_body or len(visible) > LONGEST_URL:
        return deployment.ask(
            sent.method, target, text.encode("utf-8", "surrogateescape"), Content_Type=sent.content, **key
        )
    return deployment.ask(sent.method, f"{target}?{visible}", **key)


def check_refusal(body: Any) -> None:
    assert isinstance(body, dict), body
    assert isinstance(body["code"], int), body
    assert body["code"] < 0, body
    assert isinstance(body["msg"], str), body
    assert body["msg"], body


def check_request(deployment: Exchange, sent: Sent) -> None:
    status, body = send(deployment, sent)
    assert status < 500, (status, body)
    if status != 200:
        check_refusal(body)
    check_book(deployment, may_change=status in {200, 409} and sent.method != "GET")


def check_book(deployment: Exchange, *, may_change: bool) -> None:
    if may_change and len(deployment.signed("GET", "openOrders")[1]) > 20:  # else every example is slower than the last
        assert deployment.signed("DELETE", "openOrders", symbol="BTCUSDT")[0] == 200
    state = deployment.state()
    assert may_change or state == deployment.last, "a refusal has changed the book"
    deployment.last = state


@dataclass(frozen=True)
class Said:
    """A message over a websocket, before it is signed."""

    message: dict[str, Any] | str | bytes
    signed: bool = False

    def spoken(self) -> str | bytes:
        """As Binance has it signed: the parameters sorted, as they stand in the message."""
        if not isinstance(self.message, dict):
            return self.message
        params = self.message["params"]
        if not self.signed or not isinstance(params, dict):
            return json.dumps(self.message)
        params = {"apiKey": "simex", "timestamp": now_ms(), **params}
        text = "&".join(f"{name}={_as_text(params[name])}" for name in sorted(params))
        signature = _signature(text.encode("utf-8", "replace").decode())
        return json.dumps({**self.message, "params": {**params, "signature": signature}})


def messages_to(endpoint: Endpoint) -> st.SearchStrategy[Said]:
    shape = st.fixed_dictionaries(
        {
            "id": mostly(st.just(7), JSON_VALUES),
            "method": mostly(st.just(endpoint.ws), st.sampled_from(["", "nothing", f"v3/{endpoint.ws}", None])),
            "params": mostly(parameters(endpoint, mostly(VALUES, JSON_VALUES)), JSON_VALUES),
        },
        optional={"x": JSON_VALUES},
    )
    whole = st.builds(Said, shape, st.just(endpoint.security is not Security.NONE))
    cut = st.tuples(whole.map(Said.spoken), st.integers(0, 200)).map(lambda drawn: drawn[0][: drawn[1]])
    deep = st.integers(1, 50_000).map(lambda depth: '{"id":' + "[" * depth)
    odd = st.sampled_from(["", "null", "[]", "1" * 5_000, '{"id":NaN}', '"\\ud800"'])
    return mostly(whole, st.builds(Said, cut | deep | odd | st.binary(max_size=9)))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def check_message(deployment: Exchange, said: Said) -> None:
    message = said.spoken()
    answers = deployment.wait(_converse(deployment, "ws-api/v3", [message, '{"id":"pong","method":"ping"}'], "pong"))
    *mine, pong = answers
    assert pong["status"] == 200
    assert len(mine) == (0 if isinstance(message, bytes) else 1), answers
    for answer in mine:
        assert answer["status"] < 500, answer
        if answer["status"] != 200:
            check_refusal(answer["error"])
    check_book(deployment, may_change=any(answer["status"] in {200, 409} for answer in mine))


async def _converse(deployment: Exchange, path: str, messages: list[str | bytes], last: str) -> list[Any]:
    """What comes back for the messages, up to the answer whose id is the last one's."""
    answers: list[Any] = []
    async with deployment.session.ws_connect(f"{deployment.address.geturl()}/{path}") as connection:
        for message in messages:
            await (connection.send_bytes(message) if isinstance(message, bytes) else connection.send_str(message))
        while not answers or answers[-1].get("id") != last:
            answers.append(await connection.receive_json(timeout=SECONDS))
    return answers


def requests_for_streams() -> st.SearchStrategy[str]:
    methods = [
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "LIST_SUBSCRIPTIONS",
        "SET_PROPERTY",
        "GET_PROPERTY",
        "subscribe",
        None,
        1,
        [],
    ]
    names = ["btcusdt@trade", "btcusdt@depth5@100ms", "btcusdt@kline_1y", "!ticker@arr", "@", "combined", "x" * 5_000]
    shape = st.fixed_dictionaries(
        {"method": st.sampled_from(methods)},
        optional={
            "params": mostly(st.lists(st.sampled_from(names) | VALUES, max_size=3), JSON_VALUES),
            "id": mostly(st.just(7), JSON_VALUES),
        },
    ).map(json.dumps)
    return mostly(shape, st.text(max_size=9) | st.integers(1, 50_000).map(lambda depth: "[" * depth))


def check_request_for_a_stream(deployment: Exchange, text: str) -> None:
    first, *_, last = deployment.wait(
        _converse(deployment, "ws", [text, '{"method":"LIST_SUBSCRIPTIONS","id":"last"}'], "last")
    )
    assert "result" in first or {"code", "msg"} == first["error"].keys(), first
    assert isinstance(last["result"], list)
    check_book(deployment, may_change=False)


def explore(check: Callable[[Exchange, T], None], folder: Path, kinds: list[st.SearchStrategy[T]]) -> None:
    """One round, always the same one, or rounds of other seeds for as long as FUZZ_MINUTES say."""
    minutes, number = float(os.environ.get("FUZZ_MINUTES", "0")), int(os.environ.get("FUZZ_SEED", "1"))
    ends = time.monotonic() + 60 * minutes / 2  # the other half is the other test's
    while True:
        print(f"fuzzing with seed {number}", flush=True)  # noqa: T201  # what plays a failure again
        with open_exchange(folder / str(number)) as deployment:
            for kind in kinds:
                _try(check, deployment, kind, number)
        number += 1
        if time.monotonic() >= ends:
            return


def _try(check: Callable[[Exchange, T], None], deployment: Exchange, kind: st.SearchStrategy[T], number: int) -> None:
    phases = (Phase.generate, Phase.shrink)

    @seed(number)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck)
    )
    @given(sent=kind)
    def run(sent: T) -> None:
        check(deployment, sent)

    run()


def test_every_request_is_answered_or_refused_in_shape_and_a_refusal_changes_nothing(tmp_path: Path) -> None:
    explore(check_request, tmp_path, [requests_to(endpoint) for endpoint in ENDPOINTS])


def test_every_message_is_answered_or_refused_in_shape_and_a_refusal_changes_nothing(tmp_path: Path) -> None:
    endpoints = [endpoint for endpoint in (*ENDPOINTS, *endpoints_of_sockets()) if endpoint.ws]
    explore(check_message, tmp_path, [messages_to(endpoint) for endpoint in endpoints])


def test_every_message_to_the_public_streams_is_answered_and_the_stream_goes_on(tmp_path: Path) -> None:
    explore(check_request_for_a_stream, tmp_path, [requests_for_streams()] * 10)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_what_the_nonsense_is_made_of_is_answered(deployment: Exchange, endpoint: Endpoint) -> None:
    sent = Sent(endpoint, endpoint.method, endpoint.path, good(endpoint))
    assert send(deployment, sent)[0] == 200


def test_a_body_that_is_too_large_is_refused_in_shape(deployment: Exchange) -> None:
    status, body = deployment.ask("POST", "/api/v3/order", b"x" * 2_000_000, Content_Type=FORM)
    assert status == 413
    check_refusal(body)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"X-MBX-APIKEY: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\na",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n%ff\r\n0\r\n\r\n",
    ],
    ids=["no gzip", "no key", "no form", "chunks"],
)
def test_a_strange_request_is_refused_in_shape(deployment: Exchange, rest: bytes) -> None:
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: simex\r\nConnection: close\r\n"
    status, body = deployment.raw("POST", head + rest)
    assert 400 <= status < 500
    check_refusal(body)


@pytest.mark.parametrize("path", ["nowhere", "api/v3", "api/v4/order", "ws"])
def test_what_is_not_there_is_refused_in_shape(deployment: Exchange, path: str) -> None:
    status, body = deployment.ask("POST", f"/{path}")
    assert status in {404, 405}
    check_refusal(body)


def test_a_message_that_is_too_large_costs_its_sender_the_socket_and_nobody_else(deployment: Exchange) -> None:
    async def shout() -> bool:
        async with deployment.session.ws_connect(f"{deployment.address.geturl()}/ws-api/v3") as connection:
            with suppress(ConnectionError):  # it may be closed before all is said
                await connection.send_str("x" * 5_000_000)
            return (await connection.receive(SECONDS)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}

    before = deployment.state()
    assert deployment.wait(shout())
    assert deployment.state() == before


def test_what_is_no_http_is_not_answered_with_the_book(deployment: Exchange) -> None:
    before = deployment.state()
    for garbage in (b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\nContent-Length: -1\r\n\r\n"):
        with deployment.connected() as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1024)
    assert deployment.state() == before

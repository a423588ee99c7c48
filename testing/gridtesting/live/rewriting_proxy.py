"""A proxy between services and a simex that changes what the exchange says: for what simex itself cannot be made to do.

    async with rewriting_proxy(simex.http_url) as proxy:
        proxy.rewrite("GET", "openOrders", lambda answer: answer.with_body([UNREADABLE, *answer.body]))
        proxy.rewrite("GET", "myTrades", lambda answer: answer.with_body({}), times=1)
        proxy.rewrite("POST", "order", lambda answer: DROP)         # done by simex, never answered
        proxy.refuse("GET", "account", 401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
        proxy.rewrite_events(lambda event: None if event.get("x") == "TRADE" else event)
        # services talk to proxy.url (http://127.0.0.1:PORT) as if it were simex

A request goes on byte for byte as it was signed. REST and both websockets pass; `requests` lists what came.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from yarl import URL

_API = "/api/v3/"
_HOP_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-encoding", "date"})


class Drop(Enum):
    """What becomes of a connection in place of an answer."""

    DROP = "DROP"


DROP = Drop.DROP
"""Cuts the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request over REST: `path` is what follows `/api/v3/`, `params` those of query and form together."""

    method: str
    path: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer on its way: `body` is its JSON, or the text where it is none."""

    asked: Asked
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def with_body(self, body: Any, status: int = 200) -> "Answered":
        """The same with another body; a text is sent as it is, anything else as JSON."""
        return replace(self, body=body, status=status)


Rewrite = Callable[[Answered], Answered | Drop]
Event = dict[str, Any]
EventRewrite = Callable[[Event], "Event | str | None"]


@dataclass(slots=True)
class _Rule:
    method: str
    path: str
    rewrite: Rewrite
    forwards: bool
    left: int | None  # how often it still applies, None: always

    def fits(self, asked: Asked) -> bool:
        return self.left != 0 and self.method in {"*", asked.method} and self.path in {"*", asked.path}


class RewritingProxy:
    """The rules in force. Of several that fit a request, all apply, in the order in which they were given."""

    def __init__(self, target: str) -> None:
        self.url = ""
        self.requests: list[Asked] = []
        self._target = target
        self._rules: list[_Rule] = []
        self._events: list[EventRewrite] = []
        self._http: aiohttp.ClientSession | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return self.url.removeprefix("http://")

    def rewrite(self, method: str, path: str, rewrite: Rewrite, times: int | None = None) -> Callable[[], None]:
        """Changes the answers to a kind of request, "*" for any method or path; what it returns takes the rule away."""
        return self._add(_Rule(method, path, rewrite, forwards=True, left=times))

    def refuse(
        self,
        method: str,
        path: str,
        status: int,
        body: object,
        times: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Callable[[], None]:
        """Answers in the exchange's place: the request never reaches it."""

        def answer(it: Answered) -> Answered:
            return replace(it, status=status, body=body, headers=headers or {})

        return self._add(_Rule(method, path, answer, forwards=False, left=times))

    def drop(self, method: str, path: str, times: int | None = None) -> Callable[[], None]:
        """Cuts the connection before the request reaches the exchange."""
        return self._add(_Rule(method, path, lambda _: DROP, forwards=False, left=times))

    def rewrite_events(self, rewrite: EventRewrite) -> Callable[[], None]:
        """Changes what the exchange sends over websockets; None swallows an event, a text is sent as it is.

        The rewrite gets the innermost event, without the envelope of a combined or a user stream; answers to requests
        pass unchanged.
        """
        self._events.append(rewrite)
        return lambda: self._events.remove(rewrite)

    def clear(self) -> None:
        """Takes every rule away."""
        self._rules.clear()
        self._events.clear()

    def seen(self, method: str, path: str) -> list[Asked]:
        """The requests of a kind that came, oldest first."""
        return [each for each in self.requests if (each.method, each.path) == (method, path)]

    def _add(self, rule: _Rule) -> Callable[[], None]:
        self._rules.append(rule)
        return lambda: self._rules.remove(rule) if rule in self._rules else None

    async def handle_rest(self, request: web.Request) -> web.StreamResponse:
        """Passes one request on, and its answer back."""
        body = await request.read()
        pairs = parse_qsl(body.decode("utf-8", "replace")) + parse_qsl(request.raw_path.partition("?")[2])
        asked = Asked(request.method, request.path.removeprefix(_API), dict(pairs))
        self.requests.append(asked)
        rules = [rule for rule in self._rules if rule.fits(asked)]
        answered: Answered | Drop = Answered(asked, 200, None)
        if all(rule.forwards for rule in rules):
            answered = await self._forward(request, asked, body)
        for rule in rules:
            if isinstance(answered, Answered):
                rule.left = None if rule.left is None else rule.left - 1
                answered = rule.rewrite(answered)
        if isinstance(answered, Answered):
            return _response(answered)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def handle_socket(self, request: web.Request) -> web.WebSocketResponse:
        """Passes a websocket's messages both ways until either side closes it."""
        ours = web.WebSocketResponse(compress=False)
        async with self._client.ws_connect(self._aim(request), max_msg_size=0) as theirs:
            await ours.prepare(request)
            passing = [asyncio.create_task(_pass_on(ours, theirs)), asyncio.create_task(self._pass_back(theirs, ours))]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for task in passing:
                task.cancel()
            with contextlib.suppress(ConnectionError):
                await ours.close()
        return ours

    async def _forward(self, request: web.Request, asked: Asked, body: bytes) -> "Answered | Drop":
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
        try:
            async with self._client.request(
                request.method, self._aim(request), data=body or None, headers=headers, allow_redirects=False
            ) as reply:
                text = await reply.text()
                kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP_HEADERS}
                return Answered(asked, reply.status, _json(text), kept)
        except aiohttp.ClientError:
            return DROP  # what the exchange did to the connection is done to the client's too

    async def _pass_back(self, theirs: aiohttp.ClientWebSocketResponse, ours: web.WebSocketResponse) -> None:
        async for message in theirs:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            text = self._changed(message.data)
            if text is not None:
                await ours.send_str(text)

    def _changed(self, text: str) -> str | None:
        """A message after the rewrites; None: swallowed."""
        if not self._events:
            return text
        message = _json(text)
        name = next((key for key in ("event", "data") if isinstance(message, dict) and key in message), "")
        if not isinstance(message, dict) or "id" in message:
            return text
        event: Event | str | None = message[name] if name else message
        for rewrite in list(self._events):
            if isinstance(event, dict):
                event = rewrite(event)
        if event is None or isinstance(event, str):
            return event
        return json.dumps({**message, name: event} if name else event)

    def _aim(self, request: web.Request) -> URL:
        """The same at the exchange, character for character: the signature is over the query as it was written."""
        return URL(f"{self._target}{request.raw_path}", encoded=True)

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("the proxy is not running: use `async with rewriting_proxy(…)`")
        return self._http

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/api/v3/{path:.*}", self.handle_rest)
        for path in ("/ws", "/ws/{name:.*}", "/stream", "/ws-api/v3"):
            app.router.add_get(path, self.handle_socket)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as self._http:
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                yield
            finally:
                await runner.cleanup()


@contextlib.asynccontextmanager
async def rewriting_proxy(target: str) -> AsyncIterator[RewritingProxy]:
    """A proxy in front of the simex at a URL, until the block is left."""
    proxy = RewritingProxy(target.rstrip("/"))
    async with proxy.running():
        yield proxy


async def _pass_on(ours: web.WebSocketResponse, theirs: aiohttp.ClientWebSocketResponse) -> None:
    async for message in ours:
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        await theirs.send_str(message.data)


def _response(answered: Answered) -> web.Response:
    headers = {name: value for name, value in answered.headers.items() if name.lower() != "content-type"}
    if isinstance(answered.body, str):
        kind = "text/html"  # what is no JSON is a page of some gateway's
        return web.Response(status=answered.status, text=answered.body, headers=headers, content_type=kind)
    return web.json_response(answered.body, status=answered.status, headers=headers)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

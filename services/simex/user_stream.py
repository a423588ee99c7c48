"""The account's websocket, `/ws-api/v3`: signed subscriptions to what happens to its orders and balances."""

import asyncio
import json
from collections.abc import Callable

from aiohttp import WSMsgType, web

from gridsim.exchange import Outcome
from simex import frames
from simex.connection import Connection
from simex.errors import ApiError
from simex.params import Params
from simex.payloads import Json
from simex.public_streams import CLOSE_SECONDS, HEARTBEAT_SECONDS
from simex.signing import Credentials, check_window


class UserStream:
    """Who is subscribed, and what they get: an executionReport and an outboundAccountPosition per execution."""

    def __init__(self, credentials: Credentials, clock_ms: Callable[[], int]) -> None:
        self._credentials = credentials
        self._clock_ms = clock_ms
        self._sessions: set[_Session] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one socket until it closes."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        session = _Session(Connection(socket))
        self._sessions.add(session)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    session.connection.send(self._answer(session, message.data))
        finally:
            self._sessions.discard(session)
            await session.connection.close()
        return socket

    def publish(self, _symbol: str, outcome: Outcome) -> None:
        """Sends an outcome's executions to every subscription."""
        if not any(session.subscriptions for session in self._sessions):
            return
        now_ms = self._clock_ms()
        for each in outcome.executions:
            report = frames.execution_report(each, now_ms)
            position = frames.account_position(each.balances, each.transition.time_ms, now_ms)
            for session in self._sessions:
                for subscription in session.subscriptions:
                    session.connection.send({"subscriptionId": subscription, "event": report})
                    session.connection.send({"subscriptionId": subscription, "event": position})

    async def flushed(self) -> None:
        """Returns once every client's socket has what was published so far."""
        for session in list(self._sessions):
            await session.connection.flushed()

    async def close(self) -> None:
        """Closes every socket."""
        await asyncio.gather(*(session.connection.close() for session in self._sessions))

    def _answer(self, session: "_Session", text: str) -> Json:
        request_id: object = None
        try:
            request = _request(text)
            request_id = request.get("id")
            result = self._run(session, request)
        except ApiError as error:
            return {"id": request_id, "status": error.status, "error": error.body}
        return {"id": request_id, "status": 200, "result": result}

    def _run(self, session: "_Session", request: Json) -> Json:
        params = request.get("params") or {}
        if not isinstance(params, dict):
            raise ApiError(-1100, "Illegal characters found in parameter 'params'.")
        match request.get("method"):
            case "ping":
                return {}
            case "time":
                return {"serverTime": self._clock_ms()}
            case "userDataStream.subscribe.signature":
                self._let_in({str(key): str(value) for key, value in params.items()})
                return {"subscriptionId": session.subscribe()}
            case "userDataStream.unsubscribe":
                session.unsubscribe(params.get("subscriptionId"))
                return {}
            case method:
                raise ApiError(-1020, f"This operation is not supported: {method!r} is not part of simex.")

    def _let_in(self, values: dict[str, str]) -> None:
        params = Params(values)
        self._credentials.check_key(values.get("apiKey", ""))
        signature = params.text("signature")
        check_window(params, self._clock_ms())
        signed = sorted((key, value) for key, value in values.items() if key != "signature")
        self._credentials.check_signature("&".join(f"{key}={value}" for key, value in signed), signature)


class _Session:
    """One socket and its subscriptions, numbered from 0."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.subscriptions: list[int] = []
        self._next = 0

    def subscribe(self) -> int:
        self.subscriptions.append(self._next)
        self._next += 1
        return self.subscriptions[-1]

    def unsubscribe(self, subscription: object) -> None:
        """Ends one subscription, or all of them where none is named."""
        if subscription is not None and subscription not in self.subscriptions:
            raise ApiError(-1130, "Data sent for parameter 'subscriptionId' is not valid.")
        self.subscriptions = [each for each in self.subscriptions if subscription is not None and each != subscription]


def _request(text: str) -> Json:
    try:
        request = json.loads(text)
    except json.JSONDecodeError:
        request = None
    if not isinstance(request, dict):
        raise ApiError(-1135, "Invalid JSON Request.")
    return request

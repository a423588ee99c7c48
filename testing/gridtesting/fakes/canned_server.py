"""A server with canned JSON replies instead of an exchange, for tests of how the real ccxt handles them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reply = Any | Callable[[web.Request], Any]


class Dropped(Exception):  # not an error of the test
    """Raised by a reply: the connection is reset without an answer."""


@dataclass(slots=True)
class CannedServer:
    """Replies by `"METHOD /path"`; any other request gets 404. Replies may be changed while it serves."""

    replies: dict[str, Reply]
    url: str = ""
    requests: list[str] = field(default_factory=list[str])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Records the request and answers it: a Response as it is, a tuple of status and JSON, or JSON with 200."""
        name = f"{request.method} {request.path}"
        self.requests.append(name)
        if name not in self.replies:
            return web.json_response({"code": -1, "msg": f"{name} has no canned reply"}, status=404)
        reply = self.replies[name]
        try:
            found = reply(request) if callable(reply) else reply
        except Dropped:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(found, web.StreamResponse):
            return found
        status, body = found if isinstance(found, tuple) else (200, found)
        return web.json_response(body, status=status)


@contextlib.asynccontextmanager
async def canned(replies: dict[str, Reply]) -> AsyncIterator[CannedServer]:
    """Serves at a free port of this machine for the block."""
    server = CannedServer(replies)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()

"""The wire of a storm, over real sockets: what each weather does to those who talk over it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gridchaos.storms.proxy import LinkState, Proxy, Trap
from gridservice.change_signal import ChangeSignal

ORDER = b"POST /api/v3/order HTTP/1.1\r\n\r\n"
SHORT, LONG = 0.1, 10.0


@dataclass
class Wire:
    """A proxy before a server that answers each chunk with itself, and keeps what it got."""

    proxy: Proxy
    got: list[bytes] = field(default_factory=list)
    changes: ChangeSignal = field(default_factory=ChangeSignal)
    callers: list["Caller"] = field(default_factory=list)

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1_000):
                self.got.append(data)
                self.changes.beat()
                writer.write(data)
        writer.close()

    async def until_got(self, *data: bytes) -> None:
        async with asyncio.timeout(LONG):
            await self.changes.until(lambda: self.got == list(data))

    async def connect(self) -> "Caller":
        host, _, port = self.proxy.address.rpartition(":")
        self.callers.append(Caller(*await asyncio.open_connection(host, int(port))))
        return self.callers[-1]

    async def hang_up(self) -> None:
        for caller in self.callers:
            caller.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await caller.writer.wait_closed()


@dataclass
class Caller:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, data: bytes, seconds: float = LONG) -> bytes:
        self.writer.write(data)
        return await self.hear(seconds)

    async def hear(self, seconds: float = LONG) -> bytes:
        return await asyncio.wait_for(self.reader.read(1_000), seconds)


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    there: list[Wire] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await there[0].echo(reader, writer)

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(f"127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        there.append(Wire(proxy))
        try:
            yield there[0]
        finally:
            await there[0].hang_up()


async def test_in_fair_weather_everything_gets_through() -> None:
    async with wire() as line:
        caller = await line.connect()
        assert await caller.ask(b"one") == b"one"
        assert await caller.ask(b"two") == b"two"


async def test_a_cut_resets_who_is_connected_and_who_connects_and_then_it_is_over() -> None:
    async with wire() as line:
        caller = await line.connect()
        assert await caller.ask(b"one") == b"one"
        line.proxy.change(LinkState.CUT)
        with pytest.raises(ConnectionError):
            await caller.hear()
        with pytest.raises(ConnectionError):
            await (await line.connect()).hear()
        line.proxy.change(LinkState.UP)
        assert await (await line.connect()).ask(b"two") == b"two"
        assert line.got == [b"one", b"two"]


async def test_what_falls_into_a_hole_arrives_late_though_its_sender_is_gone() -> None:
    async with wire() as line:
        caller = await line.connect()
        assert await caller.ask(b"one") == b"one"
        line.proxy.change(LinkState.STALLED)
        with pytest.raises(TimeoutError):
            await caller.ask(b"two", SHORT)
        caller.writer.transport.abort()
        assert line.got == [b"one"]
        line.proxy.change(LinkState.UP)
        await line.until_got(b"one", b"two")


async def test_requests_get_through_and_answers_are_dropped() -> None:
    async with wire() as line:
        caller = await line.connect()
        line.proxy.change(LinkState.RESPONSES_DROPPED)
        with pytest.raises(TimeoutError):
            await caller.ask(b"one", SHORT)
        await line.until_got(b"one")
        line.proxy.change(LinkState.UP)
        with pytest.raises(ConnectionError):  # what was not received is lost, and so is the connection
            await caller.hear()


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_trap_springs_once_at_the_nth_order_which_arrives_or_does_not(arrives: bool) -> None:
    sprung: list[int] = []
    async with wire() as line:
        line.proxy.set_trap(Trap(2, arrives, lambda: sprung.append(len(line.got))))
        caller = await line.connect()
        assert await caller.ask(b"GET /api/v3/order") == b"GET /api/v3/order"
        assert await caller.ask(ORDER) == ORDER
        assert sprung == []
        assert await caller.ask(ORDER) == (ORDER if arrives else b"")
        assert len(sprung) == 1
        assert line.got.count(ORDER) == (2 if arrives else 1)
        assert await (await line.connect()).ask(ORDER) == ORDER
        assert len(sprung) == 1

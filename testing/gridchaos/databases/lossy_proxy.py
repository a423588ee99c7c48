"""Proxy to Postgres that loses answers: the server executes the statement, and the client sees a lost connection.

It may lose the answer to a COMMIT, or a COMMIT itself: then only the server knows whether the commit succeeded.
"""

import asyncio
import contextlib
from typing import Self

from gridservice.tasks import cancel_and_wait

_CHUNK = 65_536
_COMMIT = b"COMMIT\0"
_WRITTEN = (b"INSERT 0 ", b"UPDATE ", b"DELETE ")  # as the server reports it


class DatabaseWire:
    """Listens on a port of 127.0.0.1 while it is entered, and connects each client to a server's port.

    While `every` is n, each n-th answer, or the next answer to a commit, is withheld and its connection cut. While
    `commits_only`, each n-th commit of a writing transaction is lost: its answer, and the next time the commit itself.
    0: none.
    """

    def __init__(self, port: int) -> None:
        self.every = 0
        self.commits_only = False
        self.lost = 0
        """How many answers were lost."""
        self.lost_commits = 0
        """How many of them answered a commit that succeeded."""
        self.lost_before = 0
        """How many commits never reached the server."""
        self._target = port
        self._counted = 0
        self._due = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await cancel_and_wait(self._tasks)

    @property
    def port(self) -> int:
        """Port to which services connect."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            call = _Call(reader, writer, server_reader, server_writer)
            try:
                await asyncio.gather(self._ask(call), self._answer(call))
            finally:
                call.cut()
        writer.transport.abort()

    async def _ask(self, call: "_Call") -> None:
        while data := await call.reader.read(_CHUNK):
            call.commits = _COMMIT in data
            if call.commits and call.wrote and self.commits_only and self._is_lost():
                call.withheld = self.lost_commits <= self.lost_before
                if not call.withheld:
                    self.lost_before += 1
                    break
            call.server_writer.write(data)
            await call.server_writer.drain()
        call.cut()

    async def _answer(self, call: "_Call") -> None:
        while data := await call.server_reader.read(_CHUNK):
            if call.withheld or (not self.commits_only and self._is_its_turn(call)):
                self.lost += 1
                self.lost_commits += call.commits
                break
            call.wrote = not call.commits and (call.wrote or any(tag in data for tag in _WRITTEN))
            call.commits = False
            call.writer.write(data)
            await call.writer.drain()
        call.cut()

    def _is_its_turn(self, call: "_Call") -> bool:
        # Every second loss waits for the answer to a commit: by count alone a run might lose none of those.
        self._due = self._is_lost() or self._due
        if not self._due or (self.lost % 2 == 1 and not call.commits):
            return False
        self._due = False
        return True

    def _is_lost(self) -> bool:
        self._counted += 1
        return self.every > 0 and self._counted % self.every == 0


class _Call:
    """One connection of a service, and its connection to the server."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self.commits = False  # whether the last statement was a COMMIT
        self.wrote = False  # whether its transaction has written something
        self.withheld = False  # whether all answers are withheld from now on
        self.reader = reader
        self.writer = writer
        self.server_reader = server_reader
        self.server_writer = server_writer

    def cut(self) -> None:
        self.writer.transport.abort()
        self.server_writer.transport.abort()

"""The real executor in the test's process: real servicer, channel and SQLite, the fake venue behind its port.

For the ledger a crash point is like SIGKILL: from some transaction on nothing is written.
"""

import contextlib
import functools
import sqlite3
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from executor.api.servicer import ExecutorServicer
from executor.ledger.opening import Ledger, open_ledger, sqlite_url
from executor.ledger.writer import Writer
from executor.limits import ExecutorLimits
from executor.service import Executor
from executor.venue.clock import VenueClock
from executor.venue.port import Venue
from gridcore.model.actions import Action, ActionResult, OrderUpdate
from gridcore.model.state import State
from gridrpc import convert_orders as convert
from gridrpc.channel import open_channel
from gridrpc.convert_state import state_to_proto
from gridrpc.server import start_server
from gridtesting.live.databases import SQLITE, Database
from gridwright.v1 import executor_pb2, executor_pb2_grpc

P = ParamSpec("P")
T = TypeVar("T")

SYMBOL = "BTC/USDT"
QUICK = ExecutorLimits(
    poll_interval_ms=10,
    visibility_lag_ms=2_000,
    requests_per_second=100_000,
    burst=100_000,
    resolve_pause_ms=2,
    close_grace_seconds=0.0,
    listing_interval_ms=10,
)
STEPWISE = replace(QUICK, poll_interval_ms=3_600_000)  # only the test polls, so that runs are repeatable


class CrashError(Exception):
    """The process has crashed, as far as the ledger can know."""


@dataclass
class CrashPoint:
    """Crashes at a numbered transaction, right before or after its commit; never if the number is negative."""

    at: int = -1
    after_commit: bool = False
    commits: int = field(default=0, init=False)
    dead: bool = field(default=False, init=False)


class MortalWriter:
    """A ledger's writer that crashes at a crash point. It wraps the real one, which does the work."""

    def __init__(self, writer: Writer, crash: CrashPoint) -> None:
        self._writer = writer
        self._crash = crash

    async def run(
        self, function: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs like the real one, until the crash."""
        number, self._crash.commits = self._crash.commits, self._crash.commits + 1
        if self._crash.dead or (number == self._crash.at and not self._crash.after_commit):
            self._crash.dead = True
            raise CrashError
        result = await self._writer.run(function, *args, **kwargs)
        self._crash.dead |= number == self._crash.at
        if self._crash.dead:
            raise CrashError
        return result

    def close(self) -> None:
        """Closes the real one."""
        self._writer.close()


class _Where:
    """Where the current test's ledgers are."""

    database = Database(SQLITE)
    folder = Path()  # the folder whose ledger the Postgres database holds


@contextlib.contextmanager
def ledgers_in(database: Database) -> Iterator[None]:
    """Makes `fresh_ledger` use this database for the block; files otherwise."""
    _Where.database, _Where.folder = database, Path()
    try:
        yield
    finally:
        _Where.database = Database(SQLITE)


def fresh_ledger(folder: Path, now_ms: int) -> str:
    """The address of the folder's ledger; creates a new one if there is none, faster than by migrations."""
    return _fresh_file(folder, now_ms) if _Where.database.kind == SQLITE else _fresh_tables(folder)


def _fresh_tables(folder: Path) -> str:
    """Replaces the one ledger of the database if it is another folder's. Opening it creates the birth id."""
    database = _Where.database
    if folder != _Where.folder:
        names = [name for (name,) in database.query_ledger(folder, _LEDGER_TABLES)]
        database.query_ledger(folder, f"TRUNCATE {', '.join(names)}")
        _Where.folder = folder
    return database.sa_url_text


_LEDGER_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'executor' AND tablename <> 'alembic_version'"  # its version
)


def _fresh_file(folder: Path, now_ms: int) -> str:
    url = sqlite_url(folder)
    file = folder / "ledger.sqlite"
    if not file.exists():
        file.write_bytes(_empty_ledger())
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE meta SET birth_id = ?, born_ms = ?", (uuid.uuid4().hex, now_ms))
            connection.commit()
    return url


@functools.cache
def _empty_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with open_ledger(sqlite_url(Path(folder)), 0):
            pass
        return (Path(folder) / "ledger.sqlite").read_bytes()


def mortal(ledger: Ledger, crash: CrashPoint) -> Ledger:
    """The ledger with a writer that crashes at the crash point."""
    writer: Any = MortalWriter(ledger.writer, crash)
    return replace(ledger, writer=writer)


@dataclass(frozen=True, slots=True)
class LiveExecutor:
    """A running executor with a client to it."""

    executor: Executor
    address: str
    stub: "executor_pb2_grpc.ExecutorAsyncStub"

    async def batch(
        self, request_id: str, actions: Sequence[Action], epoch: int = 1, *, clock_offset_ms: int = 0
    ) -> list[ActionResult]:
        """All results, by index."""
        request = executor_pb2.BatchExecuteRequest(
            request_id=request_id,
            symbol=SYMBOL,
            epoch=epoch,
            actions=[convert.action_to_proto(action) for action in actions],
            clock_offset_ms=clock_offset_ms,
        )
        results = [convert.result_from_proto(message) async for message in self.stub.BatchExecute(request)]
        return sorted(results, key=lambda result: result.index)

    async def fence(self, epoch: int, state_birth_id: str = "state", prefix: str = "gtest0") -> Any:
        """Raises the fence."""
        return await self.stub.Fence(
            executor_pb2.FenceRequest(symbol=SYMBOL, epoch=epoch, state_birth_id=state_birth_id, prefix=prefix)
        )

    async def fence_for_rebuild(self, epoch: int, prefix: str = "gtest0") -> Any:
        """Raises the fence regardless of the state that the ledger belongs to."""
        return await self.stub.Fence(executor_pb2.FenceRequest(symbol=SYMBOL, epoch=epoch, prefix=prefix, rebuild=True))

    async def acknowledge(
        self, offset: int, *, epoch: int = 1, seq: int = 1, state_birth_id: str = "state"
    ) -> executor_pb2.AckUpdatesResponse:
        """Acknowledges the log up to an offset."""
        state = State(SYMBOL, state_birth_id, "", seq=seq, epoch=epoch, event_offset=offset)
        return await self.stub.AckUpdates(
            executor_pb2.AckUpdatesRequest(symbol=SYMBOL, epoch=epoch, state=state_to_proto(state))
        )

    async def ledger(self) -> executor_pb2.Ledger:
        """The ledger's identity and its live orders."""
        return await self.stub.GetLedger(executor_pb2.GetLedgerRequest(symbol=SYMBOL))

    async def log(self, count: int, after_offset: int = 0) -> list[OrderUpdate]:
        """The next `count` entries; waits for them like the stream."""
        call = self.stub.StreamOrderUpdates(
            executor_pb2.StreamOrderUpdatesRequest(symbol=SYMBOL, after_offset=after_offset), timeout=10
        )
        found: list[OrderUpdate] = []
        if count:
            async for message in call:
                found.append(convert.update_from_proto(message))
                if len(found) == count:
                    break
        call.cancel()
        return found

    async def whole_log(self) -> list[OrderUpdate]:
        """All current entries of the log."""
        fence = await self.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
        return await self.log(fence.end_offset)


@contextlib.asynccontextmanager
async def running_executor(
    tmp_path: Path,
    venue: Venue,
    now_ms: Callable[[], int],
    *,
    pace: ExecutorLimits = QUICK,
    crash: CrashPoint | None = None,
    symbols: tuple[str, ...] = (SYMBOL,),
) -> AsyncIterator[LiveExecutor]:
    """Runs an executor for the block. The same folder opens the same ledger again."""
    with open_ledger(fresh_ledger(tmp_path / "executor", now_ms()), now_ms()) as opened:
        ledger = opened if crash is None else mortal(opened, crash)
        executor = Executor(ledger, venue, symbols, pace, VenueClock(now_ms))
        descriptor = executor_pb2.DESCRIPTOR.services_by_name["Executor"]
        door = (descriptor, executor_pb2_grpc.add_ExecutorServicer_to_server, ExecutorServicer(executor))
        server = await start_server("127.0.0.1:0", [door], serving=False)
        try:
            await executor.start()
            await server.set_serving(serving=True)
            address = f"127.0.0.1:{server.port}"
            async with open_channel(address) as channel:
                yield LiveExecutor(executor, address, executor_pb2_grpc.ExecutorStub(channel))
        finally:
            executor.stop_taking()
            await server.stop(0)
            await executor.close()

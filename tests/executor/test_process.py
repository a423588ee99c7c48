"""The executor as an OS process against a real simex: killed in the middle of its work, stopped, and refused."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from sqlalchemy import text

from executor.ledger.opening import open_ledger, sqlite_url
from gridcore.model.actions import Action, ActionResult, CancelOrder, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from griddeploy.process.child import Child
from gridrpc import convert_orders as convert
from gridrpc.channel import open_channel
from gridrpc.errors import rpc_error_of
from gridtesting.live.databases import POSTGRES, SQLITE, Database
from gridtesting.live.processes import run_to_end, start_listening
from gridtesting.live.simex import SimexHandle, running_simex
from gridwright.v1 import executor_pb2, executor_pb2_grpc, simex_pb2

pytestmark = pytest.mark.system

SYMBOL = "BTC/USDT"
PREFIX = "gtest0"

on_both_databases = pytest.mark.parametrize("database", [SQLITE, POSTGRES], indirect=True)


def place(number: int, price: str = "50000") -> PlaceOrder:
    not_after_ms = time.time_ns() // 1_000_000 + 600_000
    name = f"{PREFIX}place{number}"
    return PlaceOrder(
        name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(price), Decimal("0.001"), not_after_ms, str(number)
    )


def write_config(folder: Path, venue_url: str, database: Database | None = None, **executor: object) -> Path:
    """A config with its ledger in the folder, or in a database; more settings of [executor] by name."""
    if database is not None and database.url:
        executor["database_url"] = database.url
    lines = [
        "[venue]",
        'exchange = "binance"',
        f'base_url = "{venue_url}"',
        "[executor]",
        f'data_dir = "{folder / "data"}"',
        *(f"{name} = {value!r}".replace("'", '"') for name, value in ({"address": "127.0.0.1:0"} | executor).items()),
        "[[grids]]",
        f'symbol = "{SYMBOL}"',
    ]
    path = folder / "grid.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class Running:
    """An executor process with a channel to it."""

    def __init__(self, process: Child, address: str) -> None:
        self.process = process
        self.address = address

    async def kill(self) -> None:
        self.process.send(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self.process.stop(15)

    async def call(self, request: executor_pb2.BatchExecuteRequest) -> list[ActionResult]:
        """The answers, over a channel of its own."""
        async with open_channel(self.address) as channel:
            return await call(channel, request)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes a venue's keys, which the developer's environment may have."""
    for name in ("GRIDWRIGHT_API_KEY", "GRIDWRIGHT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@contextlib.asynccontextmanager
async def running(config: Path, *, forked: bool = True) -> AsyncIterator[Running]:
    """A process that answers calls; killed at the end of the block if it has not ended."""
    process, address = await start_listening("executor", config, config.with_name("executor.log"), forked=forked)
    try:
        yield Running(process, address)
    finally:
        await process.stop(0)


async def ended(config: Path, *, forked: bool = True) -> tuple[int, str]:
    """Exit code and all that it said."""
    return await run_to_end("executor", config, config.with_name("executor.log"), forked=forked)


def request_of(request_id: str, actions: list[Action], epoch: int = 1) -> executor_pb2.BatchExecuteRequest:
    wire = [convert.action_to_proto(action) for action in actions]
    return executor_pb2.BatchExecuteRequest(request_id=request_id, symbol=SYMBOL, epoch=epoch, actions=wire)


async def call(channel: grpc.aio.Channel, request: executor_pb2.BatchExecuteRequest) -> list[ActionResult]:
    stub = executor_pb2_grpc.ExecutorStub(channel)
    found = [convert.result_from_proto(message) async for message in stub.BatchExecute(request)]
    return sorted(found, key=lambda result: result.index)


async def until_answered(live: Running, request: executor_pb2.BatchExecuteRequest) -> list[ActionResult]:
    """As below, over a channel of its own."""
    async with open_channel(live.address) as channel:
        return await until_answered_on(channel, request)


async def until_answered_on(channel: grpc.aio.Channel, request: executor_pb2.BatchExecuteRequest) -> list[ActionResult]:
    """Repeats the call while the executor says that it is starting."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return await call(channel, request)
        except grpc.aio.AioRpcError as error:
            fault = rpc_error_of(error)
            if fault is None or fault.reason != "STARTING" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)  # ten callers that ask without a pause keep it from starting


async def placed(simex: SimexHandle) -> list[str]:
    truth: simex_pb2.Truth = await simex.truth()
    return [order.client_order_id for order in truth.orders]


async def until_placed(simex: SimexHandle, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(await placed(simex)) < count:
        assert time.monotonic() < deadline, f"{count} orders are not on the venue"


@on_both_databases
async def test_one_request_ten_times_from_two_channels_with_kills_in_between_is_one_set_of_orders(
    tmp_path: Path, database: Database
) -> None:
    request = request_of("bot/BTC/USDT/1/1", [place(number) for number in range(40)])
    async with running_simex(tmp_path) as simex:
        config = write_config(tmp_path, simex.http_url, database, requests_per_second=60, burst=4)
        for kill_at in (1, 6, 12):
            async with running(config) as live, open_channel(live.address) as one, open_channel(live.address) as two:
                calls = [asyncio.create_task(until_answered_on(channel, request)) for channel in [one, two] * 5]
                await until_placed(simex, kill_at)
                await live.kill()
                await asyncio.gather(*calls, return_exceptions=True)
        async with running(config) as live, open_channel(live.address) as one, open_channel(live.address) as two:
            answers = await asyncio.gather(*(until_answered_on(channel, request) for channel in [one, two] * 5))
        names = await placed(simex)
    assert all(answer == answers[0] for answer in answers)
    assert len(names) == len(set(names))
    accepted = {result.client_order_id for result in answers[0] if result.outcome is Outcome.ACCEPTED}
    unknown = {result.client_order_id for result in answers[0] if result.outcome is Outcome.UNKNOWN}
    assert accepted <= set(names) <= accepted | unknown
    assert len(accepted) + len(unknown) == len(request.actions)


@on_both_databases
async def test_orders_fills_and_cancels_go_the_whole_way(tmp_path: Path, database: Database) -> None:
    filled, cancelled = place(1), place(2, price="49000")
    async with contextlib.AsyncExitStack() as stack:
        simex = await stack.enter_async_context(running_simex(tmp_path))
        # Nothing is found by reading: what is reported came over the venue's stream.
        config = write_config(tmp_path, simex.http_url, database, poll_interval_ms=3_600_000)
        live = await stack.enter_async_context(running(config))
        results = await until_answered(live, request_of("bot/BTC/USDT/1/1", [filled, cancelled]))
        async with open_channel(live.address) as channel:
            stub = executor_pb2_grpc.ExecutorStub(channel)
            log = stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=SYMBOL))
            await simex.inject("49990", "5")
            entries = [convert.update_from_proto(await log.read()) for _ in range(2)]  # type: ignore[arg-type]  # no EOF
            cancel = CancelOrder(cancelled.client_order_id, "", cancelled.slot)
            (result,) = await live.call(request_of("bot/BTC/USDT/1/2", [cancel]))
            entries.append(convert.update_from_proto(await log.read()))  # type: ignore[arg-type]  # no EOF
            listed = await stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
            log.cancel()
        truth = await simex.truth()
    assert [one.outcome for one in results] == [Outcome.ACCEPTED] * 2
    assert result.outcome is Outcome.CANCELLED
    assert [getattr(entry.news, "trade_id", entry.news) for entry in entries] == [
        truth.trades[0].trade_id,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
    ]
    fill, true_fill = entries[0].news, convert.fill_from_proto(truth.trades[0].fill)
    assert fill == true_fill, "price, quantity, fee and its asset are the venue's to the digit"
    assert true_fill.fee > 0
    assert list(listed.orders) == []


@on_both_databases
async def test_a_fill_while_it_was_dead_is_in_the_log_after(tmp_path: Path, database: Database) -> None:
    request = request_of("bot/BTC/USDT/1/1", [place(1)])
    async with running_simex(tmp_path) as simex:
        config = write_config(tmp_path, simex.http_url, database)
        async with running(config) as live:
            await until_answered(live, request)
            await live.kill()
        await simex.inject("49990", "5")
        async with running(config) as live, open_channel(live.address) as channel:
            await until_answered(live, request)
            stub = executor_pb2_grpc.ExecutorStub(channel)
            fills = await stub.ListFills(executor_pb2.ListFillsRequest(symbol=SYMBOL))
    assert len(fills.fills) == 1


@on_both_databases
async def test_sigterm_stops_it_cleanly_with_readers_connected(tmp_path: Path, database: Database) -> None:
    async with (
        running_simex(tmp_path) as simex,
        running(write_config(tmp_path, simex.http_url, database), forked=False) as live,
    ):
        await until_answered(live, request_of("bot/BTC/USDT/1/1", [place(1)]))
        async with open_channel(live.address) as channel:
            stub = executor_pb2_grpc.ExecutorStub(channel)
            log = stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=SYMBOL))
            await simex.inject("49990", "5")
            await log.read()  # so it is connected
            assert await live.stop() == 0


async def test_it_waits_for_a_venue_that_is_away(tmp_path: Path) -> None:
    async with running_simex(tmp_path) as simex:
        url = simex.http_url
    async with running(write_config(tmp_path, url)) as live:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.call(request_of("bot/BTC/USDT/1/1", [place(1)]))
        assert await live.stop() == 0
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "STARTING"


async def test_a_second_executor_of_the_same_ledger_exits_with_4(tmp_path: Path) -> None:
    with open_ledger(sqlite_url(tmp_path / "data"), 0):
        code, said = await ended(write_config(tmp_path, "http://127.0.0.1:9"))
    assert code == 4
    assert "another executor holds this account's ledger" in said


async def test_a_ledger_of_the_future_exits_with_5(tmp_path: Path) -> None:
    with open_ledger(sqlite_url(tmp_path / "data"), 0) as ledger:
        await ledger.writer.run(lambda one: one.execute(text("update alembic_version set version_num = 'ledger_9999'")))
    code, said = await ended(write_config(tmp_path, "http://127.0.0.1:9"))
    assert code == 5
    assert "ledger_9999" in said


async def test_a_port_in_use_exits_with_3(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        code, said = await ended(write_config(tmp_path, "http://127.0.0.1:9", address=f"127.0.0.1:{port}"))
    assert code == 3
    assert str(port) in said


async def test_a_bad_setting_exits_with_2_and_one_sentence(tmp_path: Path) -> None:
    code, said = await ended(write_config(tmp_path, "http://127.0.0.1:9", poll_intervall_ms=5), forked=False)
    assert code == 2
    assert said.startswith("executor: executor.poll_intervall_ms = 5: no such setting")
    assert said.count("\n") == 1


async def test_a_symbol_that_the_venue_does_not_trade_exits_with_2(tmp_path: Path) -> None:
    async with running_simex(tmp_path) as simex:
        config = write_config(tmp_path, simex.http_url)
        config.write_text(config.read_text().replace(SYMBOL, "NO/SUCH"), encoding="utf-8")
        code, said = await ended(config)
    assert code == 2
    assert "NO/SUCH" in said

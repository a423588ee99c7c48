"""Surroundings of the orchestrator for tests: real servicers in this process, the orchestrator here or as a process.

The servicers outlive every orchestrator process, as a venue does.
"""

import asyncio
import contextlib
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc

from gridcore.model.orders import Role
from gridcore.model.state import State
from griddeploy.free_ports import free_ports
from griddeploy.process.child import Child as Process
from gridrpc.channel import open_channel
from gridrpc.server import Server
from gridtesting.fakes.executor import FakeExecutor, serve_executor
from gridtesting.fakes.pricemon import FakePrices, serving_prices
from gridtesting.grids import MARKET
from gridtesting.live import processes
from gridtesting.live.databases import Database
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, orchestrator_pb2, orchestrator_pb2_grpc
from orchestrator.config import Settings, load_settings
from orchestrator.service import Service, running
from orchestrator.symbol.context import SymbolContext

BTC = "BTC/USDT"
ETH = "ETH/USDT"
START = Decimal(60150)


@dataclass
class World:
    """The orchestrator's surroundings, which outlive each of its processes."""

    executor: FakeExecutor
    prices: FakePrices
    ledger: Server
    executor_address: str
    pricemon_address: str
    folder: Path
    database: Database
    symbols: tuple[str, ...] = (BTC,)
    options: dict[str, str] = field(default_factory=dict[str, str])  # settings of [orchestrator]
    grid_options: dict[str, str] = field(default_factory=dict[str, str])
    risk_options: dict[str, str] = field(default_factory=dict[str, str])

    def config(self) -> Path:
        """Writes the current grid.toml and returns its path."""
        lines = [
            'bot = "test"',
            "[executor]",
            f'address = "{self.executor_address}"',
            "[pricemon]",
            f'address = "{self.pricemon_address}"',
            "[orchestrator]",
            *self._lines(
                {
                    "address": '"127.0.0.1:0"',
                    "data_dir": f'"{self.folder}"',
                    "tick_interval_ms": "50",
                    "reconcile_timeout_ms": "300",
                    **self.database.settings,
                },
                self.options,
            ),
        ]
        for symbol in self.symbols:
            defaults = {
                "symbol": f'"{symbol}"',
                "mode": '"long"',
                "anchor": '"60000"',
                "interval": '"300"',
                "quote_per_slot": '"100"',
                "buy_window": "3",
                "sell_window": "3",
                "window_slack": "1",
                "retry_after_ms": "50",
            }
            lines += ["[[grids]]", *self._lines(defaults, self.grid_options), "[grids.risk]"]
            lines += self._lines({"stale_price_ms": "10000"}, self.risk_options)
        path = self.folder / "grid.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    async def stop_executor(self) -> None:
        """Stops the executor's server; ledger and venue are kept."""
        await self.ledger.stop(grace_seconds=0)

    async def start_executor(self) -> None:
        """Starts it again at the same address."""
        self.ledger = await serve_executor(self.executor, self.executor_address)

    def settings(self) -> Settings:
        """The current config as Settings."""
        return load_settings(self.config())

    def query_state(self, statement: str, symbol: str = BTC) -> list[tuple[Any, ...]]:
        """Runs SQL on a symbol's state and journal."""
        return self.database.query_state(self.folder, symbol, statement)

    def query_workflows(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs SQL on DBOS's workflow tables."""
        return self.database.query_workflows(self.folder, statement)

    async def dbos(self, *arguments: str) -> None:
        """Runs a `dbos workflow` command, as an operator does."""
        tool = (sys.executable, "-m", "gridtesting.live.dbos_command")
        where = ("--sys-db-url", self.database.workflows_url(self.folder))
        process = await asyncio.create_subprocess_exec(
            *tool, "workflow", *arguments, *where, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0

    def opening(self, symbol: str = BTC) -> list[str]:
        """Client ids of the opening orders on the venue."""
        return [order.place.client_order_id for order in self.executor.orders(symbol, Role.OPENING)]

    def closing(self, symbol: str = BTC) -> list[str]:
        """Client ids of the closing orders on the venue."""
        return [order.place.client_order_id for order in self.executor.orders(symbol, Role.CLOSING)]

    @staticmethod
    def _lines(defaults: dict[str, str], changes: dict[str, str]) -> list[str]:
        return [f"{key} = {value}" for key, value in {**defaults, **changes}.items()]


@contextlib.asynccontextmanager
async def serving_world(folder: Path, database: Database) -> AsyncIterator[World]:
    """Serves executor and pricemon, with a price between two levels."""
    executor = FakeExecutor([MARKET, replace(MARKET, symbol=ETH, base="ETH")])
    prices = FakePrices()
    await prices.set_price(BTC, START)
    address = f"127.0.0.1:{free_ports(1)[0]}"  # no other server gets this port while it is down
    ledger = await serve_executor(executor, address)
    async with serving_prices(prices) as feed:
        world = World(executor, prices, ledger, address, f"127.0.0.1:{feed.port}", folder, database)
        try:
            yield world
        finally:
            await world.stop_executor()


@dataclass
class Client:
    """An operator's client to a running orchestrator."""

    stub: "orchestrator_pb2_grpc.OrchestratorAsyncStub"

    async def state(self, symbol: str = BTC) -> orchestrator_pb2.GetStateResponse:
        """Calls GetState."""
        return await self.stub.GetState(orchestrator_pb2.GetStateRequest(symbol=symbol))

    async def mode(self, symbol: str = BTC) -> "models_pb2.Mode.ValueType":
        """The current mode."""
        return (await self.state(symbol)).state.risk.mode

    async def troubles(self) -> list[models_pb2.Trouble]:
        """Calls ListTroubles."""
        return list((await self.stub.ListTroubles(models_pb2.ListTroublesRequest())).troubles)

    async def workflows(self, symbol: str = BTC) -> list[orchestrator_pb2.Workflow]:
        """The workflows, newest first."""
        answer = await self.stub.ListWorkflows(orchestrator_pb2.ListWorkflowsRequest(symbol=symbol, limit=100))
        return list(answer.workflows)

    async def workflow(self, workflow_id: str) -> orchestrator_pb2.Workflow:
        """A workflow with its steps."""
        return await self.stub.GetWorkflow(orchestrator_pb2.GetWorkflowRequest(workflow_id=workflow_id))

    async def finished(self, workflow_id: str) -> orchestrator_pb2.Workflow:
        """A workflow with its steps, after its success: DBOS records the last step after its effects are visible."""

        async def succeeded() -> bool:
            return (await self.workflow(workflow_id)).status == "SUCCESS"

        await eventually(succeeded, f"workflow {workflow_id} ends")
        return await self.workflow(workflow_id)

    async def explain(self, seq: int, symbol: str = BTC) -> orchestrator_pb2.TradingStep:
        """The journal row of a step."""
        return await self.stub.Explain(orchestrator_pb2.ExplainRequest(symbol=symbol, seq=seq))

    def order(self, request_id: str = "", symbol: str = BTC, why: str = "a test") -> orchestrator_pb2.OperatorRequest:
        """Builds an operator's request."""
        return orchestrator_pb2.OperatorRequest(
            request_id=request_id or uuid.uuid4().hex, symbol=symbol, who="tester", why=why
        )

    async def until_mode(self, mode: "models_pb2.Mode.ValueType", symbol: str = BTC) -> None:
        """Waits for the mode."""
        await eventually(lambda: self._has_mode(mode, symbol), f"mode {models_pb2.Mode.Name(mode)}")

    async def _has_mode(self, mode: "models_pb2.Mode.ValueType", symbol: str) -> bool:
        return await self.mode(symbol) == mode


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, deadline_seconds: float = 60.0) -> None:
    """As gridtesting's until, for an asynchronous condition; errors of a starting service count as not met."""
    end = asyncio.get_running_loop().time() + deadline_seconds
    while not await _met(condition):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"{what} did not happen within {deadline_seconds} s")
        await asyncio.sleep(0.02)


async def _met(condition: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await condition()
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False


@contextlib.asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    """A client over a real channel."""
    async with open_channel(f"127.0.0.1:{port}") as channel:
        yield Client(orchestrator_pb2_grpc.OrchestratorStub(channel))


@dataclass
class Running:
    """An orchestrator in this process."""

    service: Service
    client: Client

    def context(self, symbol: str = BTC) -> SymbolContext:
        """What the symbol's worker works on, for looking into."""
        return self.service.engine.workers[symbol].context

    async def until_seq(self, seq: int, symbol: str = BTC) -> State:
        """Waits until a step is committed; returns the state."""
        await until(lambda: self.context(symbol).state.seq >= seq and not self.context(symbol).busy, f"step {seq}")
        return self.context(symbol).state


@contextlib.asynccontextmanager
async def run_inside(world: World) -> AsyncIterator[Running]:
    """Runs the service in this process for the block, then stops it cleanly."""
    async with running(world.settings()) as service, client_of(service.server.port) as client:
        await service.engine.start()
        yield Running(service, client)
        if service.engine.failure.done():
            raise AssertionError(str(service.engine.failure.result()))


@dataclass
class Child:
    """An orchestrator as a process of its own."""

    process: Process
    client: Client
    address: str

    async def kill(self) -> None:
        """Sends SIGKILL."""
        self.process.send(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Sends SIGTERM; returns the exit code."""
        return await self.process.stop(15)


@contextlib.asynccontextmanager
async def spawn(world: World, *, forked: bool = True) -> AsyncIterator[Child]:
    """Starts an orchestrator and waits until it listens; the process ends with the block."""
    config = world.config()
    process, address = await processes.start_listening("orchestrator", config, _log_of(config), forked=forked)
    try:
        async with client_of(int(address.rpartition(":")[2])) as client:
            yield Child(process, client, address)
    except AssertionError as error:
        error.add_note(f"{process.log.read_text()}return code: {process.returncode}")
        raise
    finally:
        await process.stop(0)


async def run_to_end(config: Path, *, forked: bool = True) -> tuple[int, str]:
    """Runs an orchestrator that exits by itself; returns the exit code and the last line of its output."""
    code, said = await processes.run_to_end("orchestrator", config, _log_of(config), forked=forked)
    return code, said.strip().splitlines()[-1]


def _log_of(config: Path) -> Path:
    return config.parent.with_name("orchestrator.log")


async def trading(client: Client, symbol: str = BTC) -> None:
    """Waits until startup is complete and the grid trades."""

    async def done() -> bool:
        try:
            return (await client.state(symbol)).trading
        except grpc.aio.AioRpcError:
            return False

    await eventually(done, "trading")

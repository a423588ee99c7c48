"""`gridwright audit`: holds the grids of running services against the book of simex. The market waits meanwhile."""

import contextlib
from collections.abc import AsyncIterator

import grpc

from gridctl.commands.demo import SETTLE_SECONDS
from gridctl.view.report import Summary, print_summary
from gridctl.view.screen import Screen
from griddeploy.audit.audit import audit
from griddeploy.audit.gather import gather_at_rest
from griddeploy.channels import Channels
from griddeploy.deployment import SIMEX, Deployment
from gridservice.config_file import MISSING, ConfigError
from gridwright.v1 import simex_pb2

_CALL_SECONDS = 5.0


async def run_audit(house: Deployment, screen: Screen) -> int:
    """Says what it found, the AUDIT line last. 0 where every promise held, 1 where one did not or nobody answers.

    Raises ConfigError for a house without simex. It needs the journal from the grid's first step on, so it is for
    grids younger than `orchestrator.retention_hours`.
    """
    if SIMEX not in house.addresses:
        raise ConfigError(SIMEX, MISSING, "the audit asks simex for its whole book, which no exchange tells")
    try:
        async with Channels(house) as wires, _standing_still(wires, house.symbols):
            evidence = await gather_at_rest(wires, house.bot, house.symbols, SETTLE_SECONDS)
    except grpc.aio.AioRpcError as error:
        screen.say(f"no audit: {error.code().name}: {error.details()}")
        return 1
    report = audit(house.bot, evidence.truth, evidence.books)
    states = tuple(book.state for book in evidence.books)
    print_summary(screen, Summary(report, states, (), (), evidence.settled, {}), seed=0)
    return 0 if report.clean else 1


@contextlib.asynccontextmanager
async def _standing_still(wires: Channels, symbols: tuple[str, ...]) -> AsyncIterator[None]:
    """The block with the markets stopped. Those that ran before run again after it, whatever ends it."""
    markets = [
        await wires.simex.GetMarket(simex_pb2.GetMarketRequest(symbol=symbol), timeout=_CALL_SECONDS)
        for symbol in symbols
    ]
    running = [market.symbol for market in markets if market.running]
    try:
        for symbol in running:
            await _set_running(wires, symbol, running=False)
        yield
    finally:
        for symbol in running:
            await _set_running(wires, symbol, running=True)


async def _set_running(wires: Channels, symbol: str, *, running: bool) -> None:
    request = simex_pb2.SetRunningRequest(symbol=symbol, running=running)
    await wires.simex.SetRunning(request, timeout=_CALL_SECONDS, wait_for_ready=True)

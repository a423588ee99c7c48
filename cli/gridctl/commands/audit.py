"""`gridwright audit`: compares the grids of running services with simex's book, while the market is paused."""

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


async def run_audit(deployment: Deployment, screen: Screen) -> int:
    """Prints the findings and the AUDIT line last. Returns 0 if every promise held, 1 if not or if a service is down.

    Raises ConfigError for a deployment without simex. The audit needs the journal from the grid's first step on, so it
    works only for grids younger than `orchestrator.retention_hours`.
    """
    if SIMEX not in deployment.addresses:
        raise ConfigError(SIMEX, MISSING, "the audit reads simex's whole book, which no exchange provides")
    try:
        async with Channels(deployment) as channels, _standing_still(channels, deployment.symbols):
            evidence = await gather_at_rest(channels, deployment.bot, deployment.symbols, SETTLE_SECONDS)
    except grpc.aio.AioRpcError as error:
        screen.say(f"no audit: {error.code().name}: {error.details()}")
        return 1
    report = audit(deployment.bot, evidence.truth, evidence.books)
    states = tuple(book.state for book in evidence.books)
    print_summary(screen, Summary(report, states, (), (), evidence.settled, {}), seed=0)
    return 0 if report.clean else 1


@contextlib.asynccontextmanager
async def _standing_still(channels: Channels, symbols: tuple[str, ...]) -> AsyncIterator[None]:
    """Stops the markets for the block. Those that ran before run again after it, also after an exception."""
    markets = [
        await channels.simex.GetMarket(simex_pb2.GetMarketRequest(symbol=symbol), timeout=_CALL_SECONDS)
        for symbol in symbols
    ]
    running = [market.symbol for market in markets if market.running]
    try:
        for symbol in running:
            await _set_running(channels, symbol, running=False)
        yield
    finally:
        for symbol in running:
            await _set_running(channels, symbol, running=True)


async def _set_running(channels: Channels, symbol: str, *, running: bool) -> None:
    request = simex_pb2.SetRunningRequest(symbol=symbol, running=running)
    await channels.simex.SetRunning(request, timeout=_CALL_SECONDS, wait_for_ready=True)

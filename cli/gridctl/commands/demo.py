"""`gridwright demo`: prepares, runs, settles and audits a demo in its own folder. No real order is placed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from gridctl.commands.live_run import START_SECONDS, Run
from gridctl.view.report import Summary, print_summary
from gridctl.view.screen import Screen
from griddeploy.audit.audit import audit
from griddeploy.audit.gather import AuditInput, gather_at_rest
from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON
from griddeploy.process.child import Child, Start
from griddeploy.process.random_kills import keep_killing
from griddeploy.process.supervisor import ServiceGaveUpError
from griddeploy.run_folder import fresh_folder
from gridservice.signals import first, until_signal
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import simex_pb2

DEFAULT_DURATION_SECONDS = 60.0
SETTLE_SECONDS = 40.0  # longer than receive window and visibility lag, which resolving an UNKNOWN may take
_LOOK_SECONDS = 0.25
_CALL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of the command line. `duration_seconds` None: 60 seconds, or to the end of the tape."""

    data_dir: Path
    demo_config: DemoConfig
    duration_seconds: float | None = None
    kill: bool = False


async def run_demo(options: DemoOptions, screen: Screen, start: Start = Child.start) -> int:
    """Runs the whole demo. Returns 0 if every promise held, 1 if one did not or a service gave up."""
    deployment = prepare_demo(options.demo_config, fresh_folder(options.data_dir / "demo"))
    logs = options.data_dir / "demo" / "logs"
    run = Run(deployment, logs, screen, start)
    try:
        async with until_signal(second_cancels=True) as stop, run.shown():
            await run.start()
            await run.supervisor.until_serving(START_SECONDS)
            await run.channels.simex.SetRunning(simex_pb2.SetRunningRequest(running=True), timeout=_CALL_SECONDS)
            await _play(run, options, stop)
            evidence = await _evidence(run)
            statuses = run.supervisor.statuses()
    except (ServiceGaveUpError, TimeoutError, grpc.aio.AioRpcError) as error:
        screen.say(f"no audit: {_sentence(error)}; logs in {logs}")
        return 1
    report = audit(deployment.bot, evidence.truth, evidence.books)
    states = tuple(book.state for book in evidence.books)
    summary = Summary(report, states, statuses, tuple(run.incidents), evidence.settled, run.supervisor.exit_codes)
    print_summary(screen, summary, options.demo_config.seed)
    return 0 if report.clean else 1


async def _play(run: Run, options: DemoOptions, stop: asyncio.Event) -> None:
    """Trades until the time is over, the tape has ended or the user interrupts."""
    duration = options.duration_seconds
    if duration is None and options.demo_config.tape is None:
        duration = DEFAULT_DURATION_SECONDS
    began = time.monotonic()
    async with _killing(run, options):
        while not await first(stop, _LOOK_SECONDS):
            run.supervisor.raise_if_one_gave_up()
            elapsed = time.monotonic() - began
            run.headline = _headline(elapsed, duration, options)
            if (duration is not None and elapsed >= duration) or await _markets_ended(run):
                return


def _headline(elapsed: float, duration: float | None, options: DemoOptions) -> str:
    span = f"{elapsed:.0f} s of the tape" if duration is None else f"{elapsed:.0f} of {duration:.0f} s"
    return f"{span}, seed {options.demo_config.seed}" if options.demo_config.tape is None else span


@contextlib.asynccontextmanager
async def _killing(run: Run, options: DemoOptions) -> AsyncIterator[None]:
    """Kills services at random during the block if the user asked for it; afterwards waits until all serve."""
    if not options.kill:
        yield
        return
    victims = (PRICEMON, EXECUTOR, ORCHESTRATOR)
    run.screen.say(f"killing {', '.join(victims)} in turn, seed {options.demo_config.seed}")
    killer = asyncio.create_task(keep_killing(run.supervisor.kill, victims, options.demo_config.seed))
    try:
        yield
    finally:
        await cancel_and_wait([killer])
    run.headline = "the kills are over; waiting until all serve"
    await run.supervisor.until_serving(START_SECONDS)


async def _markets_ended(run: Run) -> bool:
    """Returns whether every tape has ended; a simulation never ends."""
    markets = [
        await run.channels.simex.GetMarket(simex_pb2.GetMarketRequest(symbol=symbol), timeout=_CALL_SECONDS)
        for symbol in run.deployment.symbols
    ]
    return all(market.at_end for market in markets)


async def _evidence(run: Run) -> AuditInput:
    """Stops the market, waits until the grids are at rest and reads the audit's input."""
    run.headline = "the market is stopped; waiting until all is settled, and reading"
    await run.channels.simex.SetRunning(simex_pb2.SetRunningRequest(running=False), timeout=_CALL_SECONDS)
    return await gather_at_rest(run.channels, run.deployment.bot, run.deployment.symbols, SETTLE_SECONDS)


def _sentence(error: Exception) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else str(error)

"""People in a storm: one enters and exits safe mode, another places manual orders on the same account."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc

from gridchaos.storms.deployment import StormDeployment
from gridchaos.storms.market import Market
from gridchaos.storms.schedule import ManualOrder
from gridchaos.storms.watcher import Watcher
from gridctl.commands.trade import ManualTrader, TradeError
from griddeploy.channels import Channels
from gridwright.v1 import models_pb2, orchestrator_pb2

_PAUSE_SECONDS = 0.05
_SAFE_SECONDS = 40.0
_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN,
          grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.FAILED_PRECONDITION}  # fmt: skip
_CALL_SECONDS = 5.0


class Operator:
    """Sends each operator command until it is answered."""

    def __init__(self, channels: Channels, place: StormDeployment, market: Market, watcher: Watcher) -> None:
        self._channels = channels
        self._symbol = place.deployment.symbols[0]
        self._market = market
        self._watcher = watcher
        self._alone = asyncio.Lock()
        self._words = 0

    async def halt(self, beats: int) -> None:
        """Enters safe mode for the given number of beats."""
        async with self._alone:
            await self._say("EnterSafeMode")
            self._watcher.watch.expect_halt()
            await self._market.passed(beats)
            await self._until(self._safe, "no safe mode")
            self._watcher.watch.expect_nothing()
            await self._say("ExitSafeMode")
            await self._until(self._lifted, "no end of safe mode")

    async def _until(self, true: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Waits for the condition. Time during a deliberate failure, such as refused keys, does not count."""
        clock, waited = asyncio.get_running_loop().time, 0.0
        while not await true():
            began = clock()
            await asyncio.sleep(_PAUSE_SECONDS)
            waited += 0.0 if self._watcher.disordered else clock() - began
            if waited > _SAFE_SECONDS:
                self._watcher.watch.problems.append(f"P5: {otherwise} {_SAFE_SECONDS:g} s after an operator's command")
                return

    async def _say(self, rpc: str) -> None:
        self._words += 1
        request = orchestrator_pb2.OperatorRequest(
            request_id=f"storm-{self._words}", symbol=self._symbol, who="operator", why="a storm"
        )
        while True:
            try:
                await getattr(self._channels.orchestrator, rpc)(request, timeout=_CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _AGAIN:
                    raise
                if (
                    error.code() is grpc.StatusCode.FAILED_PRECONDITION
                    and (await self._risk()).mode == models_pb2.MODE_RUNNING
                ):
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _safe(self) -> bool:
        return self._watcher.watch.halt_seen and (await self._risk()).mode == models_pb2.MODE_SAFE

    async def _lifted(self) -> bool:
        """A command is recorded when it is answered, and executed later. A rule may halt the grid again at once."""
        risk = await self._risk()
        return risk.mode != models_pb2.MODE_UNSPECIFIED and (risk.mode, risk.by) != (models_pb2.MODE_SAFE, "operator")

    async def _risk(self) -> models_pb2.RiskFlags:
        request = orchestrator_pb2.GetStateRequest(symbol=self._symbol)
        try:
            answer = await self._channels.orchestrator.GetState(request, timeout=_CALL_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError:
            return models_pb2.RiskFlags()
        return answer.state.risk


async def place_manually(place: StormDeployment, market: Market, event: ManualOrder) -> None:
    """Places a manual order. A venue that fails or is down accepts none, or accepts it without an answer."""
    price = market.price(-event.intervals if event.side == "buy" else event.intervals)
    trader = ManualTrader(place.venue_url)
    try:
        await asyncio.to_thread(trader.place, event.side, place.deployment.symbols[0], "0.001", price)
    except TradeError:
        return

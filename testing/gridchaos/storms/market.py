"""Market of a storm: moves by one trade per beat, along a walk derived from the seed."""

import asyncio
import contextlib

import grpc

from gridchaos.storms.deployment import StormDeployment
from gridchaos.storms.schedule import walk
from griddeploy.channels import Channels
from gridservice.change_signal import ChangeSignal
from gridwright.v1 import models_pb2, simex_pb2

BEAT_SECONDS = 0.1
_CALL_SECONDS = 0.5
_QUANTITY = "5"  # fills every order of ours that it reaches


class Market:
    """Beats without end; a beat counts even if the venue is down and does not receive it."""

    def __init__(
        self, channels: Channels, place: StormDeployment, seed: int, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self.beat = 0
        self._beat_seconds = beat_seconds
        self._channels = channels
        self._place = place
        self._seed = seed
        self._moves = asyncio.Event()
        self._moves.set()
        self._beaten = ChangeSignal()

    @property
    def still(self) -> bool:
        """Whether it stands still, and with it the storm's time."""
        return not self._moves.is_set()

    def hold(self) -> None:
        """Stops the market."""
        self._moves.clear()

    def go_on(self) -> None:
        """Lets the market move again."""
        self._moves.set()

    async def passed(self, beats: int) -> None:
        """Returns after the given number of beats."""
        until = self.beat + beats
        await self._beaten.until(lambda: self.beat >= until)

    def price(self, intervals: float) -> str:
        """Returns the price at the given number of intervals from the grid's anchor."""
        return f"{self._place.anchor + self._place.interval * intervals:.2f}"

    async def run(self) -> None:
        """Moves the market until it is cancelled."""
        before = 0.0
        for place in walk(self._seed):
            await self._moves.wait()
            pause = asyncio.create_task(asyncio.sleep(self._beat_seconds))
            side = models_pb2.SIDE_BUY if place > before else models_pb2.SIDE_SELL
            request = simex_pb2.InjectTradeRequest(
                symbol=self._place.deployment.symbols[0], price=self.price(place), quantity=_QUANTITY, side=side
            )
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._channels.simex.InjectTrade(request, timeout=_CALL_SECONDS)
            await pause
            before = place
            self.beat += 1
            self._beaten.beat()

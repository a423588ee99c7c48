"""Plays the events of a storm. `storm` decides when they are due, and checks the consequences."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from typing import Any, assert_never

import grpc
from google.protobuf import json_format

from gridchaos.harness.calls import answered
from gridchaos.storms.deployment import TO_VENUE, StormDeployment
from gridchaos.storms.market import Market
from gridchaos.storms.operators import Operator, place_manually
from gridchaos.storms.proxy import LinkState, Trap
from gridchaos.storms.restarter import Kept, RestartedPostgres
from gridchaos.storms.schedule import (
    BACKEND,
    POSTGRES,
    Clock,
    Die,
    Event,
    Fault,
    Halt,
    Kill,
    ManualOrder,
    Partition,
    Snap,
    Stop,
)
from gridchaos.storms.watcher import Watcher
from gridchaos.venue_changes.changes import EFFECTS, VenueChange
from gridchaos.venue_changes.player import VenuePlayer
from griddeploy.channels import Channels
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import simex_pb2

_TRAP_BEATS, _DEATH_BEATS = 40, 60
_CALL_SECONDS = 2.0


class Trouble:
    """Failures of a deployment, on demand."""

    def __init__(
        self,
        channels: Channels,
        place: StormDeployment,
        kept: Mapping[str, Kept],
        postgres: RestartedPostgres | None,
        market: Market,
        watcher: Watcher,
        venue: VenuePlayer,
    ) -> None:
        self._channels = channels
        self._place = place
        self._kept = kept
        self._postgres = postgres
        self._market = market
        self._watcher = watcher
        self._venue = venue
        self._operator = Operator(channels, place, market, watcher)
        self._spans: set[asyncio.Task[None]] = set()

    async def make(self, event: Event) -> None:
        """Plays an event; returns once it has happened, or has begun if it lasts for some beats."""
        match event:
            case Kill():
                await self._kill(event.service)
            case Die():
                await self._die(event)
            case Snap():
                await self._snap(event)
            case Fault():
                await self._add(event)
            case Clock():
                await self._set_clock(event.offset_ms)
            case ManualOrder():
                await place_manually(self._place, self._market, event)
            case Stop() | Partition() | Halt() | VenueChange():
                self._span(self._last(event))
            case _:
                assert_never(event)

    async def _last(self, event: Stop | Partition | Halt | VenueChange) -> None:
        match event:
            case Stop():
                await self._stop(event)
            case Partition():
                await self._part(event)
            case Halt():
                await self._operator.halt(event.beats)
            case VenueChange():
                await self._change(event)

    async def clear(self) -> None:
        """Returns once every failure has ended."""
        await asyncio.gather(*self._spans)
        simex = self._channels.simex
        await answered(lambda: simex.ClearFaults(simex_pb2.ClearFaultsRequest()))
        await answered(lambda: simex.SetClock(simex_pb2.SetClockRequest(offset_ms=0)))

    async def end(self) -> None:
        """Cancels the events in progress and leaves everything as it is."""
        spans = list(self._spans)
        await cancel_and_wait(spans)

    async def _kill(self, service: str) -> None:
        if service not in {POSTGRES, BACKEND}:
            return await self._kept[service].kill()
        assert self._postgres is not None, "a storm in files has no server to kill"
        return await (self._postgres.kill() if service == POSTGRES else self._postgres.kill_backend())

    async def _die(self, event: Die) -> None:
        kept = self._kept[event.service]
        run = kept.runs
        await kept.kill(event.passes)
        for _ in event.passes:
            run += 1
            ended = asyncio.create_task(kept.ended(run))
            too_late = asyncio.create_task(self._market.passed(_DEATH_BEATS))
            await asyncio.wait([ended, too_late], return_when=asyncio.FIRST_COMPLETED)
            too_late.cancel()
            if not ended.done():  # it does not pass that many points: it dies here
                await kept.kill()
            await ended

    async def _snap(self, event: Snap) -> None:
        kept, proxy = self._kept[event.service], self._place.proxies[TO_VENUE]
        sprung = asyncio.Event()

        def spring() -> None:
            kept.shoot()
            sprung.set()

        proxy.set_trap(Trap(event.order, event.arrives, spring))
        waiting = [asyncio.create_task(sprung.wait()), asyncio.create_task(self._market.passed(_TRAP_BEATS))]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        proxy.set_trap(None)
        if not sprung.is_set():  # no order is placed: it dies now
            await kept.kill()

    async def _change(self, event: VenueChange) -> None:
        waits = EFFECTS[event.change].closings_wait
        with self._watcher.disorder() if waits else contextlib.nullcontext():
            await self._venue.play(event)

    async def _stop(self, event: Stop) -> None:
        kept = self._postgres if event.service == POSTGRES else self._kept[event.service]
        assert kept is not None, "a storm in files has no server to stop"
        with self._watcher.disorder():
            kept.freeze()
            await self._market.passed(event.beats)
            kept.thaw()

    async def _part(self, event: Partition) -> None:
        proxy = self._place.proxies[event.wire]
        with self._watcher.disorder():
            proxy.change(LinkState(event.how))
            await self._market.passed(event.beats)
            proxy.change(LinkState.UP)

    async def _add(self, event: Fault) -> None:
        request = simex_pb2.AddFaultRequest(fault=json_format.ParseDict(dict(event.fault), simex_pb2.Fault()))
        with contextlib.suppress(grpc.aio.AioRpcError):  # a venue that is down fails anyway
            await self._channels.simex.AddFault(request, timeout=_CALL_SECONDS)

    async def _set_clock(self, offset_ms: int) -> None:
        request = simex_pb2.SetClockRequest(offset_ms=offset_ms)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._channels.simex.SetClock(request, timeout=_CALL_SECONDS)

    def _span(self, lasting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(lasting)
        self._spans.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, span: asyncio.Task[None]) -> None:
        if span.cancelled() or span.exception() is None:
            self._spans.discard(span)  # any other exception is raised by `clear`

"""Polls the troubles of a run's services for the live view, across their restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

import grpc

from gridctl.view.troubles import ShownTrouble, gathered
from gridservice import clock
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import models_pb2

if TYPE_CHECKING:
    from griddeploy.channels import AsksTroubles

_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 2.0


class TroubleWatch:
    """The current troubles. A service that does not answer keeps its last ones: it may be down rather than well."""

    def __init__(self, services: "Mapping[str, AsksTroubles]") -> None:
        self._services = services
        self._found: dict[str, list[ShownTrouble]] = {}

    def of(self, symbol: str) -> list[str]:
        """One line for each trouble of the symbol, the account or a service, oldest first."""
        now_ms = clock.now_ms()
        concerned = [each for some in self._found.values() for each in some if each.symbol in ("", symbol)]
        concerned.sort(key=lambda each: (each.since_ms, each.kind))
        return [f"{each.line(now_ms)}: {each.message}" for each in concerned]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Polls the services during the block."""
        tasks = [asyncio.create_task(self._follow(name)) for name in self._services]
        try:
            yield
        finally:
            await cancel_and_wait(tasks)

    async def _follow(self, name: str) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                request = models_pb2.ListTroublesRequest()
                answer = await self._services[name].ListTroubles(request, timeout=_ANSWER_SECONDS)
                self._found[name] = gathered(name, answer.troubles)
            await asyncio.sleep(_EVERY_SECONDS)

"""Detects troubles around the orchestrator: a service that does not answer, a price that is not current.

Each service is called periodically. This also detects a process that is suspended, whose streams stay open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import grpc

from gridrpc.errors import rpc_error_of
from gridservice.clock import now_ms
from gridservice.troubles import Kind, Troubles
from orchestrator.symbol.worker import SymbolWorker

GRACE_MS = 5_000
_EVERY_SECONDS = 1.0


class PeerWatch:
    """Watches one peer. `ask` is a call that it answers in every state."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]], troubles: Troubles) -> None:
        self._name = name
        self._ask = ask
        self._troubles = troubles
        self._silent_since_ms = now_ms()
        self._told = False

    async def run(self) -> None:
        """Calls the peer once a second until cancelled."""
        while True:
            asked_ms = now_ms()
            try:
                await self._ask()
            except grpc.aio.AioRpcError as error:
                if rpc_error_of(error) is None:
                    self._silent(error)
                else:
                    self._answered(asked_ms)
            else:
                self._answered(asked_ms)
            await asyncio.sleep(_EVERY_SECONDS)

    def _answered(self, asked_ms: int) -> None:
        self._silent_since_ms = asked_ms
        self._told = False
        self._troubles.end(Kind.PEER_UNREACHABLE, subject=self._name)

    def _silent(self, error: grpc.aio.AioRpcError) -> None:
        if self._told or now_ms() - self._silent_since_ms < GRACE_MS:
            return
        self._told = True
        sentence = (
            f"the {self._name} does not answer ({error.code().name}): steps wait for it and continue once it does; "
            "check whether its process runs and what its log says last"
        )
        self._troubles.begin(Kind.PEER_UNREACHABLE, sentence, subject=self._name, since_ms=self._silent_since_ms)


class FeedWatch:
    """Watches the age of each grid's price."""

    def __init__(self, workers: Mapping[str, SymbolWorker], troubles: Troubles) -> None:
        self._workers = workers
        self._troubles = troubles
        self._stale: set[str] = set()

    async def run(self) -> None:
        """Checks once a second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_EVERY_SECONDS)

    def look(self) -> None:
        """Begins and ends troubles by the current ages."""
        stale: dict[str, tuple[int, int]] = {}
        for worker in list(self._workers.values()):
            context, limit_ms = worker.context, worker.context.config.risk.stale_price_ms
            if context.trading and context.price_age_ms > limit_ms:
                stale[context.symbol] = context.price_heard_ms(now_ms()), limit_ms
        for symbol in self._stale - stale.keys():
            self._troubles.end(Kind.FEED_STALE, symbol=symbol)
        for symbol in stale.keys() - self._stale:
            since_ms, limit_ms = stale[symbol]
            sentence = (
                f"no current price for longer than stale_price_ms = {limit_ms}: the grid is in safe mode until prices "
                "are current again; see what pricemon says of the venue"
            )
            self._troubles.begin(Kind.FEED_STALE, sentence, symbol=symbol, since_ms=since_ms)
        self._stale = set(stale)

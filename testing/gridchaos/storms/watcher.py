"""Watches a storm: compares state and oracle continuously, and measures how long recoveries take."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator

import grpc

from gridchaos.judge.invariants import Watch
from gridchaos.judge.protection import unprotected
from gridchaos.storms.deployment import LAG_MS, WINDOW_MS
from gridcore.model.ids import id_prefix
from griddeploy.channels import Channels
from griddeploy.deployment import Deployment
from gridservice.change_signal import ChangeSignal
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

UNKNOWN_MS = WINDOW_MS + LAG_MS + 10_000
_CALL_SECONDS = 1.0
_HASTE_SECONDS, _LEISURE_SECONDS = 0.05, 0.3
_ORDER = "POST order"


class Watcher:
    """Observes one grid until it is cancelled."""

    def __init__(self, channels: Channels, deployment: Deployment) -> None:
        self.watch = Watch(deployment.bot, deployment.symbols[0])
        self.protected_ms: list[int] = []
        self.unknown_ms: list[int] = []
        self.calm_unknown_ms: list[int] = []  # for each of them, the longest time without a death, a stop or a cut
        self.fills = 0  # fills of our orders on the venue
        self.struck = 0  # requests that a venue fault struck
        self.unprotected: list[str] = []  # as last seen
        self.sent: list[str] = []  # client ids of the orders that reached the venue, in the order of arrival
        self._channels = channels
        self._symbol = deployment.symbols[0]
        self._prefix = id_prefix(deployment.bot, self._symbol)
        self._received = 0
        self._disorders = 0
        self._since: float | None = None
        self._last_trouble = 0.0
        self._after_restart = False
        self._heard_of: int | None = None  # number of fills at that time
        self._unknown: dict[str, float] = {}  # since when
        self._calm: dict[str, float] = {}  # longest undisturbed time
        self._looked = ChangeSignal()

    def recover(self, *, restart: bool) -> None:
        """Records that something has come back: the time from now until the grid is protected is measured."""
        self._since = self._last_trouble = time.monotonic()
        self._after_restart = restart or self._after_restart
        self._heard_of = None

    @property
    def disordered(self) -> bool:
        """Whether a deliberate failure is in progress."""
        return self._disorders > 0

    @contextlib.contextmanager
    def disorder(self) -> Iterator[None]:
        """Marks a deliberate failure for the block: nothing is measured before it ends."""
        self._disorders += 1
        try:
            yield
        finally:
            self._disorders -= 1
            self.recover(restart=False)

    async def recovered(self, fills: int) -> None:
        """Returns once the grid is protected and has at least `fills` fills."""
        await self._looked.until(lambda: self._since is None and self.fills >= fills)

    async def look_on(self) -> None:
        """Observes until cancelled."""
        while True:
            try:
                await self._look()
            except grpc.aio.AioRpcError:
                await asyncio.sleep(_HASTE_SECONDS)
            else:
                await asyncio.sleep(_LEISURE_SECONDS if self._since is None else _HASTE_SECONDS)

    async def _look(self) -> None:
        await self._read_requests()
        request = orchestrator_pb2.GetStateRequest(symbol=self._symbol)
        words = self.watch.words
        answer = await self._channels.orchestrator.GetState(request, timeout=_CALL_SECONDS)
        truth = await self._channels.simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS)
        self.fills = sum(trade.client_order_id.startswith(self._prefix) for trade in truth.trades)
        self.watch.look(answer, truth, words)
        self._time_doubts(answer.state)
        if self._heard_of is None:
            self._heard_of = self.fills
        self.unprotected = list(unprotected(answer.state, truth, self._heard_of))
        able = answer.trading and answer.executor_reachable and not self._disorders
        if self._since is not None and able and not self.unprotected:
            if self._after_restart:
                self.protected_ms.append(round(1_000 * (time.monotonic() - self._since)))
            self._since, self._after_restart = None, False
        self._looked.beat()

    def _time_doubts(self, state: models_pb2.State) -> None:
        now = time.monotonic()
        doubtful = {
            slot.order.client_order_id
            for slot in state.slots.values()
            if slot.order.status == models_pb2.ORDER_STATUS_UNKNOWN
        }
        for client_order_id in doubtful:
            self._unknown.setdefault(client_order_id, now)
        if not self._disorders:
            for client_order_id, began in self._unknown.items():
                calm = now - max(began, self._last_trouble)
                self._calm[client_order_id] = max(calm, self._calm.get(client_order_id, 0.0))
        for client_order_id in self._unknown.keys() - doubtful:
            calm_ms = round(1_000 * self._calm.pop(client_order_id, 0.0))
            self.calm_unknown_ms.append(calm_ms)
            self.unknown_ms.append(round(1_000 * (now - self._unknown.pop(client_order_id))))
            if calm_ms > UNKNOWN_MS:
                self.watch.problems.append(f"P4: {client_order_id} was UNKNOWN for {calm_ms} ms of calm")

    async def _read_requests(self) -> None:
        while True:
            request = simex_pb2.ListReceivedRequest(after_seq=self._received)
            page = await self._channels.simex.ListReceived(request, timeout=_CALL_SECONDS)
            if page.last_seq < self._received:  # simex has restarted, and its record of requests is gone
                self._received = 0
                continue
            for each in page.requests:
                self.struck += each.fault != simex_pb2.FAULT_KIND_UNSPECIFIED
                if each.endpoint == _ORDER and each.client_order_id.startswith(self._prefix):
                    self.sent.append(each.client_order_id)
            self._received = max((each.seq for each in page.requests), default=self._received)
            if self._received >= page.last_seq:
                return

    def sent_twice(self) -> list[str]:
        """P1: orders that reached the venue more than once, accepted or not."""
        return [f"P1: {name} was sent {count} times" for name, count in Counter(self.sent).items() if count > 1]

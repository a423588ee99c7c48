"""Executor client: takes and returns core values, and retries every call until the executor answers.

All RPCs are idempotent, so a broken call is simply repeated. Only an error raised by the servicer ends the retries.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from gridcore.bookkeeping.reconcile import VenueSnapshot
from gridcore.model.actions import Action, ActionResult, OrderUpdate, Outcome
from gridcore.model.market_rules import MarketRules
from gridcore.model.slots import SlotOrder
from gridcore.model.state import ForeignOrders, Funds, State
from gridrpc.convert_orders import (
    action_from_proto,
    order_from_ledger,
    result_from_proto,
    rules_from_proto,
    update_from_proto,
)
from gridrpc.convert_state import foreign_from_proto, funds_from_proto, state_from_proto, state_to_proto
from gridrpc.errors import NotFound, OutOfRange, RpcError, Unavailable, rpc_error_of
from gridservice.backoff import backoff_seconds
from gridservice.clock import steady_ms
from gridwright.v1 import executor_pb2, executor_pb2_grpc
from orchestrator.clients.host_clock import HostClock
from orchestrator.clients.reachability import Reachability
from orchestrator.errors import StateLedgerMismatchError, SymbolRefusedError, UnfinishableError

T = TypeVar("T")

# Long enough for a read that queries the venue.
_READ_SECONDS = 15.0
_ADOPT_SECONDS = 120.0  # it waits for a request's window and the venue's lag, and reads the whole history
_PAGE = 100
BELOW_FLOOR = "BELOW_FLOOR"  # the executor's reason: the offset is below the log's floor
SYMBOL_REFUSED = "SYMBOL_REFUSED"  # the executor's reason: the venue does not list it


@dataclass(frozen=True, slots=True)
class Fenced:
    """The executor's answer when the fence is raised."""

    ledger_birth_id: str
    state_birth_id: str
    end_offset: int


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """A consistent snapshot of a symbol's ledger. `live` are the orders that have no end in its log."""

    birth_id: str
    state_birth_id: str  # empty before the first fence and during a rebuild
    epoch: int  # of the fence, 0 before the first
    floor: tuple[int, int]  # epoch and seq up to which requests may be pruned
    end_offset: int
    live: tuple[SlotOrder, ...]
    floor_offset: int = 0  # the log is pruned up to here
    checkpoint: State | None = None  # it has applied the log up to its offset, which is at or above the floor


@dataclass(frozen=True, slots=True)
class ImportedHistory:
    """Result of an import from the venue: what it no longer shows, and whether the venue's requests expire."""

    lost: tuple[str, ...]
    requests_expire: bool


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that the ledger has accepted."""

    accepted_seq: int
    request_id: str
    nothing_sent: bool  # whether every action ended NOT_SENT, which is final


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as the ledger has it, with or without results."""

    epoch: int
    accepted_time_ms: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """The venue's open orders and the ledger's orders in flight, with the log's end offset before the read."""

    snapshot: VenueSnapshot
    end_offset: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """Market rules and foreign orders of a symbol, and the funds that the account has for the grid."""

    rules: MarketRules
    foreign: ForeignOrders
    funds: Funds


class ExecutorClient:
    """Calls one executor from the asyncio loop. Each call's result is reported to `reachability`."""

    def __init__(self, channel: grpc.aio.Channel, reachability: Reachability) -> None:
        self._stub = executor_pb2_grpc.ExecutorStub(channel)
        self._peer = reachability
        self.clock = HostClock()  # the executor's

    @property
    def reachable(self) -> bool:
        """Whether it answered the last call of any client."""
        return self._peer.reachable

    async def ledger(self, symbol: str) -> LedgerSeen:
        """Returns a consistent snapshot of the symbol's ledger."""
        request = executor_pb2.GetLedgerRequest(symbol=symbol)
        ledger = await self._repeat("GetLedger", lambda: self._stub.GetLedger(request, timeout=_READ_SECONDS))
        live = tuple(order_from_ledger(order, f"live[{number}]") for number, order in enumerate(ledger.live))
        floor = (ledger.floor_epoch, ledger.floor_seq)
        return LedgerSeen(
            ledger.birth_id,
            ledger.state_birth_id,
            ledger.epoch,
            floor,
            ledger.end_offset,
            live,
            ledger.floor_offset,
            state_from_proto(ledger.checkpoint) if ledger.HasField("checkpoint") else None,
        )

    async def fence(
        self, symbol: str, epoch: int, state_birth_id: str, prefix: str, *, rebuild: bool = False
    ) -> Fenced:
        """Raises the symbol's fence and links the ledger to the state; `rebuild` replaces a link to another state.

        Raises FailedPrecondition if the fence is higher already, or for a rebuild while another orchestrator is
        connected.
        """
        request = executor_pb2.FenceRequest(
            symbol=symbol, epoch=epoch, state_birth_id=state_birth_id, prefix=prefix, rebuild=rebuild
        )
        asked_ms = steady_ms()
        answer = await self._repeat("Fence", lambda: self._stub.Fence(request, timeout=_READ_SECONDS))
        self.clock.heard(answer.time_ms, asked_ms)
        return Fenced(answer.ledger_birth_id, answer.state_birth_id, answer.end_offset)

    async def adopt(self, symbol: str, prefix: str) -> ImportedHistory:
        """Makes the ledger import our orders that it does not know from the venue. Takes up to two minutes.

        Raises FailedPrecondition while another orchestrator is connected, or if a second bot uses the prefix.
        """
        request = executor_pb2.AdoptRequest(symbol=symbol, prefix=prefix)
        answer = await self._repeat("Adopt", lambda: self._stub.Adopt(request, timeout=_ADOPT_SECONDS))
        return ImportedHistory(tuple(answer.lost), answer.requests_expire)

    async def market_rules(self, symbol: str) -> MarketRules:
        """Returns the symbol's market rules. Raises NotFound or InvalidArgument if the executor does not trade it."""
        request = executor_pb2.GetMarketRulesRequest(symbol=symbol)
        return rules_from_proto(
            await self._repeat("GetMarketRules", lambda: self._stub.GetMarketRules(request, timeout=_READ_SECONDS))
        )

    async def recorded_answer(self, request_id: str) -> tuple[ActionResult, ...] | None:
        """Returns the recorded results of a request, None if the ledger does not know it or has not finished it."""
        batch = await self._batch(request_id)
        if batch is None or not batch.complete:
            return None
        return tuple(result_from_proto(result) for result in batch.results)

    async def recorded_request(self, request_id: str) -> RecordedRequest | None:
        """Returns a recorded request, None if the ledger does not know it."""
        batch = await self._batch(request_id)
        if batch is None:
            return None
        actions = tuple(action_from_proto(action) for action in batch.actions)
        return RecordedRequest(batch.epoch, batch.accepted_time_ms, actions)

    async def _batch(self, request_id: str) -> executor_pb2.Batch | None:
        request = executor_pb2.GetBatchRequest(request_id=request_id)
        try:
            return await self._repeat("GetBatch", lambda: self._stub.GetBatch(request, timeout=_READ_SECONDS))
        except NotFound:
            return None

    async def requests_after(self, symbol: str, accepted_seq: int) -> list[KnownRequest]:
        """Returns all requests accepted after `accepted_seq`, in order."""
        found: list[KnownRequest] = []
        request = executor_pb2.ListRequestsRequest(symbol=symbol, after_seq=accepted_seq, limit=_PAGE)
        while True:
            page = await self._repeat("ListRequests", lambda: self._stub.ListRequests(request, timeout=_READ_SECONDS))
            found += [_known(batch) for batch in page.batches]
            if len(page.batches) < _PAGE:
                return found
            request.after_seq = found[-1].accepted_seq

    async def open_orders(self, symbol: str) -> OpenOrders:
        """Returns the orders that rest on the venue now, and those in flight."""
        request = executor_pb2.ListOpenOrdersRequest(symbol=symbol)
        answer = await self._repeat("ListOpenOrders", lambda: self._stub.ListOpenOrders(request, timeout=_READ_SECONDS))
        return OpenOrders(
            VenueSnapshot(
                ours=frozenset(order.client_order_id for order in answer.orders if order.ours),
                foreign=frozenset(order.client_order_id for order in answer.orders if not order.ours),
                in_flight=frozenset(order.client_order_id for order in answer.in_flight),
            ),
            answer.end_offset,
        )

    async def conditions(self, symbol: str, *, fees_doubted: bool = False) -> Conditions:
        """Returns the symbol's current conditions. `fees_doubted` makes the executor read the fees again soon."""
        request = executor_pb2.GetConditionsRequest(symbol=symbol, fees_doubted=fees_doubted)
        asked_ms = steady_ms()
        answer = await self._repeat("GetConditions", lambda: self._stub.GetConditions(request, timeout=_READ_SECONDS))
        self.clock.heard(answer.time_ms, asked_ms)
        return Conditions(
            rules_from_proto(answer.rules), foreign_from_proto(answer.foreign), funds_from_proto(answer.funds)
        )

    async def updates_until(self, symbol: str, after_offset: int, end_offset: int) -> list[OrderUpdate]:
        """Returns the update log after `after_offset`, up to and including `end_offset`."""
        found: list[OrderUpdate] = []
        if after_offset < end_offset:
            async with contextlib.aclosing(self.order_updates(symbol, after_offset)) as updates:
                async for update in updates:
                    found.append(update)
                    if update.offset >= end_offset:
                        break
        return found

    async def order_updates(
        self, symbol: str, after_offset: int, *, epoch: int = 0
    ) -> AsyncGenerator[OrderUpdate, None]:
        """Streams the update log after an offset without end, each entry once, and reconnects.

        With an epoch the caller counts as the symbol's orchestrator. Raises UnfinishableError if the log ends before
        the offset, so that it is another ledger's; StateLedgerMismatchError if the offset is below the log's floor, so
        that the state is from an old backup.
        """
        pauses = backoff_seconds()
        while True:
            request = executor_pb2.StreamOrderUpdatesRequest(symbol=symbol, after_offset=after_offset, epoch=epoch)
            try:
                async for message in self._stub.StreamOrderUpdates(request):
                    self._peer.answered()
                    pauses = backoff_seconds()
                    after_offset = message.offset
                    yield update_from_proto(message)
            except grpc.aio.AioRpcError as error:
                fault = rpc_error_of(error)
                if isinstance(fault, OutOfRange) and fault.reason == BELOW_FLOOR:
                    raise StateLedgerMismatchError(f"{symbol}: {fault.message}") from fault
                if isinstance(fault, OutOfRange):
                    raise UnfinishableError(
                        f"{symbol}: the executor's log ends before offset {after_offset}, which this state has applied "
                        f"({fault.message}): the executor runs on another or a restored ledger; give it the one it had"
                    ) from error
                if fault is not None and not isinstance(fault, Unavailable):
                    refuse_symbol(fault)
                    raise UnfinishableError(f"{symbol}: the executor refuses its log: {fault.message}") from fault
                self._peer.lost("StreamOrderUpdates", error.code())
            await asyncio.sleep(next(pauses))

    async def acknowledge(self, symbol: str, epoch: int, state: State) -> int:
        """Acknowledges the update log up to the offset of a committed state; returns the checkpoint's offset.

        Not retried, because the next acknowledgement includes it. Raises AioRpcError if it is rejected or lost.
        """
        request = executor_pb2.AckUpdatesRequest(symbol=symbol, epoch=epoch, state=state_to_proto(state))
        return (await self._stub.AckUpdates(request, timeout=_READ_SECONDS)).offset

    async def _repeat(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        for pause in backoff_seconds():
            try:
                answer = await call()
            except grpc.aio.AioRpcError as error:
                fault = rpc_error_of(error)
                if fault is not None and not isinstance(fault, Unavailable):
                    self._peer.answered()
                    refuse_symbol(fault)
                    raise _named(name, fault) from error
                self._peer.lost(name, error.code())
            else:
                self._peer.answered()
                return answer
            await asyncio.sleep(pause)
        raise AssertionError("the back-off never ends")


def _known(batch: executor_pb2.Batch) -> KnownRequest:
    outcomes = {result_from_proto(result).outcome for result in batch.results}
    return KnownRequest(batch.accepted_seq, batch.request_id, batch.complete and outcomes == {Outcome.NOT_SENT})


def refuse_symbol(fault: RpcError) -> None:
    """Raises SymbolRefusedError if the reason is SYMBOL_REFUSED, which is temporary and concerns one symbol."""
    if fault.reason == SYMBOL_REFUSED:
        raise SymbolRefusedError(fault.message) from fault


def _named(name: str, fault: RpcError) -> RpcError:
    fault.message = f"{name}: {fault.message}"
    return fault

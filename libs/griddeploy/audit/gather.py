"""Collects the audit's input: waits until nothing is in flight, then reads oracle, state, journal and log.

Grids act by themselves: a slot that waits after a refusal places again a moment later. So the input is valid only if
the states were the same before and after reading.
"""

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal

import grpc

from gridcore.model.ids import id_prefix
from griddeploy.audit.audit import Books
from griddeploy.channels import Channels
from gridwright.v1 import executor_pb2, models_pb2, orchestrator_pb2, simex_pb2

_CALL_SECONDS = 15.0
_PAUSE_SECONDS = 0.3
_UNSETTLED = frozenset({models_pb2.ORDER_STATUS_UNKNOWN, models_pb2.ORDER_STATUS_CANCELING})


@dataclass(frozen=True, slots=True)
class AuditInput:
    """The venue's oracle and our records. `settled`: nothing was in flight or changed while they were read."""

    truth: simex_pb2.Truth
    books: list[Books]
    settled: bool


async def gather_at_rest(
    channels: Channels,
    bot: str,
    symbols: tuple[str, ...],
    deadline_seconds: float,
    pause_seconds: float = _PAUSE_SECONDS,
) -> AuditInput:
    """Waits until every grid is at rest, and reads; repeats if one has changed meanwhile, up to the deadline.

    Raises AioRpcError if a service does not answer.
    """
    ends = time.monotonic() + deadline_seconds
    while True:
        before = await until_settled(channels, bot, symbols, ends - time.monotonic(), pause_seconds)
        truth, books = await gather(channels, symbols)
        settled = before == [book.state.seq for book in books] == await _seqs_at_rest(channels, bot, symbols)
        if settled or time.monotonic() >= ends:
            return AuditInput(truth, books, settled)


async def until_settled(
    channels: Channels,
    bot: str,
    symbols: tuple[str, ...],
    deadline_seconds: float,
    pause_seconds: float = _PAUSE_SECONDS,
) -> list[int] | None:
    """Waits until every grid is at rest, twice in a row with the same state. Returns the seqs; None at the deadline.

    The pause between two checks must be longer than the time in which a fill is reported.
    """
    ends = time.monotonic() + deadline_seconds
    before: list[int] | None = None
    while time.monotonic() < ends:
        now = await _seqs_at_rest(channels, bot, symbols)
        if now is not None and now == before:
            return now
        before = now
        await asyncio.sleep(pause_seconds)
    return None


async def _seqs_at_rest(channels: Channels, bot: str, symbols: tuple[str, ...]) -> list[int] | None:
    """Each state's seq; None if something is still in flight or a service does not answer."""
    try:
        truth = await channels.simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS)
        return [await _seq_at_rest(channels, bot, symbol, truth) for symbol in symbols]
    except (grpc.aio.AioRpcError, _UnderWayError):
        return None


class _UnderWayError(Exception):
    """An order or a step of the grid has not ended yet."""


async def _seq_at_rest(channels: Channels, bot: str, symbol: str, truth: simex_pb2.Truth) -> int:
    answer = await channels.orchestrator.GetState(
        orchestrator_pb2.GetStateRequest(symbol=symbol), timeout=_CALL_SECONDS
    )
    opened = await channels.executor.ListOpenOrders(
        executor_pb2.ListOpenOrdersRequest(symbol=symbol), timeout=_CALL_SECONDS
    )
    state = answer.state
    traded = sum(trade.client_order_id.startswith(id_prefix(bot, symbol)) for trade in truth.trades)
    at_rest = (
        answer.trading
        and not answer.busy
        and not opened.in_flight
        and opened.end_offset == state.event_offset
        and state.totals.fills == traded
        and not any(_under_way(slot.order) for slot in state.slots.values() if slot.HasField("order"))
    )
    if not at_rest:
        raise _UnderWayError
    return state.seq


def _under_way(order: models_pb2.SlotOrder) -> bool:
    """Whether more updates of the order will follow, also for a filled order whose end is not reported yet."""
    return order.status in _UNSETTLED or Decimal(order.executed) == Decimal(order.quantity)


async def gather(channels: Channels, symbols: tuple[str, ...]) -> tuple[simex_pb2.Truth, list[Books]]:
    """Reads the venue's oracle and our records of each grid. Raises AioRpcError if a service does not answer."""
    truth = await channels.simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS, wait_for_ready=True)
    return truth, [await _books(channels, symbol) for symbol in symbols]


async def _books(channels: Channels, symbol: str) -> Books:
    request = orchestrator_pb2.GetStateRequest(symbol=symbol)
    answer = await channels.orchestrator.GetState(request, timeout=_CALL_SECONDS, wait_for_ready=True)
    steps = [await _step(channels, symbol, seq) for seq in range(1, answer.state.seq + 1)]
    floor = await _floor(channels, symbol)
    return Books(answer.state, steps, await _log(channels, symbol, floor, answer.state.event_offset), floor)


async def _step(channels: Channels, symbol: str, seq: int) -> orchestrator_pb2.TradingStep:
    request = orchestrator_pb2.ExplainRequest(symbol=symbol, seq=seq)
    return await channels.orchestrator.Explain(request, timeout=_CALL_SECONDS, wait_for_ready=True)


async def _floor(channels: Channels, symbol: str) -> int:
    """The offset up to which the executor's log is pruned; 0 if it is complete."""
    request = executor_pb2.GetLedgerRequest(symbol=symbol)
    return (await channels.executor.GetLedger(request, timeout=_CALL_SECONDS, wait_for_ready=True)).floor_offset


async def _log(channels: Channels, symbol: str, floor: int, least: int) -> list[models_pb2.OrderUpdate]:
    """The executor's log from its first kept entry to its end, which is at `least` or later."""
    opened = await channels.executor.ListOpenOrders(
        executor_pb2.ListOpenOrdersRequest(symbol=symbol), timeout=_CALL_SECONDS, wait_for_ready=True
    )
    end = max(least, opened.end_offset)
    if end == floor:
        return []
    updates: list[models_pb2.OrderUpdate] = []
    request = executor_pb2.StreamOrderUpdatesRequest(symbol=symbol, after_offset=floor)
    call = channels.executor.StreamOrderUpdates(request, timeout=_CALL_SECONDS, wait_for_ready=True)
    async for update in call:
        updates.append(update)
        if update.offset >= end:
            break
    call.cancel()
    return updates

"""Gathers what the audit judges: waits until nothing is under way, then reads truth, state, journal and log.

Grids move by themselves: a slot that rests after a refusal places again a moment later. So what was read counts only if
the states were the same before and after.
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
    """The venue's book and ours. `settled` says that nothing was under way, and nothing moved while they were read."""

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
    """Waits until every grid is at rest, and reads; once more where one has moved meanwhile, up to the deadline.

    Raises AioRpcError where a service does not answer.
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
    """Waits until every grid is at rest, twice in a row with the same state: its seqs. None: the deadline came first.

    The pause between two looks has to be longer than what a fill takes to be heard of.
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
    """Each state's seq, None where something is still under way or a service does not answer."""
    try:
        truth = await channels.simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS)
        return [await _seq_at_rest(channels, bot, symbol, truth) for symbol in symbols]
    except (grpc.aio.AioRpcError, _UnderWayError):
        return None


class _UnderWayError(Exception):
    """Something of the grid has not come to its end yet."""


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
    """Whether more will be heard of it by itself: an order that is filled whole, and its end not told yet, too."""
    return order.status in _UNSETTLED or Decimal(order.executed) == Decimal(order.quantity)


async def gather(channels: Channels, symbols: tuple[str, ...]) -> tuple[simex_pb2.Truth, list[Books]]:
    """The venue's truth, and what we recorded of each grid. Raises AioRpcError where a service does not answer."""
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
    """The offset up to which the executor's log has been pruned, 0 where it is whole."""
    request = executor_pb2.GetLedgerRequest(symbol=symbol)
    return (await channels.executor.GetLedger(request, timeout=_CALL_SECONDS, wait_for_ready=True)).floor_offset


async def _log(channels: Channels, symbol: str, floor: int, least: int) -> list[models_pb2.OrderUpdate]:
    """The executor's log from what was not pruned to its end, which is at `least` or beyond."""
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

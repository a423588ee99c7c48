"""Prometheus metrics of the orchestrator and of each grid."""

from collections import Counter
from collections.abc import Iterator, Mapping

from gridcore.model.slots import SlotStatus
from gridcore.model.state import Mode
from gridcore.risk.rules import unknown_orders
from gridrpc.database_health import Watched
from gridservice.clock import now_ms
from gridservice.metrics import Metric
from gridservice.troubles import Troubles
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.worker import SymbolWorker


def metrics(
    workers: Mapping[str, SymbolWorker],
    executor: ExecutorClient,
    prices: PriceClient,
    databases: Watched,
    troubles: Troubles,
) -> Iterator[Metric]:
    """Yields all metrics, from memory: they stay available during an outage of a database or a peer."""
    yield Metric("database_up", "1 while the database can be used", not databases.away)
    up = "1 while the last call to this service was answered"
    yield Metric("peer_up", up, executor.reachable, {"peer": "executor"})
    yield Metric("peer_up", up, prices.reachable, {"peer": "pricemon"})
    yield from troubles.figures()
    for worker in list(workers.values()):
        yield from _of_grid(worker.context)


def _of_grid(context: SymbolContext) -> Iterator[Metric]:
    state, symbol = context.state, {"symbol": context.symbol}
    for mode in Mode:
        yield Metric("mode", "1 at the grid's mode", state.risk.mode is mode, {**symbol, "mode": mode.value})
    statuses = Counter(slot.status for slot in state.slots.values())
    for status in SlotStatus:
        yield Metric("slots", "slots in this status", statuses[status], {**symbol, "status": status.value})
    doubts = unknown_orders(state)
    since_ms = min((order.decided_ms for order in doubts if order.decided_ms), default=now_ms())
    yield Metric("unknown_orders", "orders whose outcome is not known", len(doubts), symbol)
    yield Metric("oldest_unknown_seconds", "age of the oldest of them, 0 without", _seconds(since_ms), symbol)
    yield Metric("price_age_seconds", "since the feed last proved the price", context.price_age_ms / 1000, symbol)
    yield Metric("steps", "committed steps", state.seq, symbol, counts=True)
    yield Metric("updates", "order updates applied", state.event_offset, symbol, counts=True)
    yield Metric("fills", "fills applied", state.totals.fills, symbol, counts=True)
    yield Metric("rounds", "positions opened and closed", state.totals.rounds, symbol, counts=True)
    yield Metric("rejects", "the most that one slot was refused in a row", state.risk.rejects, symbol)
    yield Metric("position_base", "what the grid holds, in base", float(state.totals.position), symbol)
    yield Metric("realised_pnl_quote", "profit of what was closed, in quote", float(state.totals.realised_pnl), symbol)
    yield Metric("foreign_orders", "open orders in the market that are not ours", state.foreign.orders, symbol)


def _seconds(since_ms: int) -> float:
    return max(0, now_ms() - since_ms) / 1000

"""What the orchestrator tells of itself and of each grid at its metrics address."""

from collections import Counter
from collections.abc import Iterator, Mapping

from gridcore.model.slots import SlotStatus
from gridcore.model.state import Mode
from gridcore.risk.rules import unknown_orders
from gridrpc.database_health import Watched
from gridservice.metrics import Figure
from gridservice.troubles import Troubles
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient
from orchestrator.clock import now_ms
from orchestrator.symbol.context import Desk
from orchestrator.symbol.worker import Team


def figures(
    teams: Mapping[str, Team], executor: ExecutorClient, prices: PriceClient, databases: Watched, troubles: Troubles
) -> Iterator[Figure]:
    """Read from memory, so that they are told while a database or a peer is away."""
    yield Figure("database_up", "1 while the database can be used", not databases.away)
    up = "1 while the last call to this service was answered"
    yield Figure("peer_up", up, executor.reachable, {"peer": "executor"})
    yield Figure("peer_up", up, prices.reachable, {"peer": "pricemon"})
    yield from troubles.figures()
    for team in list(teams.values()):
        yield from _of_grid(team.desk)


def _of_grid(desk: Desk) -> Iterator[Figure]:
    state, symbol = desk.state, {"symbol": desk.symbol}
    for mode in Mode:
        yield Figure("mode", "1 at the grid's mode", state.risk.mode is mode, {**symbol, "mode": mode.value})
    statuses = Counter(slot.status for slot in state.slots.values())
    for status in SlotStatus:
        yield Figure("slots", "slots in this status", statuses[status], {**symbol, "status": status.value})
    doubts = unknown_orders(state)
    since_ms = min((order.decided_ms for order in doubts if order.decided_ms), default=now_ms())
    yield Figure("unknown_orders", "orders whose outcome is not known", len(doubts), symbol)
    yield Figure("oldest_unknown_seconds", "age of the oldest of them, 0 without", _seconds(since_ms), symbol)
    yield Figure("price_age_seconds", "since the feed last proved the price", desk.price_age_ms / 1000, symbol)
    yield Figure("steps", "committed steps", state.seq, symbol, counts=True)
    yield Figure("updates", "order updates applied", state.event_offset, symbol, counts=True)
    yield Figure("fills", "fills applied", state.totals.fills, symbol, counts=True)
    yield Figure("rounds", "positions opened and closed", state.totals.rounds, symbol, counts=True)
    yield Figure("rejects", "the most that one slot was refused in a row", state.risk.rejects, symbol)
    yield Figure("position_base", "what the grid holds, in base", float(state.totals.position), symbol)
    yield Figure("realised_pnl_quote", "profit of what was closed, in quote", float(state.totals.realised_pnl), symbol)
    yield Figure("foreign_orders", "open orders in the market that are not ours", state.foreign.orders, symbol)


def _seconds(since_ms: int) -> float:
    return max(0, now_ms() - since_ms) / 1000

"""Import of orders and trades from the venue into a ledger that was lost or restored from a backup.

Trades are logged in the venue's order, and each order's end right after its last trade. So each order of a slot has
ended in the log before the next one fills.
"""

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from executor.ledger import orders, requests, transitions, updates
from executor.ledger.action_status import ActionEvent
from executor.ledger.schema import orders as orders_table
from executor.venue.port import VenueOrder, VenueTrade
from gridcore.model.actions import ActionResult, Outcome
from gridcore.model.ids import parse_client_order_id
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus, Role


def adopt(
    connection: sa.Connection, seen: Sequence[VenueOrder], trades: Sequence[VenueTrade], now_ms: int
) -> tuple[int, int]:
    """Imports our orders and their trades, oldest first. Returns how many of each were new.

    Orders that ended without a trade are skipped, and so are those that the ledger has pruned. The end of an order is
    logged only once all of its trades are: an order that lacks one stays open here, and the poll resolves it.
    """
    forgotten = _forgotten(connection, seen, trades)
    by_id = {
        order.exchange_order_id: order
        for order in seen
        if (order.executed > 0 or not order.status.ended) and order.exchange_order_id not in forgotten
    }
    new_orders = sum(_take(connection, order, now_ms) for order in by_id.values())
    left = Counter(trade.exchange_order_id for trade in trades)
    new_trades = 0
    for trade in trades:
        owner = by_id.get(trade.exchange_order_id)
        if owner is None:
            continue
        new_trades += updates.append_trade(connection, trade, owner.client_order_id, now_ms)
        left[trade.exchange_order_id] -= 1
        if owner.status.ended and not left[trade.exchange_order_id]:
            updates.append_end(connection, owner.client_order_id, owner, now_ms)
    return new_orders, new_trades


def _forgotten(connection: sa.Connection, seen: Sequence[VenueOrder], trades: Sequence[VenueTrade]) -> set[str]:
    """Returns the exchange ids of ended orders that the ledger has pruned: all of their trades are logged."""
    ended = [order for order in seen if order.status.ended]
    unknown = [order for order in ended if orders.by_client_id(connection, order.client_order_id) is None]
    shown = Counter(trade.exchange_order_id for trade in trades)
    logged = Counter(trade.exchange_order_id for trade in trades if updates.has_trade(connection, trade))
    return {
        order.exchange_order_id
        for order in unknown
        if shown[order.exchange_order_id] == logged[order.exchange_order_id] > 0
    }


def _take(connection: sa.Connection, seen: VenueOrder, now_ms: int) -> bool:
    """Records the order as open. An order that a backup has as INTENT was sent after the backup."""
    known = orders.by_client_id(connection, seen.client_order_id)
    if known is None:
        _insert(connection, seen)
        return True
    if known.status is None:
        place = requests.place_of(connection, known.request_id, known.client_order_id)
        result = ActionResult(
            place.index,
            known.client_order_id,
            Outcome.ACCEPTED,
            seen.exchange_order_id,
            message="found on the venue after a loss of the ledger",
            recorded_time_ms=now_ms,
        )
        transitions.move(connection, place, ActionEvent.ANSWER, result=result)
        orders.set_status(connection, known.client_order_id, OrderStatus.OPEN, exchange_order_id=seen.exchange_order_id)
    return False


def _insert(connection: sa.Connection, seen: VenueOrder) -> None:
    name = parse_client_order_id(seen.client_order_id)
    assert name is not None, "only orders of ours are taken over"
    connection.execute(
        sa.insert(orders_table).values(
            client_order_id=seen.client_order_id,
            symbol=seen.symbol,
            exchange_order_id=seen.exchange_order_id,
            side=seen.side.value,
            role=name.role.value,
            slot=canonical(seen.price) if name.role is Role.OPENING else "",  # a closing order's price is not its key
            price=canonical(seen.price),
            quantity=canonical(seen.quantity),
            executed="0",
            status=OrderStatus.OPEN.value,
            request_id="",  # lost with the old ledger
            ended_ms=0,
        )
    )

"""Read model of orders: their send time and the operator statement that resolved them.

The ledger view of a symbol has all of its live orders; a state is compared with it.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from executor.ledger import checkpoints, fences, operator_evidence, orders, requests, updates
from executor.ledger.checkpoints import Checkpoint
from executor.ledger.fences import FenceRecord
from executor.ledger.operator_evidence import RecordedStatement
from executor.ledger.orders import OrderRecord
from gridcore.model.orders import OrderStatus


@dataclass(frozen=True, slots=True)
class OrderView:
    """`sent_ms` is the signed venue time (ms), 0 before sending."""

    order: OrderRecord
    sent_ms: int
    word: RecordedStatement | None


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Consistent snapshot of a symbol's ledger.

    `fence` is None before the first; `live` are the orders without a recorded end. `checkpoint` is None until an
    orchestrator has acknowledged the log.
    """

    fence: FenceRecord | None
    end_offset: int
    live: list[OrderView]
    checkpoint: Checkpoint | None


def view(connection: sa.Connection, symbol: str) -> LedgerView:
    """Returns what a state of this symbol has to agree with. Orders that were never sent are not part of it."""
    doubted = [order for order in orders.in_flight(connection, symbol) if order.status is OrderStatus.UNKNOWN]
    live = [_view_of(connection, order) for order in [*orders.on_venue(connection, symbol), *doubted]]
    return LedgerView(
        fences.read(connection, symbol),
        updates.end_offset(connection, symbol),
        live,
        checkpoints.read(connection, symbol),
    )


def find(connection: sa.Connection, client_order_id: str) -> OrderView | None:
    """Returns an order with its details, None if it is not in the ledger."""
    order = orders.by_client_id(connection, client_order_id)
    return None if order is None else _view_of(connection, order)


def in_flight(connection: sa.Connection, symbol: str) -> list[OrderView]:
    """Returns the orders that are intents, being sent, or UNKNOWN."""
    return [_view_of(connection, order) for order in orders.in_flight(connection, symbol)]


def _view_of(connection: sa.Connection, order: OrderRecord) -> OrderView:
    word = operator_evidence.of_order(connection, order.client_order_id)
    if not order.request_id:  # imported: sender and time were lost with another ledger
        return OrderView(order, 0, word)
    place = requests.place_of(connection, order.request_id, order.client_order_id)
    return OrderView(order, place.timestamp_ms, word)

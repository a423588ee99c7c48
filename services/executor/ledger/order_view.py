"""An order of ours with what the ledger knows besides: when it was sent, and the operator's word that resolved it.

Of all of a symbol's orders the ledger's view is made, which a state is held against.
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
    """`sent_ms` is the venue's time that was signed, 0 before."""

    order: OrderRecord
    sent_ms: int
    word: RecordedStatement | None


@dataclass(frozen=True, slots=True)
class LedgerView:
    """A symbol's ledger at one moment. `fence` is None before the first; `live` are orders without a recorded end.

    `checkpoint` is None until an orchestrator has acknowledged the log.
    """

    fence: FenceRecord | None
    end_offset: int
    live: list[OrderView]
    checkpoint: Checkpoint | None


def view(connection: sa.Connection, symbol: str) -> LedgerView:
    """What a state of this symbol has to agree with. Orders that were never sent are no part of it."""
    doubted = [order for order in orders.in_flight(connection, symbol) if order.status is OrderStatus.UNKNOWN]
    live = [_view_of(connection, order) for order in [*orders.on_venue(connection, symbol), *doubted]]
    return LedgerView(
        fences.read(connection, symbol),
        updates.end_offset(connection, symbol),
        live,
        checkpoints.read(connection, symbol),
    )


def find(connection: sa.Connection, client_order_id: str) -> OrderView | None:
    """The story of an order, None where it is not the ledger's."""
    order = orders.by_client_id(connection, client_order_id)
    return None if order is None else _view_of(connection, order)


def in_flight(connection: sa.Connection, symbol: str) -> list[OrderView]:
    """Those of the orders that are intents, being sent, or UNKNOWN."""
    return [_view_of(connection, order) for order in orders.in_flight(connection, symbol)]


def _view_of(connection: sa.Connection, order: OrderRecord) -> OrderView:
    word = operator_evidence.of_order(connection, order.client_order_id)
    if not order.request_id:  # adopted: who sent it, and when, went with another ledger
        return OrderView(order, 0, word)
    place = requests.place_of(connection, order.request_id, order.client_order_id)
    return OrderView(order, place.timestamp_ms, word)

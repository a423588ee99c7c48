"""Our orders in the ledger, by client order id and by exchange order id."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from executor.ledger.acceptance import INTENT_ORDER
from executor.ledger.schema import orders
from gridcore.model.orders import ENDED, OrderStatus, Role, Side

_ENDED_VALUES = {status.value for status in ENDED}


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order of ours. `status` is None before it is sent; `executed` sums the recorded fills."""

    client_order_id: str
    symbol: str
    exchange_order_id: str
    side: Side
    role: Role
    slot: str
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus | None
    request_id: str

    @property
    def ended(self) -> bool:
        """Whether its end is recorded."""
        return self.status is not None and self.status.ended


def by_client_id(connection: sa.Connection, client_order_id: str) -> OrderRecord | None:
    """Returns the order with this client order id, None if it is not in the ledger."""
    row = connection.execute(sa.select(orders).where(orders.c.client_order_id == client_order_id)).first()
    return None if row is None else _record(row)


def by_exchange_id(connection: sa.Connection, symbol: str, exchange_order_id: str) -> OrderRecord | None:
    """Returns the order with this exchange order id, None if the ledger does not know one."""
    row = connection.execute(
        sa.select(orders).where(orders.c.symbol == symbol, orders.c.exchange_order_id == exchange_order_id)
    ).first()
    return None if row is None else _record(row)


def on_venue(connection: sa.Connection, symbol: str) -> list[OrderRecord]:
    """Returns the orders of a symbol that are on the book according to the ledger."""
    rows = connection.execute(
        sa.select(orders).where(orders.c.symbol == symbol, orders.c.status == OrderStatus.OPEN.value)
    ).all()
    return [_record(row) for row in rows]


def all_on_venue(connection: sa.Connection) -> dict[str, list[OrderRecord]]:
    """Returns the same for every symbol."""
    found: dict[str, list[OrderRecord]] = {}
    for row in connection.execute(sa.select(orders).where(orders.c.status == OrderStatus.OPEN.value)):
        record = _record(row)
        found.setdefault(record.symbol, []).append(record)
    return found


def still_on_venue(connection: sa.Connection, records: list[OrderRecord]) -> list[OrderRecord]:
    """Returns those of the records that are still on the book, in their current form."""
    names = {record.client_order_id for record in records}
    symbols = {record.symbol for record in records}
    return [one for symbol in symbols for one in on_venue(connection, symbol) if one.client_order_id in names]


def in_flight(connection: sa.Connection, symbol: str) -> list[OrderRecord]:
    """Returns orders that are intents, being sent, or UNKNOWN."""
    rows = connection.execute(
        sa.select(orders).where(
            orders.c.symbol == symbol, orders.c.status.in_([INTENT_ORDER, OrderStatus.UNKNOWN.value])
        )
    ).all()
    return [_record(row) for row in rows]


def known_names(connection: sa.Connection, client_order_ids: list[str]) -> set[str]:
    """Returns those of the client order ids that are in the ledger."""
    rows = connection.execute(sa.select(orders.c.client_order_id).where(orders.c.client_order_id.in_(client_order_ids)))
    return set(rows.scalars())


def set_status(
    connection: sa.Connection,
    client_order_id: str,
    status: OrderStatus,
    *,
    exchange_order_id: str = "",
    ended_ms: int = 0,
) -> None:
    """Updates the status of an order that has not ended; an ended one is unchanged. A known exchange id is kept."""
    values: dict[str, object] = {"status": status.value, "ended_ms": ended_ms}
    if exchange_order_id:
        values["exchange_order_id"] = exchange_order_id
    connection.execute(
        sa.update(orders)
        .where(orders.c.client_order_id == client_order_id, orders.c.status.not_in(_ENDED_VALUES))
        .values(values)
    )


def learn_exchange_id(connection: sa.Connection, client_order_id: str, exchange_order_id: str) -> None:
    """Stores the exchange order id, learned from the stream or a look-up."""
    connection.execute(
        sa.update(orders)
        .where(orders.c.client_order_id == client_order_id, orders.c.exchange_order_id == "")
        .values(exchange_order_id=exchange_order_id)
    )


def _record(row: sa.Row[Any]) -> OrderRecord:
    return OrderRecord(
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        exchange_order_id=row.exchange_order_id,
        side=Side(row.side),
        role=Role(row.role),
        slot=row.slot,
        price=Decimal(row.price),
        quantity=Decimal(row.quantity),
        executed=Decimal(row.executed),
        status=None if row.status == INTENT_ORDER else OrderStatus(row.status),
        request_id=row.request_id,
    )

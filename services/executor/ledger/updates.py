"""The update log: one per symbol, append-only, offsets from 1 without gaps, each trade once for ever.

There is one writer, so the next offset is the last one plus one, and offsets are given in commit order.
"""

from typing import Any

import sqlalchemy as sa

from executor.ledger import codec, orders
from executor.ledger.schema import fills, updates
from executor.ledger.schema import orders as orders_table
from executor.ports import VenueOrder, VenueTrade
from gridcore.actions import Fill, OrderUpdate
from gridcore.money import canonical
from gridcore.orders import OrderStatus, Side


def append_trade(connection: sa.Connection, trade: VenueTrade, client_order_id: str, now_ms: int) -> bool:
    """Appends the trade of an order of ours unless it is in the log. Returns whether it was new."""
    key = (fills.c.symbol == trade.symbol, fills.c.trade_id == trade.fill.trade_id)
    if connection.execute(sa.select(fills.c.offset).where(*key)).first() is not None:
        return False
    order = orders.by_client_id(connection, client_order_id)
    assert order is not None
    orders.learn_exchange_id(connection, client_order_id, trade.exchange_order_id)
    offset = _append(connection, order, trade.exchange_order_id, trade.fill, trade.time_ms, now_ms)
    connection.execute(sa.insert(fills).values(symbol=trade.symbol, trade_id=trade.fill.trade_id, offset=offset))
    connection.execute(
        sa.update(orders_table)
        .where(orders_table.c.client_order_id == client_order_id)
        .values(executed=canonical(order.executed + trade.fill.quantity))
    )
    return True


def append_end(connection: sa.Connection, client_order_id: str, seen: VenueOrder, now_ms: int) -> bool:
    """Appends an order's end, if all its trades are in the log and its end is not. Returns whether it has its end."""
    order = orders.by_client_id(connection, client_order_id)
    assert order is not None
    if order.ended:
        return True
    if order.executed != seen.executed:
        return False
    orders.set_status(
        connection, client_order_id, seen.status, exchange_order_id=seen.exchange_order_id, ended_ms=now_ms
    )
    _append(connection, order, seen.exchange_order_id, seen.status, seen.updated_ms, now_ms)
    return True


def append_found_open(connection: sa.Connection, client_order_id: str, seen: VenueOrder, now_ms: int) -> None:
    """Appends that an order whose outcome was UNKNOWN rests on the book."""
    order = orders.by_client_id(connection, client_order_id)
    assert order is not None
    if order.ended:
        return
    orders.set_status(connection, client_order_id, OrderStatus.OPEN, exchange_order_id=seen.exchange_order_id)
    _append(connection, order, seen.exchange_order_id, OrderStatus.OPEN, seen.updated_ms, now_ms)


def append_not_placed(connection: sa.Connection, client_order_id: str, now_ms: int) -> None:
    """Appends that evidence says the order never reached the book."""
    order = orders.by_client_id(connection, client_order_id)
    assert order is not None
    if order.ended:
        return
    orders.set_status(connection, client_order_id, OrderStatus.NOT_PLACED, ended_ms=now_ms)
    _append(connection, order, "", OrderStatus.NOT_PLACED, 0, now_ms)


def append_gone(connection: sa.Connection, order: orders.OrderRecord, now_ms: int) -> None:
    """Appends that an open order has ended, as it was last known: the venue shows it no more."""
    orders.set_status(connection, order.client_order_id, OrderStatus.CANCELED, ended_ms=now_ms)
    _append(connection, order, order.exchange_order_id, OrderStatus.CANCELED, 0, now_ms)


def end_offset(connection: sa.Connection, symbol: str) -> int:
    """The last offset of the symbol's log, 0 where it is empty."""
    found: int = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(updates.c.offset), 0)).where(updates.c.symbol == symbol)
    ).scalar_one()
    return found


def page(connection: sa.Connection, symbol: str, after_offset: int, limit: int) -> list[OrderUpdate]:
    """Entries after an offset, in offset order."""
    rows = connection.execute(
        sa.select(updates)
        .where(updates.c.symbol == symbol, updates.c.offset > after_offset)
        .order_by(updates.c.offset)
        .limit(limit)
    ).all()
    return [_update(row) for row in rows]


def fills_page(connection: sa.Connection, symbol: str, after_offset: int, limit: int) -> list[OrderUpdate]:
    """The fills among the entries after an offset, in offset order."""
    rows = connection.execute(
        sa.select(updates)
        .join(fills, sa.and_(fills.c.symbol == updates.c.symbol, fills.c.offset == updates.c.offset))
        .where(updates.c.symbol == symbol, updates.c.offset > after_offset)
        .order_by(updates.c.offset)
        .limit(limit)
    ).all()
    return [_update(row) for row in rows]


def _append(
    connection: sa.Connection,
    order: orders.OrderRecord,
    exchange_order_id: str,
    news: Fill | OrderStatus,
    venue_time_ms: int,
    now_ms: int,
) -> int:
    offset = end_offset(connection, order.symbol) + 1
    connection.execute(
        sa.insert(updates).values(
            symbol=order.symbol,
            offset=offset,
            client_order_id=order.client_order_id,
            exchange_order_id=exchange_order_id,
            side=order.side.value,
            venue_time_ms=venue_time_ms,
            recorded_ms=now_ms,
            news=codec.write_news(news),
        )
    )
    return offset


def _update(row: sa.Row[Any]) -> OrderUpdate:
    return OrderUpdate(
        symbol=row.symbol,
        offset=row.offset,
        client_order_id=row.client_order_id,
        exchange_order_id=row.exchange_order_id,
        side=Side(row.side),
        news=codec.read_news(row.news),
        venue_time_ms=row.venue_time_ms,
        recorded_time_ms=row.recorded_ms,
    )

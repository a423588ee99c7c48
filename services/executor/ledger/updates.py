"""Update log: one per symbol, append-only, offsets from 1 without gaps, each trade at most once.

Its beginning may have been pruned, up to its floor. The keys of its trades and the offsets are kept.

There is one writer, so the next offset is the last one plus one, and offsets follow the commit order.
"""

from typing import Any

import sqlalchemy as sa

from executor.ledger import codec, orders
from executor.ledger.schema import checkpoints, fills, updates
from executor.ledger.schema import orders as orders_table
from executor.venue.port import VenueOrder, VenueTrade
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus, Side
from gridrpc.errors import OutOfRange

BELOW_FLOOR = "BELOW_FLOOR"  # the reason if the requested entries have been pruned


def append_trade(connection: sa.Connection, trade: VenueTrade, client_order_id: str, now_ms: int) -> bool:
    """Appends the trade of an order of ours unless it is in the log. Returns whether it was new."""
    if has_trade(connection, trade):
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


def has_trade(connection: sa.Connection, trade: VenueTrade) -> bool:
    """Returns whether the trade was logged, even if its entry has been pruned."""
    key = (fills.c.symbol == trade.symbol, fills.c.trade_id == trade.fill.trade_id)
    return connection.execute(sa.select(fills.c.offset).where(*key)).first() is not None


def append_end(connection: sa.Connection, client_order_id: str, seen: VenueOrder, now_ms: int) -> bool:
    """Appends an order's end if all its trades are in the log and its end is not. Returns whether the end is logged."""
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
    """Appends that the order never reached the book, as evidence shows."""
    order = orders.by_client_id(connection, client_order_id)
    assert order is not None
    if order.ended:
        return
    orders.set_status(connection, client_order_id, OrderStatus.NOT_PLACED, ended_ms=now_ms)
    _append(connection, order, "", OrderStatus.NOT_PLACED, 0, now_ms)


def append_gone(connection: sa.Connection, order: orders.OrderRecord, now_ms: int) -> None:
    """Appends that an open order has ended with what is known of it: the venue no longer shows it."""
    orders.set_status(connection, order.client_order_id, OrderStatus.CANCELED, ended_ms=now_ms)
    _append(connection, order, order.exchange_order_id, OrderStatus.CANCELED, 0, now_ms)


def end_offset(connection: sa.Connection, symbol: str) -> int:
    """Returns the last offset of the symbol's log, pruned or not; 0 before the first."""
    newest = sa.select(sa.func.max(updates.c.offset)).where(updates.c.symbol == symbol).scalar_subquery()
    found: int = connection.execute(sa.select(sa.func.coalesce(newest, _floor_of(symbol), 0))).scalar_one()
    return found


def floor_offset(connection: sa.Connection, symbol: str) -> int:
    """Returns the last offset that was pruned, 0 if the log is complete."""
    found: int = connection.execute(sa.select(sa.func.coalesce(_floor_of(symbol), 0))).scalar_one()
    return found


def page(connection: sa.Connection, symbol: str, after_offset: int, limit: int) -> list[OrderUpdate]:
    """Returns entries after an offset, in offset order. Raises OutOfRange if some of them have been pruned."""
    rows = connection.execute(
        sa.select(updates)
        .where(updates.c.symbol == symbol, updates.c.offset > after_offset)
        .order_by(updates.c.offset)
        .limit(limit)
    ).all()
    if not rows or rows[0].offset != after_offset + 1:  # the log has no gaps
        _refuse_below_floor(connection, symbol, after_offset)
    return [_update(row) for row in rows]


def fills_page(connection: sa.Connection, symbol: str, after_offset: int, limit: int) -> list[OrderUpdate]:
    """Returns the fills after an offset, in offset order. Raises OutOfRange if some entries have been pruned."""
    _refuse_below_floor(connection, symbol, after_offset)
    rows = connection.execute(
        sa.select(updates)
        .join(fills, sa.and_(fills.c.symbol == updates.c.symbol, fills.c.offset == updates.c.offset))
        .where(updates.c.symbol == symbol, updates.c.offset > after_offset)
        .order_by(updates.c.offset)
        .limit(limit)
    ).all()
    return [_update(row) for row in rows]


def _floor_of(symbol: str) -> sa.ScalarSelect[int]:
    return sa.select(checkpoints.c.floor_offset).where(checkpoints.c.symbol == symbol).scalar_subquery()


def _refuse_below_floor(connection: sa.Connection, symbol: str, after_offset: int) -> None:
    floor = floor_offset(connection, symbol)
    if after_offset < floor:
        raise OutOfRange(
            f"after_offset = {after_offset}: the log of {symbol} is pruned up to {floor}; the reader is from an older "
            "backup, or has never read: begin with the checkpoint that GetLedger returns",
            reason=BELOW_FLOOR,
            floor_offset=str(floor),
        )


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

"""Retention: prunes finished requests and acknowledged log entries after a while, and records a floor for each.

Below its floor a pruned request is refused and never executed again, and a reader of pruned entries gets an error.
"""

import itertools

import sqlalchemy as sa

from executor.ledger import fences
from executor.ledger.action_status import ActionStatus
from executor.ledger.schema import actions, checkpoints, orders, requests, updates
from executor.ledger.schema import fences as fences_table

_MOST_AT_ONCE = 200  # so that no result waits long behind it


def prune(connection: sa.Connection, before_ms: int) -> int:
    """Deletes requests accepted before a local time whose actions are done and whose orders have ended by then.

    Returns how many. A symbol's newest request is kept, however old. Its caller may be down and may not have read the
    results; only the next request proves that it has.
    """
    later = requests.alias()
    newest = sa.select(sa.func.max(later.c.accepted_seq)).where(later.c.symbol == requests.c.symbol).scalar_subquery()
    unfinished = sa.select(actions.c.accepted_seq).where(actions.c.status != ActionStatus.DONE.value)
    live = sa.select(orders.c.request_id).where(sa.or_(orders.c.ended_ms == 0, orders.c.ended_ms >= before_ms))
    rows = connection.execute(
        sa.select(requests.c.accepted_seq, requests.c.request_id, requests.c.symbol)
        .join(fences_table, fences_table.c.symbol == requests.c.symbol)  # the fence stores the floor
        .where(
            requests.c.accepted_ms < before_ms,
            requests.c.accepted_seq < newest,
            requests.c.accepted_seq.not_in(unfinished),
            requests.c.request_id.not_in(live),
        )
        .order_by(requests.c.accepted_seq)
        .limit(_MOST_AT_ONCE)
    ).all()
    for row in rows:
        fences.lift_floor(connection, row.symbol, row.request_id)
        connection.execute(sa.delete(orders).where(orders.c.request_id == row.request_id))
        connection.execute(sa.delete(requests).where(requests.c.accepted_seq == row.accepted_seq))
    return len(rows)


def prune_log(connection: sa.Connection, before_ms: int) -> int:
    """Deletes the beginning of each update log: entries that its checkpoint has applied, recorded before a local time.

    Returns how many entries. The keys of the fills are kept, so that no trade is ever logged again.
    """
    marks = connection.execute(sa.select(checkpoints.c.symbol, checkpoints.c.offset)).all()
    return sum(_prune_beginning(connection, mark.symbol, mark.offset, before_ms) for mark in marks)


def _prune_beginning(connection: sa.Connection, symbol: str, acknowledged: int, before_ms: int) -> int:
    rows = connection.execute(
        sa.select(updates.c.offset, updates.c.recorded_ms)
        .where(updates.c.symbol == symbol, updates.c.offset <= acknowledged)
        .order_by(updates.c.offset)
        .limit(_MOST_AT_ONCE)
    ).all()
    old = list(itertools.takewhile(lambda row: row.recorded_ms < before_ms, rows))  # clocks jump; no gaps are made
    if old:
        floor = old[-1].offset
        connection.execute(sa.update(checkpoints).where(checkpoints.c.symbol == symbol).values(floor_offset=floor))
        connection.execute(sa.delete(updates).where(updates.c.symbol == symbol, updates.c.offset <= floor))
    return len(old)

"""Retention: finished requests go after a while; a floor stays, so that a forgotten one is refused and never run."""

import sqlalchemy as sa

from executor.ledger import fences
from executor.ledger.life import ActionStatus
from executor.ledger.schema import actions, orders, requests
from executor.ledger.schema import fences as fences_table

_MOST_AT_ONCE = 200  # so that no answer waits long behind it


def prune(connection: sa.Connection, before_ms: int) -> int:
    """Deletes requests accepted before a local time whose actions are done and whose orders have ended by then.

    Returns how many. A symbol's newest request stays, however old: its caller may be down and may not have collected
    the answers, while the next request proves that it has. The update log stays whole: readers resume from any offset.
    """
    later = requests.alias()
    newest = sa.select(sa.func.max(later.c.accepted_seq)).where(later.c.symbol == requests.c.symbol).scalar_subquery()
    unfinished = sa.select(actions.c.accepted_seq).where(actions.c.status != ActionStatus.DONE.value)
    live = sa.select(orders.c.request_id).where(sa.or_(orders.c.ended_ms == 0, orders.c.ended_ms >= before_ms))
    rows = connection.execute(
        sa.select(requests.c.accepted_seq, requests.c.request_id, requests.c.symbol)
        .join(fences_table, fences_table.c.symbol == requests.c.symbol)  # the floor is kept with the fence
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

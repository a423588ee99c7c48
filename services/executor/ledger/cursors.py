"""How far the poll has read each symbol's trades; what lies before a cursor is in the log or is foreign."""

import sqlalchemy as sa

from executor.ledger.schema import cursors, meta
from executor.venue.port import TradeCursor

# The ledger's birth is told by our clock and trades by the venue's, which may be behind it. What the slack brings in
# besides is foreign, and is looked up once.
_CLOCK_SLACK_MS = 60_000


def read(connection: sa.Connection, symbol: str) -> TradeCursor:
    """Where to read on; at first, from a little before the ledger's birth."""
    row = connection.execute(sa.select(cursors).where(cursors.c.symbol == symbol)).first()
    if row is not None:
        return TradeCursor(row.after_id, row.since_ms)
    born_ms: int = connection.execute(sa.select(meta.c.born_ms)).scalar_one()
    return TradeCursor("", born_ms - _CLOCK_SLACK_MS)


def advance(connection: sa.Connection, symbol: str, cursor: TradeCursor) -> None:
    """Reads on from here the next time."""
    values = {"after_id": cursor.after_id, "since_ms": cursor.since_ms}
    changed = connection.execute(sa.update(cursors).where(cursors.c.symbol == symbol).values(values)).rowcount
    if changed == 0:
        connection.execute(sa.insert(cursors).values(symbol=symbol, **values))

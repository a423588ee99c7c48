"""Cursors of the polls: how far each symbol's trades were read. Trades before the cursor are in the log or foreign."""

import sqlalchemy as sa

from executor.ledger.schema import cursors, meta
from executor.venue.port import TradeCursor

# The ledger's birth time comes from our clock and trade times from the venue's, which may be behind. The slack covers
# that. Trades that it brings in additionally are foreign and are looked up once.
_CLOCK_SLACK_MS = 60_000


def read(connection: sa.Connection, symbol: str) -> TradeCursor:
    """Returns the cursor; before the first read, a time slightly before the ledger's birth."""
    row = connection.execute(sa.select(cursors).where(cursors.c.symbol == symbol)).first()
    if row is not None:
        return TradeCursor(row.after_id, row.since_ms)
    born_ms: int = connection.execute(sa.select(meta.c.born_ms)).scalar_one()
    return TradeCursor("", born_ms - _CLOCK_SLACK_MS)


def advance(connection: sa.Connection, symbol: str, cursor: TradeCursor) -> None:
    """Stores the cursor for the next read."""
    values = {"after_id": cursor.after_id, "since_ms": cursor.since_ms}
    changed = connection.execute(sa.update(cursors).where(cursors.c.symbol == symbol).values(values)).rowcount
    if changed == 0:
        connection.execute(sa.insert(cursors).values(symbol=symbol, **values))

"""Table definitions of all symbols on Postgres, in a schema of their own. Migrations create the tables.

JSON is stored as text, because digests are computed from the text. Cast it to jsonb to query it by SQL.
"""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData()

states = Table(
    "states",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("header", Text, nullable=False),  # JSON of State without its slots
    Column("seq", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),  # Unix nanoseconds, as the state's last_update_time
)

slots = Table(
    "slots",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("data", Text, nullable=False),  # JSON of InventorySlot
)

trading_steps = Table(
    "trading_steps",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("trigger_kind", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("results", Text, nullable=False),
    Column("digest_before", Text, nullable=False),
    Column("digest_after", Text, nullable=False),
    Column("phases", Text, nullable=False),
    Column("committed_time_ms", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),  # a random id that each process generates at startup
    Column("taken_time_ms", BigInteger, nullable=False),
)

ledger_cursors = Table(
    "ledger_cursors",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("accepted_seq", BigInteger, nullable=False),
)

looks = Table(
    "looks",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("looked_ms", BigInteger, nullable=False),
)

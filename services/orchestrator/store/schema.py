"""Table definitions of one symbol's SQLite file, and the migrations of both stores.

The specification defines the table `state`.
"""

from sqlalchemy import CheckConstraint, Column, Connection, Integer, MetaData, Table, Text

from griddb.errors import SchemaError
from griddb.migrations import Schema
from orchestrator.errors import UnfinishableError

SCHEMA = Schema("orchestrator", "orchestrator:migrations")
metadata = MetaData()

state_table = Table(
    "state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("data", Text, nullable=False),
    Column("updated_at", Integer, nullable=False),  # Unix nanoseconds, as the state's last_update_time
)

steps_table = Table(
    "trading_steps",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("request_id", Text, nullable=False, unique=True),
    Column("epoch", Integer, nullable=False),
    Column("trigger_kind", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("results", Text, nullable=False),
    Column("digest_before", Text, nullable=False),
    Column("digest_after", Text, nullable=False),
    Column("phases", Text, nullable=False),
    Column("committed_time_ms", Integer, nullable=False),
)

meta_table = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)


def prepare(connection: Connection, where: str) -> None:
    """Creates the tables in an empty database. Raises UnfinishableError if existing tables have another version."""
    try:
        SCHEMA.prepare(connection, where)
    except SchemaError as error:
        raise UnfinishableError(str(error)) from error

"""The tables of one symbol's SQLite file, and their migrations. `state` is the specification's, word for word."""

import logging

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import CheckConstraint, Column, Connection, Integer, MetaData, Table, Text

from orchestrator.errors import UnfinishableError

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


def migrate(connection: Connection, name: str) -> None:
    """Brings the file to this version's schema. Raises UnfinishableError for a file of a newer version."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each look, also where nothing is to do
    config = Config()
    config.set_main_option("script_location", "orchestrator:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnfinishableError(
            f"{name} was written by a newer version of Gridwright ({error}): start that version, or restore a backup"
        ) from error

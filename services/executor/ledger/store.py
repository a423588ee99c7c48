"""Opening a ledger: engine, lease, migrations, birth. One executor per account's ledger (P7)."""

import contextlib
import fcntl
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import Connection as PsycopgConnection
from sqlalchemy import event

from executor.ledger.schema import meta
from executor.ledger.writer import Writer

_LEASE_KEY = 0x6772_6964_6C65_6467  # "gridledg": the one advisory lock of a ledger's database
_LEASE_SENTENCE = "another executor holds this account's ledger: stop it first, or give this one a ledger of its own"
_MIGRATIONS = Path(__file__).parent.parent / "migrations"


class LeaseTakenError(Exception):
    """Another executor holds this ledger."""


class NewerLedgerError(Exception):
    """The ledger was written by a newer executor."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger: `writer` runs what the modules beside this one do. `birth_id` tells it from any other."""

    writer: Writer
    birth_id: str
    born_ms: int


def sqlite_url(data_dir: Path) -> str:
    """The ledger's file in a data folder, which is made where it is missing."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{data_dir / 'ledger.sqlite'}"


@contextlib.contextmanager
def open_ledger(url: str, now_ms: int) -> Iterator[Ledger]:
    """Takes the lease, brings the schema up to date, and makes the birth record at first.

    Raises LeaseTakenError where another executor holds it, NewerLedgerError where its schema is of the future.
    """
    engine = _engine(url)
    with contextlib.ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.enter_context(_lease(engine))
        with engine.begin() as connection:
            _migrate(connection)
            birth_id, born_ms = _birth(connection, now_ms)
        writer = Writer(engine)
        stack.callback(writer.close)
        yield Ledger(writer, birth_id, born_ms)


def _engine(url: str) -> sa.Engine:
    # One connection, so that on Postgres the lease, a lock of this very session, goes when the session does.
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _begin_immediate)
    else:
        event.listen(engine, "connect", _on_postgres_connect)
    return engine


def _on_postgres_connect(connection: PsycopgConnection[Any], _record: object) -> None:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LEASE_KEY]).fetchone()
    connection.commit()
    if row is None or row[0] is not True:
        connection.close()
        raise LeaseTakenError(_LEASE_SENTENCE)


def _on_sqlite_connect(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins, not the driver, or savepoints would not hold
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def _lease(engine: sa.Engine) -> Iterator[None]:
    """A lock on a file beside SQLite's; Postgres' lease is a lock of the writer's one connection (`_on_connect`)."""
    if engine.dialect.name != "sqlite":
        yield
        return
    with Path(f"{engine.url.database}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LeaseTakenError(_LEASE_SENTENCE) from error
        yield


def _migrate(connection: sa.Connection) -> None:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    present = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    if present is not None and present == scripts.get_current_head():
        return
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise NewerLedgerError(
            f"the ledger's schema {present!r} is newer than this executor: start the version that wrote it or later"
        )
    command.upgrade(config, "head")


def _birth(connection: sa.Connection, now_ms: int) -> tuple[str, int]:
    row = connection.execute(sa.select(meta)).first()
    if row is not None:
        return row.birth_id, row.born_ms
    birth_id = uuid.uuid4().hex
    connection.execute(sa.insert(meta).values(id=1, birth_id=birth_id, born_ms=now_ms))
    return birth_id, now_ms

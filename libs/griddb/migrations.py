"""Schema versions: a new database gets the newest version, an existing one must have it. `gridwright db` upgrades.

So startup never changes what an older version wrote, and a backup is always made before an upgrade.
"""

import functools
import io
import logging
import sqlite3
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from griddb.errors import SchemaError
from griddb.postgres_session import lock_key, open_engine

logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs every check, even if there is nothing to do


def needs_upgrade(where: str, version: str, newest: str) -> str:
    """Returns the message for tables of an older version."""
    return (
        f"{where} has schema version {version}, this Gridwright needs {newest}: "
        "run `gridwright db upgrade`, which makes a backup first"
    )


def is_newer(where: str, version: str, newest: str) -> str:
    """Returns the message for tables of a newer version."""
    return (
        f"{where} has schema version {version}, written by a newer version of Gridwright than this one ({newest}): "
        "start that version, or restore a backup"
    )


def begin_at_once(engine: sa.Engine) -> None:
    """Makes SQLite transactions begin explicitly: the driver would begin them late and not for DDL."""

    @event.listens_for(engine, "connect")
    def leave_it_to_us(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@dataclass(frozen=True, slots=True)
class Schema:
    """A service's tables. `name` is their schema on Postgres, `scripts` where Alembic finds their migrations."""

    name: str
    scripts: str

    def newest(self, _dialect: str = "") -> str:
        """Returns the version that this code uses."""
        return _newest(self)

    def version(self, connection: sa.Connection) -> str:
        """Returns the stored version; empty if there are no tables."""
        return MigrationContext.configure(connection).get_current_revision() or ""

    def prepare(self, connection: sa.Connection, where: str) -> None:
        """Creates the tables in an empty database. Raises SchemaError if it has tables of another version."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key(f"{self.name} schema"))))
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {self.name}"))
        version = self.version(connection)
        if not version:
            self.upgrade(connection)
            return
        if version == self.newest():
            return
        self.refuse_newer(version, where)
        raise SchemaError(needs_upgrade(where, version, self.newest()))

    def refuse_newer(self, version: str, where: str, _dialect: str = "") -> None:
        """Raises SchemaError if this code does not know the version."""
        if version and version not in {script.revision for script in self._directory.walk_revisions()}:
            raise SchemaError(is_newer(where, version, self.newest()))

    def upgrade_at(self, url: sa.URL) -> None:
        """Migrates to the newest version in one transaction."""
        sqlite = url.get_backend_name() == "sqlite"
        engine = sa.create_engine(url) if sqlite else open_engine(url, self.name, "db upgrade")
        if sqlite:
            begin_at_once(engine)
        try:
            with engine.begin() as connection:
                self.upgrade(connection)
        finally:
            engine.dispose()

    def upgrade(self, connection: sa.Connection, version: str = "head") -> None:
        """Migrates to a version, the newest by default, in the connection's transaction."""
        config = self._config
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    @property
    def _config(self) -> Config:
        config = Config(stdout=io.StringIO())
        config.set_main_option("script_location", self.scripts)
        config.set_main_option("path_separator", "os")
        return config

    @property
    def _directory(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self._config)


@functools.cache  # Alembic loads every migration to find it
def _newest(schema: Schema) -> str:
    head = schema._directory.get_current_head()  # noqa: SLF001  # same module
    assert head is not None
    return head

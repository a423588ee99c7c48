"""Versions of tables: a fresh database is made at the newest, any other must be at it. Upgrading is a command's job.

So no start of a service ever changes what an older one wrote, and the backup comes first.
"""

import io
import logging
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from griddb.errors import SchemaError
from griddb.session import lock_key

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each look, also where nothing is to do


@dataclass(frozen=True, slots=True)
class Schema:
    """A service's tables. `name` is their schema on Postgres, `scripts` where Alembic finds their migrations."""

    name: str
    scripts: str

    @property
    def newest(self) -> str:
        """The version that this code reads and writes."""
        head = self._directory.get_current_head()
        assert head is not None
        return head

    def version(self, connection: sa.Connection) -> str:
        """The version of the tables that are there; empty where there are none."""
        return MigrationContext.configure(connection).get_current_revision() or ""

    def prepare(self, connection: sa.Connection, where: str) -> None:
        """Makes the tables in an empty database. Raises SchemaError where it has those of another version."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key(f"{self.name} schema"))))
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {self.name}"))
        version = self.version(connection)
        if not version:
            self.upgrade(connection)
            return
        self.refuse_newer(version, where)
        if version != self.newest:
            raise SchemaError(
                f"{where} has schema version {version}, this Gridwright needs {self.newest}: "
                "run `gridwright db upgrade`, which makes a backup first"
            )

    def refuse_newer(self, version: str, where: str) -> None:
        """Raises SchemaError for a version that this code does not know."""
        if version and version not in {script.revision for script in self._directory.walk_revisions()}:
            raise SchemaError(
                f"{where} has schema version {version}, written by a newer version of Gridwright than this one "
                f"({self.newest}): start that version, or restore a backup"
            )

    def upgrade(self, connection: sa.Connection) -> None:
        """Migrates forwards to the newest version, in the connection's transaction."""
        config = self._config
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    @property
    def _config(self) -> Config:
        config = Config(stdout=io.StringIO())
        config.set_main_option("script_location", self.scripts)
        config.set_main_option("path_separator", "os")
        return config

    @property
    def _directory(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self._config)

"""Checks and upgrades the schema version of DBOS's own tables. DBOS would migrate them silently and irreversibly.

No public function of DBOS returns the version, so this module, and only this one, reads DBOS's internals for it.
"""

from typing import Any

import sqlalchemy as sa
from dbos import DBOSPortableJSONSerializer, run_dbos_database_migrations
from dbos._migration import get_dbos_migrations, sqlite_migrations
from dbos._sys_db import SystemDatabase

from griddb.errors import SchemaError
from griddb.migrations import is_newer, needs_upgrade
from orchestrator.engine_dbos.sqlite import dbos_engine

TABLE = "dbos_migrations"


class DbosSchema:
    """Implements `griddb.inventory.Versions` for DBOS. A version is a number."""

    name = "dbos"

    def newest(self, dialect: str) -> str:
        """Returns the version that this DBOS uses. SQLite and Postgres have different numbers."""
        on_postgres = get_dbos_migrations(self.name, use_listen_notify=True)
        return str(len(on_postgres if dialect == "postgresql" else sqlite_migrations))

    def version(self, connection: sa.Connection) -> str:
        """Returns the version in the database; empty if DBOS was never launched on it."""
        found = self._column(connection, TABLE, "version")
        return "" if found is None else str(connection.execute(found).scalar() or "")

    def has_workflows(self, connection: sa.Connection) -> bool:
        """Whether there is a workflow. Without one, an older version may be an interrupted launch: DBOS finishes it."""
        found = self._column(connection, "workflow_status", "workflow_uuid")
        return found is not None and connection.execute(found.limit(1)).scalar() is not None

    def _column(self, connection: sa.Connection, table: str, name: str) -> sa.Select[Any] | None:
        schema = self.name if connection.dialect.name == "postgresql" else None
        if not sa.inspect(connection).has_table(table, schema=schema):
            return None
        return sa.select(sa.column(name)).select_from(sa.table(table, schema=schema))

    def refuse_newer(self, version: str, where: str, dialect: str) -> None:
        """Raises SchemaError if the version is above ours."""
        if version and int(version) > int(self.newest(dialect)):
            raise SchemaError(is_newer(where, version, self.newest(dialect)))

    def upgrade_at(self, url: sa.URL) -> None:
        """Runs DBOS's own migrations, each in its own transaction."""
        text = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
        with dbos_engine(url) as engine:
            if engine is None:
                run_dbos_database_migrations(text)
                return
            database = SystemDatabase.create(  # as DBOS.migrate does, which takes no engine
                system_database_url=text,
                engine_kwargs={},
                engine=engine,
                schema=self.name,
                serializer=DBOSPortableJSONSerializer(),
                executor_id=None,
            )
            try:
                database.run_migrations()
            finally:
                database.destroy()

    def check(self, version: str, where: str, dialect: str) -> None:
        """Raises SchemaError unless the version is ours or empty."""
        self.refuse_newer(version, where, dialect)
        if version and version != self.newest(dialect):
            raise SchemaError(needs_upgrade(where, version, self.newest(dialect)))

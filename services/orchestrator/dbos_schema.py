"""The versions of DBOS's own tables: DBOS would migrate them without a word, and leave no way back.

Their numbers are told by no public function of DBOS; this is the only module that looks behind them.
"""

import sqlalchemy as sa
from dbos import run_dbos_database_migrations
from dbos._migration import get_dbos_migrations, sqlite_migrations

from griddb.errors import SchemaError
from griddb.schemas import is_newer, needs_upgrade

TABLE = "dbos_migrations"


class DbosSchema:
    """As `griddb.units.Versions`. A version is a number."""

    name = "dbos"

    def newest(self, dialect: str) -> str:
        """What this DBOS reads and writes; the numbers of the two databases differ."""
        on_postgres = get_dbos_migrations(self.name, use_listen_notify=True)
        return str(len(on_postgres if dialect == "postgresql" else sqlite_migrations))

    def version(self, connection: sa.Connection) -> str:
        """What is there; empty before DBOS was started on it for the first time."""
        schema = self.name if connection.dialect.name == "postgresql" else None
        if not sa.inspect(connection).has_table(TABLE, schema=schema):
            return ""
        table = sa.table(TABLE, sa.column("version"), schema=schema)
        return str(connection.execute(sa.select(table.c.version)).scalar() or "")

    def refuse_newer(self, version: str, where: str, dialect: str) -> None:
        """Raises SchemaError for a version above ours."""
        if version and int(version) > int(self.newest(dialect)):
            raise SchemaError(is_newer(where, version, self.newest(dialect)))

    def upgrade_at(self, url: sa.URL) -> None:
        """DBOS's own migrations, each committed as it is done."""
        run_dbos_database_migrations(url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False))

    def check(self, version: str, where: str, dialect: str) -> None:
        """Raises SchemaError unless it is ours or there is none."""
        self.refuse_newer(version, where, dialect)
        if version and version != self.newest(dialect):
            raise SchemaError(needs_upgrade(where, version, self.newest(dialect)))

"""SQL statements of the step's commit, compiled once for the driver.

SQLAlchemy caches compiled statements, but looks them up by the statement's whole structure and prepares each result
again. For the few statements that every step runs this took as long as the database itself.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class SqliteStatement:
    """One statement for the standard library's sqlite3. Raises the driver's own errors."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        dialect = sa.make_url("sqlite://").get_dialect()()
        dialect.paramstyle, dialect.positional = "named", False
        self._sql = str(statement.compile(dialect=dialect))

    def on(self, connection: sa.Connection, parameters: Mapping[str, object]) -> sqlite3.Cursor:
        """Runs it with all of its parameters given, texts and ints."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return driver.execute(self._sql, parameters)


class PostgresStatement:
    """One statement for psycopg."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._sql = str(statement.compile(dialect=sa.make_url("postgresql+psycopg://").get_dialect()()))

    def on(self, connection: sa.Connection, parameters: Mapping[str, object]) -> sa.CursorResult[Any]:
        """Runs it with all of its parameters given, texts and ints."""
        return connection.exec_driver_sql(self._sql, dict(parameters))

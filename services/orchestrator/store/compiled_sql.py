"""Statements of the step's commit, compiled once into the driver's SQL.

SQLAlchemy keeps what it has compiled, but finds it again by the statement's whole structure and prepares each result
anew: for the few statements that every step runs that was as much work as the database has with them.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class SqliteStatement:
    """One statement for the driver in the standard library. Its errors are the driver's own."""

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

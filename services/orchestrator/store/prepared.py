"""Statements of the step's commit, compiled once into the driver's SQL.

SQLAlchemy keeps what it has compiled, but finds it again by the statement's whole structure and prepares each result
anew: for the few statements that every step runs that was as much work as SQLite has with them.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class Prepared:
    """One statement for one dialect. Its parameters go to the driver as they are: texts and ints."""

    def __init__(self, statement: sa.ClauseElement, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._order = getattr(compiled, "positiontup", None)  # of a driver that takes them by position

    def on(self, connection: sa.Connection, parameters: Mapping[str, object]) -> sa.CursorResult[Any]:
        """Runs it with all of its parameters given."""
        order = self._order
        given = dict(parameters) if order is None else tuple(parameters[name] for name in order)
        return connection.exec_driver_sql(self._sql, given)


def for_sqlite(statement: sa.ClauseElement) -> Prepared:
    """For the driver in the standard library."""
    return Prepared(statement, sa.make_url("sqlite://").get_dialect()())


def for_postgres(statement: sa.ClauseElement) -> Prepared:
    """For psycopg."""
    return Prepared(statement, sa.make_url("postgresql+psycopg://").get_dialect()())

"""Backups before an upgrade: a consistent copy of a SQLite file, or a Postgres schema as SQL for psql.

The SQL contains the rows but not the tables. It is restored into a database whose tables have the version it names.
"""

import gzip
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

_HEAD = """\
-- Gridwright: schema {schema} at version {version}, the rows of all its tables, in one transaction.
-- To go back: an empty database, the version of Gridwright that kept {version} to make the tables, then
--   gunzip -c THIS_FILE | psql --set ON_ERROR_STOP=1 URL
BEGIN;
"""


def back_up_file(path: Path) -> Path:
    """Copies a SQLite file to the same folder, even while it is in use; returns the copy's path."""
    target = path.with_name(f"{path.name}.{_now()}.backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target


def back_up_schema(connection: sa.Connection, schema: str, version: str, folder: Path) -> Path:
    """Writes a schema's rows, as the connection's transaction sees them, to a new file in `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{schema}-{version}-{_now()}.sql.gz"
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with gzip.open(target, "wb") as file:
        file.write(_HEAD.format(schema=schema, version=version).encode())
        tables = _tables(connection, schema)
        for table in reversed(tables):  # referenced rows are deleted last and inserted first
            name = sql.Identifier(schema, table.name)
            file.write(sql.SQL("DELETE FROM {};\n").format(name).as_bytes(driver))
        for table in tables:
            _copy(driver, table, file)
        file.write(b"COMMIT;\n")
    return target


def _tables(connection: sa.Connection, schema: str) -> list[sa.Table]:
    metadata = sa.MetaData()
    metadata.reflect(connection, schema=schema)
    return metadata.sorted_tables


def _copy(driver: psycopg.Connection[Any], table: sa.Table, file: gzip.GzipFile) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns if column.computed is None)
    name = sql.Identifier(str(table.schema), table.name)
    file.write(sql.SQL("COPY {} ({}) FROM stdin;\n").format(name, columns).as_bytes(driver))
    with driver.cursor() as cursor, cursor.copy(sql.SQL("COPY {} ({}) TO STDOUT").format(name, columns)) as rows:
        for row in rows:
            file.write(bytes(row))
    file.write(b"\\.\n")


def _now() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

"""Data loss of a machine: state, ledger or both, lost or replaced by a backup. The services must be stopped."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridtesting.live.databases import Database

_SCHEMAS = {ORCHESTRATOR: ("orchestrator", "dbos"), EXECUTOR: ("executor",)}
"""The Postgres schemas of each service; on SQLite it is its folder."""


def lose(database: Database, folder: Path, service: str) -> None:
    """Deletes all of the service's data; `folder` holds the folders of all services."""
    if not database.url:
        shutil.rmtree(folder / service)
        return
    with closing(psycopg.connect(database.url, autocommit=True)) as connection:
        for schema in _SCHEMAS[service]:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def back_up(database: Database, folder: Path, service: str) -> Callable[[], None]:
    """Copies the service's data; returns a function that replaces the current data by the copy."""
    if database.url:
        return _back_up_schemas(database.url, _SCHEMAS[service])
    backup = folder / f"backup-{service}"
    shutil.copytree(folder / service, backup)

    def restore() -> None:
        shutil.rmtree(folder / service)
        shutil.copytree(backup, folder / service)

    return restore


def _back_up_schemas(url: str, schemas: tuple[str, ...]) -> Callable[[], None]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        tables = [
            (schema, str(name))
            for schema in schemas
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
        ]
        for schema, name in tables:
            connection.execute(f"CREATE TABLE public.backup_{schema}_{name} AS TABLE {schema}.{name}".encode())

    def restore() -> None:
        with closing(psycopg.connect(url)) as connection, connection:
            connection.execute("SET session_replication_role = replica")  # in any order
            everything = ", ".join(f"{schema}.{name}" for schema, name in tables)
            connection.execute(f"TRUNCATE {everything}".encode())
            for schema, name in tables:
                connection.execute(f"INSERT INTO {schema}.{name} TABLE public.backup_{schema}_{name}".encode())

    return restore

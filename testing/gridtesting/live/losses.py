"""What a machine may lose: the state, the ledger, or both, for good or for a backup. Its services are stopped."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridtesting.live.databases import Database

_SCHEMAS = {ORCHESTRATOR: ("orchestrator", "dbos"), EXECUTOR: ("executor",)}
"""What each service keeps on Postgres; on SQLite it is its folder."""


def lose(database: Database, folder: Path, service: str) -> None:
    """All that the service remembers is gone; `folder` has the folders of all."""
    if not database.url:
        shutil.rmtree(folder / service)
        return
    with closing(psycopg.connect(database.url, autocommit=True)) as connection:
        for schema in _SCHEMAS[service]:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def back_up(database: Database, folder: Path, service: str) -> Callable[[], None]:
    """Copies what the service remembers; what is returned puts that back in the place of what is there then."""
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
            connection.execute("SET session_replication_role = replica")  # in whatever order
            everything = ", ".join(f"{schema}.{name}" for schema, name in tables)
            connection.execute(f"TRUNCATE {everything}".encode())
            for schema, name in tables:
                connection.execute(f"INSERT INTO {schema}.{name} TABLE public.backup_{schema}_{name}".encode())

    return restore

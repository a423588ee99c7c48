"""Gives a test its own database, SQLite or Postgres, for the services' configs and for queries by the test.

On Postgres it is a copy of a template that has all tables, created once per session.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from dbos import run_dbos_database_migrations

from executor.ledger.opening import open_ledger
from griddb.urls import parse_url
from gridtesting.live.postgres import PostgresServer
from orchestrator.engine_dbos.database import sqlite_path
from orchestrator.engine_dbos.engine import open_dbos_engine
from orchestrator.storage import open_stores
from orchestrator.store.file_names import state_path

SQLITE, POSTGRES = "sqlite", "postgres"


@dataclass(frozen=True, slots=True)
class Database:
    """Where a test's services store their data. `url` is empty for SQLite, which is in the services' folders."""

    kind: str
    url: str = ""
    server: PostgresServer | None = None

    @property
    def name(self) -> str:
        """The name of the database on its server."""
        return str(sa.make_url(self.url).database)

    @property
    def sa_url(self) -> sa.URL | None:
        """The URL in the form that the services use."""
        return parse_url(self.url, "url") if self.url else None

    @property
    def sa_url_text(self) -> str:
        """The same as text, with its password."""
        return "" if self.sa_url is None else self.sa_url.render_as_string(hide_password=False)

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings for a service's config section, as TOML values."""
        return {"database_url": f'"{self.url}"'} if self.url else {}

    def query_state(self, folder: Path, symbol: str, statement: str) -> list[tuple[Any, ...]]:
        """Runs SQL on the orchestrator's state and journal; on Postgres in its schema."""
        if self.url:
            return self._on_postgres("orchestrator", statement)
        return _on_sqlite(state_path(folder, symbol), statement)

    def query_workflows(self, folder: Path, statement: str) -> list[tuple[Any, ...]]:
        """The same on DBOS's workflow tables."""
        return self._on_postgres("dbos", statement) if self.url else _on_sqlite(sqlite_path(folder), statement)

    def query_ledger(self, folder: Path, statement: str) -> list[tuple[Any, ...]]:
        """The same on the executor's ledger."""
        return self._on_postgres("executor", statement) if self.url else _on_sqlite(folder / "ledger.sqlite", statement)

    def workflows_url(self, folder: Path) -> str:
        """The database URL for DBOS's own tools."""
        return self.url or sa.URL.create("sqlite", database=str(sqlite_path(folder))).render_as_string()

    def back_up(self, folder: Path) -> "Callable[[], Database]":
        """Copies all data while nobody uses it. Returns a function that restores it and returns the database."""
        if self.server is not None:
            copy = Database(POSTGRES, self.server.url(self.server.create(self.name)), self.server)
            return lambda: copy
        backup = Path(tempfile.mkdtemp(dir=folder.parent, prefix="backup-"))
        shutil.copytree(folder, backup, dirs_exist_ok=True)

        def restore() -> Database:
            shutil.rmtree(folder)
            shutil.copytree(backup, folder)
            return self

        return restore

    def lose_state(self, folder: Path) -> None:
        """Removes state and journal of all symbols; the workflows are kept."""
        if self.url:
            self._on_postgres("orchestrator", "DROP SCHEMA orchestrator CASCADE")
        for file in folder.glob("state-*"):
            file.unlink()

    def _on_postgres(self, schema: str, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options=f"-csearch_path={schema}") as connection:
            found = connection.execute(statement.encode())
            return [] if found.description is None else found.fetchall()


def make_template(server: PostgresServer) -> str:
    """Creates a database with all tables and no rows; returns its name."""
    name = server.create()
    url = parse_url(server.url(name), "template")
    with tempfile.TemporaryDirectory() as folder, open_stores(Path(folder), url, [], open_dbos_engine):
        run_dbos_database_migrations(server.url(name))
    with open_ledger(url.render_as_string(hide_password=False), 0):
        pass
    Database(POSTGRES, server.url(name)).query_ledger(Path(), "DELETE FROM meta")  # each ledger has a birth of its own
    return name


def _on_sqlite(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file, file:
        return file.execute(statement).fetchall()

"""The commit that every baseline makes: the engine's rows, written with the drivers themselves and nothing between.

On SQLite the whole state is one row, on Postgres its header and each changed slot, as in the engine's stores. Flushes
are as durable as there.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

_SQLITE_TABLES = """
    PRAGMA journal_mode=WAL;
    PRAGMA synchronous=FULL;
    CREATE TABLE intents (request_id TEXT PRIMARY KEY, plan TEXT NOT NULL);
    CREATE TABLE state (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
    CREATE TABLE steps (request_id TEXT PRIMARY KEY, plan TEXT NOT NULL, results TEXT NOT NULL);
"""
_POSTGRES_TABLES = """
    CREATE TABLE intents (request_id text PRIMARY KEY, plan text NOT NULL);
    CREATE TABLE states (symbol text PRIMARY KEY, header text NOT NULL);
    CREATE TABLE slots (symbol text, key text, data text NOT NULL, PRIMARY KEY (symbol, key));
    CREATE TABLE steps (request_id text PRIMARY KEY, plan text NOT NULL, results text NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a step is given and what it leaves behind, as text."""

    request_id: str
    symbol: str
    plan: str
    results: str
    state: str  # with its slots
    header: str  # without
    changed_slots: Mapping[str, str]


class PlainStore(Protocol):
    """Two transactions. Calls may come from any thread, one at a time."""

    def intend(self, errand: Errand) -> None:
        """Commits what is about to be sent."""
        ...

    def commit(self, errand: Errand) -> None:
        """Commits what came of it."""
        ...

    def close(self) -> None:
        """Closes the database."""
        ...


def open_plain_store(folder: Path, url: str) -> PlainStore:
    """On SQLite in the folder where there is no URL. Its tables are made."""
    return PlainPostgres(url) if url else PlainSqlite(folder / "plain.sqlite")


class PlainSqlite:
    """One file and one connection; each commit is flushed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(_SQLITE_TABLES)

    def intend(self, errand: Errand) -> None:
        """Commits one insert."""
        with self._connection:
            self._connection.execute("INSERT INTO intents VALUES (?, ?)", (errand.request_id, errand.plan))

    def commit(self, errand: Errand) -> None:
        """The state's row and the step's."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (errand.state,))
            self._connection.execute(
                "INSERT INTO steps VALUES (?, ?, ?)", (errand.request_id, errand.plan, errand.results)
            )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


class PlainPostgres:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(url)
        self._connection.execute(_POSTGRES_TABLES)
        self._connection.commit()

    def intend(self, errand: Errand) -> None:
        """Commits one insert."""
        self._connection.execute("INSERT INTO intents VALUES (%s, %s)", (errand.request_id, errand.plan))
        self._connection.commit()

    def commit(self, errand: Errand) -> None:
        """The header's row, the slots' in one statement, the step's."""
        self._connection.execute(
            "INSERT INTO states VALUES (%s, %s) ON CONFLICT (symbol) DO UPDATE SET header = excluded.header",
            (errand.symbol, errand.header),
        )
        self._connection.execute(
            "INSERT INTO slots SELECT %s, unnest(%s::text[]), unnest(%s::text[]) "
            "ON CONFLICT (symbol, key) DO UPDATE SET data = excluded.data",
            (errand.symbol, list(errand.changed_slots), list(errand.changed_slots.values())),
        )
        self._connection.execute(
            "INSERT INTO steps VALUES (%s, %s, %s)", (errand.request_id, errand.plan, errand.results)
        )
        self._connection.commit()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

"""DBOS on any SQLite: its times are written where SQLite itself returns NULL for them."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dbos
import pytest
import sqlalchemy as sa

from orchestrator.engine_dbos import sqlite
from orchestrator.engine_dbos.schema import DbosSchema
from orchestrator.engine_dbos.sqlite import create_dbos_engine, dbos_engine, supply_unixepoch

OLD = (3, 40, 1)
MODIFIERS = re.compile(r"""unixepoch\(\s*["']([^"')]*)["']""")


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A connection that has our function, also where SQLite's own would do."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", OLD)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        supply_unixepoch(made)
        yield made


@pytest.mark.parametrize("text", ["unixepoch('subsec')", "unixepoch('SUBSECOND')"])
def test_the_time_has_milliseconds_in_a_statement(connection: sqlite3.Connection, text: str) -> None:
    before = time.time_ns() // 1_000_000
    (found,) = connection.execute(f"SELECT CAST({text} * 1000 AS INTEGER)").fetchone()
    assert before <= found <= time.time_ns() // 1_000_000


@pytest.mark.parametrize("trusted", ["ON", "OFF"])
def test_the_time_is_a_whole_number_of_milliseconds_in_a_default(trusted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", OLD)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA trusted_schema={trusted}")
        supply_unixepoch(connection)
        connection.execute("CREATE TABLE t (a, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))")
        connection.executemany("INSERT INTO t (a) VALUES (?)", [(number,) for number in range(1000)])
        assert connection.execute("SELECT DISTINCT typeof(at) FROM t").fetchall() == [("integer",)]


def test_every_millisecond_survives_being_a_float_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for moment_ms in range(1_764_535_000_000, 1_764_535_010_000):
        monkeypatch.setattr(sqlite.time, "time_ns", lambda moment_ms=moment_ms: moment_ms * 1_000_000)
        assert sqlite._unixepoch("subsec") * 1000 == moment_ms


def test_what_the_function_does_not_know_fails_the_statement(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT unixepoch('2026-01-01')").fetchone()


def test_dbos_asks_sqlite_for_nothing_but_subsec() -> None:
    sources = Path(dbos.__file__).parent.rglob("*.py")
    asked = [modifier for source in sources for modifier in MODIFIERS.findall(source.read_text(encoding="utf-8"))]
    assert set(asked) == {"subsec"}


def test_a_new_sqlite_keeps_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 42, 0))
    monkeypatch.setattr(sqlite, "_unixepoch", lambda _modifier: "ours")
    with closing(sqlite3.connect(":memory:")) as connection:
        supply_unixepoch(connection)
        assert connection.execute("SELECT unixepoch('subsec')").fetchone() != ("ours",)


def test_a_file_that_a_newer_python_made_can_be_written_by_an_older_one(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "dbos.sqlite"))
    engine = create_dbos_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (a, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))"))
        connection.execute(sa.text("INSERT INTO t (a) VALUES (1)"))
    engine.dispose()


def test_dbos_migrates_a_new_file_to_the_newest_version_and_writes_its_times(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "dbos.sqlite"))
    DbosSchema().upgrade_at(url)
    with dbos_engine(url) as engine:
        assert engine is not None
        with engine.begin() as connection:
            assert DbosSchema().version(connection) == DbosSchema().newest("sqlite")
            insert = "INSERT INTO application_versions (version_id, version_name) VALUES ('1', 'one')"
            connection.execute(sa.text(insert))
            (at,) = connection.execute(sa.text("SELECT version_timestamp FROM application_versions")).one()
    assert abs(at - time.time() * 1000) < 60_000

"""DBOS's launch: an outage in it costs time, a death in it nothing; tables with workflows wait for an upgrade."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from gridtesting.live.databases import Database
from orchestrator.engine_dbos import launch as dbos_launch
from orchestrator.engine_dbos.database import WorkflowDatabase, open_workflow_database, read
from orchestrator.engine_dbos.engine import DbosEngine
from orchestrator.engine_dbos.schema import DbosSchema
from orchestrator.errors import UnfinishableError


class KilledError(BaseException):
    """The process is dead."""


def where(database: Database, folder: Path) -> Path | sa.URL:
    if database.kind == "sqlite":
        return folder / "dbos.sqlite"
    return sa.make_url(database.url).set(drivername="postgresql+psycopg")


@contextmanager
def empty(place: Path | sa.URL) -> Iterator[WorkflowDatabase]:
    """A database on which DBOS has not been launched yet."""
    with open_workflow_database(place) as database:
        if not isinstance(place, Path):
            with database.engine.begin() as connection:
                connection.execute(sa.text("DROP SCHEMA dbos CASCADE"))
        yield database


def launch(database: WorkflowDatabase) -> None:
    """A launch, and a look at what it is for."""
    try:
        dbos_launch.launch(database)
        assert DbosEngine(database).unfinished() == []
    finally:
        dbos_launch.shut_down()
    assert read(database, DbosSchema().version) == DbosSchema().newest(database.engine.dialect.name)


@pytest.mark.parametrize("statement", ["shard_key", 'UPDATE "dbos".dbos_migrations', "INTO dbos.application_versions"])
def test_a_launch_in_which_the_connection_breaks_is_repeated(
    postgres_database: Database, statement: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before DBOS looks at its tables, while it makes them, and after."""
    broken: list[str] = []

    def cut(connection: sa.Connection, _cursor: object, text: str, *_: object) -> None:
        if statement in text and not broken:
            broken.append(text)
            connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with empty(where(postgres_database, tmp_path)) as database:
        sa.event.listen(database.engine, "before_cursor_execute", cut)
        launch(database)
        assert database.away == ""
    assert broken
    (reported,) = caplog.records
    assert "cannot be read yet (" in reported.getMessage()


def test_one_that_is_killed_while_it_makes_the_tables_is_gone_on_with(database: Database, tmp_path: Path) -> None:
    updates = 0

    def kill(_connection: sa.Connection, _cursor: object, text: str, *_: object) -> None:
        nonlocal updates
        updates += "dbos_migrations SET version" in text
        if updates == 3:
            raise KilledError

    place = where(database, tmp_path)
    with empty(place) as half_made:
        sa.event.listen(half_made.engine, "before_cursor_execute", kill)
        with pytest.raises(KilledError):
            launch(half_made)
    with open_workflow_database(place) as found:
        version = read(found, DbosSchema().version)
        assert version == "" if database.kind == "sqlite" else 0 < int(version) < int(DbosSchema().newest("postgresql"))
        launch(found)


def test_tables_of_an_earlier_version_that_hold_a_workflow_wait_for_the_command(
    database: Database, tmp_path: Path
) -> None:
    with empty(where(database, tmp_path)) as found:
        launch(found)
        schema = "" if database.kind == "sqlite" else "dbos."
        with found.engine.begin() as connection:
            connection.execute(sa.text(f"UPDATE {schema}dbos_migrations SET version = version - 1"))
            connection.execute(sa.text(f"INSERT INTO {schema}workflow_status (workflow_uuid) VALUES ('w')"))
        with pytest.raises(UnfinishableError, match="gridwright db upgrade"):
            launch(found)

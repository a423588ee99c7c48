"""The workflows' database as the start of an orchestrator meets it: what breaks a look at it costs time."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from gridtesting.databases import Database
from orchestrator import dbos_runtime
from orchestrator.dbos_schema import DbosSchema
from orchestrator.workflow_database import open_workflow_database, read

END = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_look_whose_connection_breaks_is_taken_again(postgres_database: Database) -> None:
    looks = 0

    def look(connection: sa.Connection) -> str:
        nonlocal looks
        looks += 1
        if looks == 1:
            connection.execute(END)
        return DbosSchema().version(connection)

    with open_workflow_database(sa.make_url(postgres_database.url).set(drivername="postgresql+psycopg")) as database:
        assert read(database, look) == DbosSchema().newest("postgresql")
    assert looks == 2


@pytest.mark.parametrize("statement", ["shard_key", 'UPDATE "dbos".dbos_migrations', "INTO dbos.application_versions"])
def test_a_launch_in_which_the_connection_breaks_begins_anew(
    postgres_database: Database, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It breaks before DBOS looks at its tables, while it makes them, and after."""
    broken: list[str] = []

    def cut(connection: sa.Connection, _cursor: object, text: str, *_: object) -> None:
        if statement in text and not broken:
            broken.append(text)
            connection.execute(END)

    with open_workflow_database(sa.make_url(postgres_database.url).set(drivername="postgresql+psycopg")) as database:
        with database.engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA dbos CASCADE"))
        sa.event.listen(database.engine, "before_cursor_execute", cut)
        try:
            dbos_runtime.launch(database)
            assert dbos_runtime.unfinished() == []
        finally:
            dbos_runtime.shut_down()
        assert read(database, DbosSchema().version) == DbosSchema().newest("postgresql")
    assert broken
    assert not caplog.records


def test_what_a_look_itself_raises_is_raised(postgres_database: Database, tmp_path: Path) -> None:
    for where in (sa.make_url(postgres_database.url).set(drivername="postgresql+psycopg"), tmp_path / "dbos.sqlite"):
        with open_workflow_database(where) as database, pytest.raises(sa.exc.DBAPIError, match="nowhere"):
            read(database, lambda connection: connection.execute(sa.text("SELECT * FROM nowhere")))

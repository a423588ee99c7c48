"""The workflows' database as the start of an orchestrator meets it: what breaks a look at it costs time."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from gridtesting.live.databases import Database
from orchestrator.engine_dbos.database import open_workflow_database, read
from orchestrator.engine_dbos.schema import DbosSchema

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


def test_what_a_look_itself_raises_is_raised(postgres_database: Database, tmp_path: Path) -> None:
    for where in (sa.make_url(postgres_database.url).set(drivername="postgresql+psycopg"), tmp_path / "dbos.sqlite"):
        with open_workflow_database(where) as database, pytest.raises(sa.exc.DBAPIError, match="nowhere"):
            read(database, lambda connection: connection.execute(sa.text("SELECT * FROM nowhere")))

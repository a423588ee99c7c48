"""Settings and databases of the whole suite. Hypothesis has no deadlines (machines are shared), prints what reproduces.

A test that asks for `database` runs once on SQLite and once on a real Postgres; `-k sqlite` and `-k postgres` choose.
"""

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from gridtesting.live.databases import POSTGRES, SQLITE, Database, make_template
from gridtesting.live.postgres import PostgresServer, running_postgres

settings.register_profile("shared", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

os.environ.setdefault("GRIDWRIGHT_SILENCE_DIR", tempfile.mkdtemp(prefix="gridwright-silences-"))  # ports come again

for variable in ("DATABASE_URL", "DATABASE_URL_FILE"):
    os.environ.pop(variable, None)  # the developer's own; the services of a test have the test's


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several workers begin with the tests that start processes, which take long; the many short ones fill the end.

    Raises UsageError if pytest-xdist does not see the groups (3.8 with pytest 9.2): each worker would then start the
    deployment of each group anew.
    """
    if hasattr(config, "workerinput"):
        grouped = [item for item in items if item.get_closest_marker("xdist_group") is not None]
        if config.option.loadgroup and not all("@" in item.nodeid for item in grouped):
            raise pytest.UsageError(
                "pytest-xdist does not see xdist_group with this pytest: install by constraints.txt"
            )
        items.sort(key=lambda item: item.get_closest_marker("system") is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server; one for each worker of the session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database of it with all tables, to be copied."""
    return make_template(postgres)


@pytest.fixture
def postgres_database(postgres: PostgresServer, postgres_template: str) -> Iterator[Database]:
    """A database of the test's own on it, with all tables."""
    name = postgres.create(postgres_template)
    yield Database(POSTGRES, postgres.url(name), postgres)
    postgres.drop(name)


@pytest.fixture(params=[SQLITE, POSTGRES])
def database(request: pytest.FixtureRequest) -> Database:
    """The test's own, of either kind."""
    if request.param == SQLITE:
        return Database(SQLITE)
    found: Database = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture
def on_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The same for tests that start services: those find it in their environment."""
    if database.url:
        monkeypatch.setenv("DATABASE_URL", database.url)
    return database

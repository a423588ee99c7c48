"""`gridwright db`: says what is kept in which version, upgrades with a backup that can be read back, and never while a
service is at work; and no service starts on tables of another version.
"""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from executor.ledger.opening import SCHEMA, open_ledger, sqlite_url
from gridctl import __main__ as command
from gridctl.cli import parser
from griddb.errors import SchemaError
from griddb.migrations import Schema, begin_at_once
from griddb.postgres_session import open_engine
from gridtesting.live.databases import Database
from gridtesting.live.postgres import PASSWORD, PostgresServer, binaries
from orchestrator.engine_dbos.engine import open_dbos_engine
from orchestrator.errors import UnfinishableError
from orchestrator.storage import OpenStores, open_stores
from orchestrator.store.file_names import state_path
from orchestrator.store.schema import SCHEMA as STATE_SCHEMA

BTC = "BTC/USDT"


@pytest.fixture
def config(tmp_path: Path, database: Database) -> Path:
    path = tmp_path / "grid.toml"
    url = f'\n[database]\nurl = "{database.url}"' if database.url else ""
    path.write_text(
        f'[orchestrator]\ndata_dir = "{tmp_path}"\n[executor]\ndata_dir = "{tmp_path}"{url}\n'
        f'[[grids]]\nsymbol = "{BTC}"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def ledger_url(tmp_path: Path, database: Database) -> str:
    return database.sa_url_text or sqlite_url(tmp_path)


def run(capsys: pytest.CaptureFixture[str], action: str, config: Path) -> tuple[int, str]:
    """Exit code and everything that it said."""
    arguments = parser().parse_args(["db", *action.split(), "--config", str(config)])
    code = command.run(arguments, Console(width=200))
    said = capsys.readouterr()
    return code, said.out + said.err


@contextmanager
def tables_at(schema: Schema, version: str, where: sa.URL) -> Iterator[sa.Connection]:
    """A database, or a file, with the tables of a version and nothing else."""
    on_file = where.drivername == "sqlite"
    engine = sa.create_engine(where) if on_file else open_engine(where, schema.name, "test")
    if on_file:
        begin_at_once(engine)
    with engine.begin() as connection:
        if not on_file:
            connection.execute(sa.text(f"DROP SCHEMA {schema.name} CASCADE"))
            connection.execute(sa.text(f"CREATE SCHEMA {schema.name}"))
        schema.upgrade(connection, version)
        yield connection
    engine.dispose()


def make_old_ledger(url: str) -> None:
    """A ledger as the first version left it, with a birth and a cursor in it."""
    with tables_at(SCHEMA, "ledger_0001", sa.make_url(url)) as connection:
        connection.execute(sa.text("INSERT INTO meta (id, birth_id, born_ms) VALUES (1, 'old', 5)"))
        connection.execute(sa.text("INSERT INTO cursors VALUES ('BTC/USDT', 'a\\tb\\\\c', 7)"))


def stores(folder: Path, database: Database) -> AbstractContextManager[OpenStores]:
    return open_stores(folder, database.sa_url, [BTC], open_dbos_engine)


def test_status_of_what_is_not_there_yet_is_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        f'[orchestrator]\ndata_dir = "{tmp_path / "o"}"\n[executor]\ndata_dir = "{tmp_path / "e"}"\n'
        f'[[grids]]\nsymbol = "{BTC}"\n',
        encoding="utf-8",
    )

    code, said = run(capsys, "status", path)

    assert code == 0
    assert said.count("not there yet") == 3
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "e").exists()


def test_status_says_version_and_who_holds_the_lease(
    config: Path, tmp_path: Path, database: Database, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(ledger_url, 1), open_stores(tmp_path, database.sa_url, [BTC], open_dbos_engine):
        code, said = run(capsys, "status", config)

    assert code == 0
    assert SCHEMA.newest() in said
    assert said.count("held by") >= 2
    assert PASSWORD not in said


def test_an_older_ledger_is_refused_by_its_service_and_upgraded_by_the_command(
    config: Path, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_old_ledger(ledger_url)
    with pytest.raises(SchemaError, match="run `gridwright db upgrade`"), open_ledger(ledger_url, 1):
        pass
    assert run(capsys, "status", config)[0] == 1

    code, said = run(capsys, "upgrade", config)

    assert code == 0, said
    assert f"ledger_0001 → {SCHEMA.newest()}, backup in " in said
    with open_ledger(ledger_url, 99) as ledger:
        assert (ledger.birth_id, ledger.born_ms) == ("old", 5)
    assert run(capsys, "status", config)[0] == 0
    assert "nothing to do" in run(capsys, "upgrade", config)[1]


def test_an_older_state_is_refused_by_its_service_and_upgraded_by_the_command(
    config: Path, tmp_path: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    where = database.sa_url or sa.make_url(f"sqlite:///{state_path(tmp_path, BTC)}")
    with tables_at(STATE_SCHEMA, "0001", where):
        pass
    with pytest.raises(UnfinishableError, match="run `gridwright db upgrade`"), stores(tmp_path, database):
        pass

    code, said = run(capsys, "upgrade", config)

    assert code == 0, said
    assert f"0001 → {STATE_SCHEMA.newest()}, backup in " in said
    with stores(tmp_path, database) as opened:
        assert opened.by_symbol[BTC].take_lease() == 1
    assert run(capsys, "status", config)[0] == 0


def test_the_backup_of_a_file_is_the_file_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "grid.toml"
    config.write_text(f'[executor]\ndata_dir = "{tmp_path}"\n[[grids]]\nsymbol = "{BTC}"\n', encoding="utf-8")
    url = sqlite_url(tmp_path)
    make_old_ledger(url)
    run(capsys, "upgrade", config)

    (backup,) = tmp_path.glob("ledger.sqlite.*.backup")
    engine = sa.create_engine(f"sqlite:///{backup}")
    with engine.connect() as connection:
        assert SCHEMA.version(connection) == "ledger_0001"
        assert connection.execute(sa.text("SELECT birth_id FROM meta")).scalar_one() == "old"
    engine.dispose()


def test_the_backup_of_a_schema_is_read_back_by_psql(
    tmp_path: Path, postgres: PostgresServer, postgres_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "grid.toml"
    database = f'[database]\nurl = "{postgres_database.url}"'
    config.write_text(
        f'[executor]\ndata_dir = "{tmp_path}"\n{database}\n[[grids]]\nsymbol = "{BTC}"\n', encoding="utf-8"
    )
    make_old_ledger(postgres_database.sa_url_text)
    run(capsys, "upgrade", config)
    (backup,) = (tmp_path / "backups").glob("executor-ledger_0001-*.sql.gz")

    other = Database(postgres_database.kind, postgres.url(postgres.create()), postgres)
    engine = open_engine(sa.make_url(other.sa_url_text), "executor", "test")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA executor"))
        SCHEMA.upgrade(connection, "ledger_0001")
    engine.dispose()
    psql = [str(binaries() / "psql"), "--set", "ON_ERROR_STOP=1", "--quiet", other.url]
    read = subprocess.run(psql, input=gzip.decompress(backup.read_bytes()), capture_output=True, check=False)

    assert read.returncode == 0, read.stderr.decode()
    assert other.query_ledger(tmp_path, "SELECT birth_id, born_ms FROM meta") == [("old", 5)]
    assert other.query_ledger(tmp_path, "SELECT after_id FROM cursors") == [("a\\tb\\\\c",)]
    postgres.drop(other.name)


def test_nothing_is_upgraded_while_its_service_runs(
    config: Path, tmp_path: Path, database: Database, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(ledger_url, 1):
        code, said = run(capsys, "upgrade", config)
    assert (code, "the executor is running" in said) == (4, True)
    with open_stores(tmp_path, database.sa_url, [BTC], open_dbos_engine):
        code, said = run(capsys, "upgrade", config)
    assert (code, "the orchestrator is running" in said) == (4, True)
    assert "stop it first" in said


def test_tables_of_the_future_are_left_alone(
    config: Path, tmp_path: Path, database: Database, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(ledger_url, 1), open_stores(tmp_path, database.sa_url, [BTC], open_dbos_engine):
        pass
    database.query_ledger(tmp_path, "UPDATE alembic_version SET version_num = 'ledger_9999'")
    database.query_state(tmp_path, BTC, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaError, match="ledger_9999, written by a newer version"), open_ledger(ledger_url, 1):
        pass
    with (
        pytest.raises(UnfinishableError, match="9999, written by a newer version"),
        open_stores(tmp_path, database.sa_url, [BTC], open_dbos_engine),
    ):
        pass
    code, said = run(capsys, "upgrade", config)
    assert code == 5
    assert "written by a newer version" in said


def test_a_migration_that_fails_leaves_everything_as_it_was(
    config: Path, tmp_path: Path, database: Database, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_old_ledger(ledger_url)
    database.query_ledger(tmp_path, "ALTER TABLE meta ADD COLUMN holder TEXT")  # the migration will trip over it

    code, said = run(capsys, "upgrade", config)

    assert code == 1
    assert f"ledger: the upgrade from ledger_0001 to {SCHEMA.newest()} failed" in said
    assert "the backup is in" in said
    versions = database.query_ledger(tmp_path, "SELECT version_num FROM alembic_version")
    assert versions == [("ledger_0001",)]
    assert database.query_ledger(tmp_path, "SELECT birth_id FROM meta") == [("old",)]


def test_a_database_that_does_not_answer_exits_with_6(tmp_path: Path) -> None:
    config = tmp_path / "grid.toml"
    config.write_text(
        '[database]\nurl = "postgresql://user:secret-word@127.0.0.1:1/name"\n[[grids]]\nsymbol = "BTC/USDT"\n',
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, "-m", "gridctl", "db", "status", "--config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 6
    assert "postgresql://127.0.0.1:1/name" in ended.stderr
    assert "secret-word" not in ended.stderr + ended.stdout


def test_begin_anew_puts_everything_aside_and_deletes_nothing(
    config: Path, tmp_path: Path, database: Database, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(ledger_url, 1) as ledger, open_stores(tmp_path, database.sa_url, (BTC,), open_dbos_engine):
        before = ledger.birth_id
        held, refusal = run(capsys, "begin-anew --yes", config)
    asked, plan = run(capsys, "begin-anew", config)
    with open_ledger(ledger_url, 2) as ledger:
        assert ledger.birth_id == before
    done, said = run(capsys, "begin-anew --yes", config)
    again, nothing = run(capsys, "begin-anew --yes", config)
    with open_ledger(ledger_url, 3) as ledger:
        assert ledger.birth_id != before
    assert (held, asked, done, again) == (4, 1, 0, 0), (refusal, plan, said, nothing)
    assert "would be put aside" in plan
    assert nothing.count("nothing to put aside") == len(nothing.splitlines())
    if not database.url:
        (aside,) = tmp_path.glob("ledger.sqlite.aside-*")
        with open_ledger(f"sqlite:///{aside}", 4) as ledger:
            assert ledger.birth_id == before

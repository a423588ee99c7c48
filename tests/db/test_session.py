"""A session that outlives its server: what was asked is done once, and its lock is held again or known to be lost."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from griddb.errors import DamagedError, UnreachableError
from griddb.reach import until_reachable
from griddb.session import Session, lock_key
from griddb.urls import parse_url
from gridtesting.databases import Database
from gridtesting.postgres import PASSWORD, PostgresServer, running_postgres
from gridtesting.waiting import until

KEY = lock_key("test")
OURS = sa.text("SELECT count(*) FROM seen WHERE number = 1")


class RefusedError(Exception):
    """The lock is another's."""


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A server of the test's own, to be killed; its commits reach the disk."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.fixture
def open_session(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Session]]:
    opened: list[Session] = []

    def open_once(url: str) -> Session:
        opened.append(Session(parse_url(url, "url"), "public", "test"))
        return opened[-1]

    yield open_once
    for session in opened:
        session.close()


def count(session: Session) -> int:
    found: int = session.run(lambda connection: connection.execute(sa.text("SELECT count(*) FROM seen")).scalar_one())
    return found


def make(session: Session) -> None:
    def create(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE seen (number bigint)"))
        connection.execute(sa.text("CREATE TABLE commits (name text PRIMARY KEY, session text, number bigint)"))

    session.run(create)


def note(connection: sa.Connection) -> None:
    connection.execute(sa.text("INSERT INTO seen VALUES (1)"))


async def test_what_is_asked_while_the_server_is_down_is_done_once_it_is_up(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    mortal.kill()
    asked = asyncio.create_task(asyncio.to_thread(session.run, note))
    await until(lambda: session.away != "", "the loss to be noticed")
    assert PASSWORD not in session.away
    mortal.start()
    await asked
    assert session.away == ""
    assert count(session) == 1


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
async def test_a_commit_whose_answer_was_lost_is_looked_up_and_not_repeated(
    mortal: PostgresServer, open_session: Callable[[str], Session], committed: bool
) -> None:
    session = open_session(mortal.url())
    make(session)
    calls = 0

    def work(connection: sa.Connection) -> int:
        nonlocal calls
        calls += 1
        note(connection)
        if calls == 1:
            sa.event.listen(connection, "commit", cut, once=True)
        return calls

    def cut(connection: sa.Connection) -> None:
        """The network breaks as the commit is sent: after it has got through, or before."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        if committed:
            driver.execute("COMMIT")
        with psycopg.connect(mortal.url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [driver.info.backend_pid])

    answer = await asyncio.to_thread(session.run, work)

    assert calls == (1 if committed else 2)
    assert answer == calls
    assert count(session) == 1


async def test_what_a_crashed_server_has_lost_is_done_again_though_others_have_its_transaction_id_now(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    session.run(note)
    calls = 0

    def work(connection: sa.Connection) -> None:
        nonlocal calls
        calls += 1
        note(connection)
        if calls == 1:
            sa.event.listen(connection, "commit", crash, once=True)

    def crash(connection: sa.Connection) -> None:
        """Before a word of it reached the disk. The ids of such transactions are given away again."""
        (lost,) = connection.execute(sa.text("SELECT CAST(pg_current_xact_id() AS text)")).one()
        mortal.kill()
        mortal.start()
        with psycopg.connect(mortal.url(), autocommit=True) as other:
            for _ in range(5):
                other.execute("INSERT INTO seen VALUES (2)")
            found = other.execute("SELECT pg_xact_status(%s::text::xid8)", [lost]).fetchone()
        assert found == ("committed",)

    await asyncio.to_thread(session.run, work)

    assert calls == 2
    assert session.run(lambda connection: connection.execute(OURS).scalar_one()) == 2


async def test_a_lock_is_held_again_on_a_new_connection(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session, other = open_session(mortal.url()), open_session(mortal.url())
    session.hold(KEY, RefusedError)
    mortal.kill()
    mortal.start()
    session.ping()
    with pytest.raises(RefusedError):
        await asyncio.to_thread(other.hold, KEY, RefusedError)


async def test_whoever_finds_its_lock_taken_while_it_was_away_is_told_so(
    postgres_database: Database, open_session: Callable[[str], Session]
) -> None:
    session, other = open_session(postgres_database.url), open_session(postgres_database.url)
    session.hold(KEY, RefusedError)
    with psycopg.connect(postgres_database.url, autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    other.hold(KEY, RefusedError)
    with pytest.raises(RefusedError):
        await asyncio.to_thread(session.run, lambda connection: None)


async def test_the_lock_of_a_process_that_is_just_dying_is_waited_for(
    postgres_database: Database, open_session: Callable[[str], Session]
) -> None:
    dying, session = open_session(postgres_database.url), open_session(postgres_database.url)
    dying.hold(KEY, RefusedError)
    taking = asyncio.create_task(asyncio.to_thread(session.hold, KEY, RefusedError))
    with psycopg.connect(postgres_database.url, autocommit=True) as looking:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: looking.execute(waiting).fetchone() == (1,), "the second to wait")
    dying.close()
    await taking


async def test_a_session_that_is_closed_waits_no_longer(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    mortal.kill()
    asked = asyncio.create_task(asyncio.to_thread(session.run, note))
    await until(lambda: session.away != "", "the loss to be noticed")
    session.stop_waiting()
    with pytest.raises(UnreachableError) as refused:
        await asked
    assert refused.value.exit_code == 6
    assert PASSWORD not in str(refused.value)


async def test_a_server_that_was_made_read_only_is_waited_for(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    """As hosted ones are when their disk is nearly full, and standbys always."""
    session = open_session(mortal.url())
    make(session)
    with psycopg.connect(mortal.url(), autocommit=True) as operator:
        operator.execute("ALTER SYSTEM SET default_transaction_read_only TO on")
        operator.execute("SELECT pg_reload_conf()")
        await until(lambda: asked(mortal, "SHOW default_transaction_read_only") == "on", "it to be read-only")
        writing = asyncio.create_task(asyncio.to_thread(session.run, note))
        await until(lambda: "cannot go on" in session.away, "the session to say so")
        operator.execute("SET default_transaction_read_only TO off")
        operator.execute("ALTER SYSTEM RESET default_transaction_read_only")
        operator.execute("SELECT pg_reload_conf()")
        await writing
    assert "read-only" not in session.away
    assert count(session) == 1


def test_a_page_that_the_server_cannot_read_ends_it_with_what_to_restore(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    session.run(note)
    file = Path(asked(mortal, "SHOW data_directory")) / asked(mortal, "SELECT pg_relation_filepath('seen')")
    with psycopg.connect(mortal.url(), autocommit=True) as operator:
        operator.execute("CHECKPOINT")
    mortal.kill()
    with file.open("r+b") as page:
        page.seek(100)
        page.write(b"\xa5" * 1000)
    mortal.start()
    with pytest.raises(DamagedError) as refused:
        count(session)
    assert refused.value.exit_code == 5
    assert "restore a backup of the whole database" in str(refused.value)
    assert PASSWORD not in str(refused.value)


def asked(server: PostgresServer, question: str) -> str:
    with psycopg.connect(server.url()) as connection:
        (answer,) = connection.execute(question.encode()).fetchone() or ("",)
    return str(answer)


def test_an_error_of_the_statement_is_no_outage(
    postgres_database: Database, open_session: Callable[[str], Session]
) -> None:
    session = open_session(postgres_database.url)
    with pytest.raises(sa.exc.ProgrammingError):
        session.run(lambda connection: connection.execute(sa.text("SELECT nothing FROM nowhere")))
    assert session.away == ""


def test_a_server_that_is_starting_is_waited_for(mortal: PostgresServer) -> None:
    mortal.kill()
    starting = threading.Thread(target=mortal.start)
    starting.start()
    until_reachable(parse_url(mortal.url(), "url"), wait_seconds=30)
    starting.join()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.set(port=1), "refused"),
        (lambda url: url.set(password="wrong-secret"), "authentication failed"),
        (lambda url: url.set(database="nothing"), "does not exist"),
    ],
    ids=["nobody there", "wrong password", "no such database"],
)
def test_a_server_that_will_not_have_us_is_named_without_the_password(
    postgres: PostgresServer, change: Callable[[sa.URL], sa.URL], said: str
) -> None:
    url = change(parse_url(postgres.url(), "url"))
    with pytest.raises(UnreachableError) as refused:
        until_reachable(url, wait_seconds=0.2)
    sentence = str(refused.value)
    assert said in sentence
    assert f"127.0.0.1:{url.port}" in sentence
    assert "DATABASE_URL" in sentence
    assert "secret" not in sentence

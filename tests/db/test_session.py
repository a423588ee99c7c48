"""A session that outlives its server: what was asked is done once, and its lock is held again or known to be lost."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from griddb.errors import CommitUnknownError, DamagedError, UnreachableError
from griddb.first_connection import until_reachable
from griddb.postgres_session import Session, lock_key
from griddb.urls import parse_url
from gridtesting.live.databases import Database
from gridtesting.live.postgres import PASSWORD, PostgresServer, running_postgres
from gridtesting.waiting import until

KEY = lock_key("test")


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


class Broken:
    """Work that leaves a note. What breaks its first commit is called as that begins."""

    def __init__(self, breaks: Callable[[sa.Connection], None]) -> None:
        self.calls = 0
        self._breaks = breaks

    def __call__(self, connection: sa.Connection) -> int:
        self.calls += 1
        note(connection)
        if self.calls == 1:
            sa.event.listen(connection, "commit", self._breaks, once=True)
        return self.calls


def cut(connection: sa.Connection, url: str, *, committed: bool) -> None:
    """The network breaks as the commit is sent: after it has got through, or before."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if committed:
        driver.execute("COMMIT")
        driver.execute("BEGIN")  # else the driver has nothing to commit, and does not ask
    as_operator(url, f"SELECT pg_terminate_backend({driver.info.backend_pid})")


def as_operator(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as operator:
        for statement in statements:
            operator.execute(statement.encode())


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
async def test_a_commit_whose_answer_was_lost_is_looked_up_and_not_repeated(
    mortal: PostgresServer, open_session: Callable[[str], Session], committed: bool
) -> None:
    session = open_session(mortal.url())
    make(session)
    work = Broken(lambda connection: cut(connection, mortal.url(), committed=committed))

    answer = await asyncio.to_thread(session.run, work)

    assert work.calls == (1 if committed else 2)
    assert answer == work.calls
    assert count(session) == 1


async def test_what_a_crashed_server_has_lost_is_done_again_though_others_have_its_transaction_id_now(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    as_operator(mortal.url(), "ALTER SYSTEM SET wal_writer_delay = '10s'")  # nothing reaches the disk but by a commit
    mortal.kill()
    mortal.start()
    session = open_session(mortal.url())
    make(session)

    def crash(connection: sa.Connection) -> None:
        lost = connection.execute(sa.text("SELECT CAST(pg_current_xact_id() AS text)")).scalar_one()
        mortal.kill()
        mortal.start()
        as_operator(mortal.url(), *["INSERT INTO seen VALUES (2)"] * 5)
        with psycopg.connect(mortal.url()) as other:
            found = other.execute("SELECT pg_xact_status(%s::text::xid8)", [lost]).fetchone()
        assert found == ("committed",)

    work = Broken(crash)

    await asyncio.to_thread(session.run, work)

    assert work.calls == 2
    assert count(session) == 1 + 5


async def test_a_commit_that_is_still_under_way_is_waited_for(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    sleeping = 0

    def leave(connection: sa.Connection) -> None:
        nonlocal sleeping
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        sleeping = driver.info.backend_pid
        os.kill(sleeping, signal.SIGSTOP)
        driver.pgconn.send_query(b"COMMIT")  # it is received, and done once the server's process wakes up
        driver.close()

    work = Broken(leave)
    asked = asyncio.create_task(asyncio.to_thread(session.run, work))
    await until(lambda: "still ending" in session.away, "the transaction to be met")
    os.kill(sleeping, signal.SIGCONT)
    await asked
    assert work.calls == 1
    assert count(session) == 1


async def test_a_standby_is_not_asked_what_became_of_a_commit(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)

    def move(_connection: sa.Connection) -> None:
        mortal.kill()
        mortal.start(standby=True)

    work = Broken(move)
    asked = asyncio.create_task(asyncio.to_thread(session.run, work))
    await until(lambda: "is a standby" in session.away, "the standby to be noticed")
    assert work.calls == 1
    other = open_session(mortal.url())
    assert other.read(lambda connection: connection.execute(sa.text("SELECT count(*) FROM seen")).scalar_one()) == 0
    as_operator(mortal.url(), "SELECT pg_promote()")
    await asked
    assert count(session) == 1


async def test_after_a_commit_of_unknown_outcome_the_next_one_is_distinguished_from_it(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)

    def cut_and_hide(connection: sa.Connection) -> None:
        cut(connection, mortal.url(), committed=True)
        as_operator(mortal.url(), "ALTER TABLE commits RENAME TO hidden")

    with pytest.raises(sa.exc.ProgrammingError, match="commits"):
        await asyncio.to_thread(session.run, Broken(cut_and_hide))
    as_operator(mortal.url(), "ALTER TABLE hidden RENAME TO commits")

    work = Broken(lambda connection: cut(connection, mortal.url(), committed=False))
    await asyncio.to_thread(session.run, work)

    assert work.calls == 2
    assert count(session) == 2


async def test_a_database_that_has_lost_what_was_committed_before_is_refused(
    mortal: PostgresServer, open_session: Callable[[str], Session]
) -> None:
    session = open_session(mortal.url())
    make(session)
    session.run(note)

    def restore(connection: sa.Connection) -> None:
        cut(connection, mortal.url(), committed=False)
        as_operator(mortal.url(), "UPDATE commits SET number = number - 1")

    with pytest.raises(CommitUnknownError, match="start again"):
        await asyncio.to_thread(session.run, Broken(restore))


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


async def test_a_session_whose_lock_was_taken_while_it_was_away_gets_an_error(
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

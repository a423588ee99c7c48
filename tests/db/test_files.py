"""A SQLite file that is locked, on a full disk, unwritable, damaged or gone: what is waited for is done once, whole."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from griddb.errors import DamagedError, UnreachableError
from griddb.sqlite_file import RetryingFile
from gridtesting.live.disks import NotPermittedError, SmallDisk, small_disk, unwritable
from gridtesting.waiting import until

ROWS = 200
OpenFile = Callable[[Path], RetryingFile]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "it.sqlite"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(small_disk(tmp_path / "disk", megabytes=4))
        except NotPermittedError as error:
            pytest.skip(str(error))


@pytest.fixture
def open_file() -> Iterator[OpenFile]:
    """With a table of many pages, all of them in the file itself; it stays in use, so its -wal file stays too."""
    with ExitStack() as stack:

        def open_it(path: Path) -> RetryingFile:
            file = RetryingFile(path)
            stack.callback(file.stop_waiting)
            file.open(lambda: write(path, "CREATE TABLE IF NOT EXISTS seen (number INTEGER, filler TEXT)"))
            write(path, *[f"INSERT INTO seen VALUES ({number}, hex(zeroblob(1000)))" for number in range(ROWS)])
            file.move_in()
            reader = stack.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
            reader.execute("SELECT count(*) FROM seen").fetchone()
            return file

        yield open_it


def write(path: Path, *statements: str) -> None:
    """One transaction."""
    with closing(sqlite3.connect(path, timeout=0.01, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.rollback()
            raise


def add(path: Path) -> Callable[[], None]:
    """A transaction of several pages: a half of it must never be there."""
    return lambda: write(path, *["INSERT INTO seen VALUES (-1, hex(zeroblob(5000)))"] * 10)


def added(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM seen WHERE number = -1").fetchone()
    return int(count)


async def until_away(file: RetryingFile, reason: str) -> None:
    await until(lambda: reason in file.away, f"it to say {reason!r} (it says {file.away!r})")


async def test_a_lock_of_another_is_waited_for(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(asyncio.to_thread(file.run, add(path)))
        await until_away(file, "another process holds its lock")
        other.execute("ROLLBACK")
        await writing
    assert file.away == ""
    assert added(path) == 10


async def test_a_full_disk_is_waited_for_and_no_half_is_left(disk: SmallDisk, open_file: OpenFile) -> None:
    path = disk.folder / "it.sqlite"
    file = open_file(path)
    disk.fill()
    writing = asyncio.create_task(asyncio.to_thread(file.run, add(path)))
    await until_away(file, "the disk is full")
    assert added(path) == 0
    disk.free()
    await writing
    assert added(path) == 10


async def test_a_file_that_may_not_be_written_is_waited_for(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    try:
        with unwritable(path, Path(f"{path}-wal")):
            writing = asyncio.create_task(asyncio.to_thread(file.run, add(path)))
            await until_away(file, "cannot be used")
    except NotPermittedError as error:
        pytest.skip(str(error))
    await writing
    assert added(path) == 10


async def test_a_caller_that_stops_waiting_learns_that_nothing_was_done(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(asyncio.to_thread(file.run, add(path)))
        await until_away(file, "lock")
        file.stop_waiting()
        with pytest.raises(UnreachableError, match="cannot be used") as refused:
            await writing
    assert refused.value.exit_code == 6
    assert added(path) == 0


def test_a_start_waits_for_a_lock_for_a_while_only(path: Path, open_file: OpenFile) -> None:
    open_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnreachableError, match="another process holds its lock"):
            RetryingFile(path, opening_seconds=0.1).open(add(path))


def test_an_error_of_the_statement_is_no_fault_of_the_file(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        file.run(lambda: write(path, "INSERT INTO nowhere VALUES (1)"))
    assert file.away == ""


def overwrite_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xa5" * 4096)


def cut_off_the_end(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite_the_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


@pytest.mark.parametrize("tear", [overwrite_a_page, cut_off_the_end, empty, overwrite_the_head])
def test_a_torn_file_is_refused_with_what_to_restore(
    path: Path, tear: Callable[[Path], None], open_file: OpenFile
) -> None:
    open_file(path)
    tear(path)
    torn = path.read_bytes()
    with pytest.raises(DamagedError) as refused:
        RetryingFile(path).open(lambda: write(path, "CREATE TABLE IF NOT EXISTS seen (number INTEGER)"))
    assert refused.value.exit_code == 5
    assert str(refused.value).startswith(f"the file {path} is {'damaged' if torn else 'empty'}")
    assert "restore state, workflows and ledger" in str(refused.value)
    assert path.read_bytes() == torn, "what is left of it is left as it is"


def test_a_page_found_torn_while_it_is_in_use_ends_it(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    overwrite_a_page(path)
    with pytest.raises(DamagedError), closing(sqlite3.connect(path)) as connection:
        file.run(lambda: connection.execute("SELECT sum(length(filler)) FROM seen").fetchone())


def test_a_file_that_is_removed_or_replaced_in_use_is_noticed(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    file.ping()
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)
    with pytest.raises(DamagedError, match="removed or replaced"):
        file.ping()
    path.unlink()
    with pytest.raises(DamagedError, match="removed or replaced"):
        file.ping()


def test_a_file_without_its_wal_is_old_and_not_empty(path: Path, open_file: OpenFile) -> None:
    file = open_file(path)
    file.run(add(path))
    alone = path.with_name("alone.sqlite")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (ROWS,)

"""The embedded store: one SQLite file per symbol, the specification's single row of state beside the journal.

The lease is a lock on a file beside it, which the operating system gives back for a killed process, and an epoch in the
file, raised by every start, which each commit checks.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite import insert

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from gridcore.model.state import State
from griddb.errors import DatabaseError
from griddb.sqlite_file import BUSY_MS, RetryingFile
from gridrpc.convert_state import state_from_json, state_json
from gridrpc.errors import InvalidArgument
from gridservice.crash_point import around, crash_point
from orchestrator.errors import ConflictError, DatabaseStopError, LeaseLostError, UnfinishableError
from orchestrator.store.compiled_sql import SqliteStatement
from orchestrator.store.file_lock import FileLock
from orchestrator.store.journal import JournalRow, Phase
from orchestrator.store.rows import journal_row, phases_json, row_values
from orchestrator.store.schema import meta_table, prepare, state_table, steps_table
from orchestrator.store.state_json import NOTHING, StatePieces, pieces_of

_EPOCH = "epoch"
_LEDGER_CURSOR = "ledger_cursor"
_LOOKED_MS = "looked_ms"

_STORED_SEQ = sa.func.json_extract(state_table.c.data, "$.seq")

# What every commit runs. The first is all that it has to look at before it writes.
_STORED = SqliteStatement(
    sa.text("""
    SELECT (SELECT value FROM meta WHERE key = 'epoch') AS epoch,
           (SELECT data FROM state) AS data,
           EXISTS (SELECT 1 FROM trading_steps WHERE request_id = :request_id) AS repeated
""")
)
_WRITE_STATE = SqliteStatement(insert(state_table).prefix_with("OR REPLACE"))
_WRITE_ROW = SqliteStatement(insert(steps_table))
_SET_PHASES = SqliteStatement(
    sa.update(steps_table).where(steps_table.c.seq == sa.bindparam("of_seq")).values(phases=sa.bindparam("whole"))
)

P = ParamSpec("P")
T = TypeVar("T")


def _patient(
    method: "Callable[Concatenate[SqliteStore, P], T]",
) -> "Callable[Concatenate[SqliteStore, P], T]":
    """Has a method, which is one transaction, run again while its file cannot be used."""

    @functools.wraps(method)
    def run(store: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return store.patiently(lambda: method(store, *args, **kwargs))

    return run


class SqliteStore:
    """A Store on one file. Its calls may come from several threads; they run one after another."""

    def __init__(self, path: Path) -> None:
        """Opens the file, makes its tables. Raises StopError for a file that is damaged or of another version."""
        self._path = path
        self._file = RetryingFile(path)
        self._lock = FileLock(path.with_suffix(".lock"))
        self._mutex = threading.Lock()
        self._epoch = 0
        self._kept = NOTHING  # the state that we wrote last: texts of slots that do not change are not made again
        self._newest: JournalRow | None = None  # written by us
        self._late: dict[int, tuple[Phase, ...]] = {}  # phases of rows that were written before the last one ended
        self._connection: sa.Connection  # one for all, kept: to take it from a pool each time cost as much as a write
        _guarded(lambda: self._file.open(self._prepare))

    def _prepare(self) -> None:
        self._connection = _open(self._path)
        try:
            with around("orchestrator.schema"), self._transaction() as connection:
                prepare(connection, str(self._path))
        except BaseException:  # another try opens another connection, and a refused file is used by nobody
            self._disconnect()
            raise

    @property
    def away(self) -> str:
        """Why the file cannot be used; empty while it can."""
        return self._file.away

    def ping(self) -> None:
        """Looks whether it is still the file that was opened."""
        _guarded(self._file.ping)

    def stop_waiting(self) -> None:
        """From now on a call fails where the file cannot be used."""
        self._file.stop_waiting()

    def patiently(self, transaction: Callable[[], T]) -> T:
        """What the transaction returns, once it is committed. Raises DatabaseStopError where it never will be."""
        return _guarded(lambda: self._file.run(transaction))

    def take_lease(self) -> int:
        """Locks the file's lock and raises the epoch. Raises LeaseLostError where another process has it."""
        self._lock.take(self._path.name)
        self._epoch = self._first_epoch()
        return self._epoch

    @_patient
    def _first_epoch(self) -> int:
        with around("orchestrator.lease"), self._transaction() as connection:
            return self._next_epoch(connection)

    def raise_epoch(self, above: int = 0) -> int:
        """The next epoch, in the file before it is returned."""
        self._epoch = self._higher_epoch(above)
        return self._epoch

    @_patient
    def _higher_epoch(self, above: int) -> int:
        with around("orchestrator.epoch"), self._transaction() as connection:
            return self._next_epoch(connection, above)

    def _next_epoch(self, connection: sa.Connection, above: int = 0) -> int:
        self._check_lease(connection)
        epoch = max(_meta(connection, _EPOCH), above) + 1
        _set_meta(connection, _EPOCH, epoch)
        return epoch

    @_patient
    def load_state(self) -> State | None:
        """The stored state. Raises UnfinishableError where its text cannot be read."""
        with self._transaction() as connection:
            text = _stored_text(connection)
        if text is None:
            return None
        try:
            return state_from_json(text)
        except InvalidArgument as error:
            raise UnfinishableError(
                f"the state in {self._path} cannot be read ({error.message}): restore a backup of the file, "
                "or start the version that wrote it"
            ) from error

    @_patient
    def save_state(self, state: State) -> None:
        """Stores a state without a step. Raises ConflictError unless it is the first, or the next seq."""
        with around("orchestrator.save"), self._transaction() as connection:
            self._check_lease(connection)
            self._check_follows(connection, state.seq)
            _write_state(connection, state_json(state), state.last_update_time)
        self._file.move_in()

    @_patient
    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Puts the ledger's birth id into the stored state."""
        with around("orchestrator.bind"), self._transaction() as connection:
            self._check_lease(connection)
            state = replace(state_from_json(_stored_text(connection) or ""), ledger_birth_id=ledger_birth_id)
            _write_state(connection, state_json(state), state.last_update_time)

    @_patient
    def commit(self, plan: Plan, results: Sequence[ActionResult], state: State, phases: Sequence[Phase]) -> JournalRow:
        """State and journal row in one transaction; a repetition returns what is stored and writes nothing."""
        after = pieces_of(state, self._kept)
        with around("orchestrator.commit"), self._transaction() as connection:
            epoch, data, repeated = _STORED.on(connection, {"request_id": plan.request_id}).fetchone()
            if repeated:
                return self._repeated(connection, plan.request_id)
            self._refuse_other_epoch(epoch or 0)
            before = self._kept_or_stored(data)
            self._refuse_other_seq(before.seq, plan.seq)
            row = JournalRow(
                plan=plan,
                results=tuple(results),
                digest_before=before.digest,
                digest_after=after.digest,
                phases=tuple(phases),
                committed_time_ms=time.time_ns() // 1_000_000,
            )
            _write_state(connection, after.text, state.last_update_time)
            _write_row(connection, row)
            for seq, whole in self._late.items():
                _set_phases(connection, seq, whole)
            crash_point("orchestrator.commit.written")
        self._kept, self._newest = after, row
        self._late.clear()
        return row

    def _kept_or_stored(self, text: str | None) -> StatePieces:
        """The stored state: as we wrote it, or read where that was another process or another statement of ours."""
        if text is None:
            return NOTHING
        return self._kept if text == self._kept.text else pieces_of(state_from_json(text))

    def _repeated(self, connection: sa.Connection, request_id: str) -> JournalRow:
        row = _find(connection, steps_table.c.request_id == request_id)
        assert row is not None, "it was there a moment ago, in this transaction"
        return self._with_late(row)

    def add_phase(self, seq: int, phase: Phase) -> None:
        """Kept in memory, read with the row, and written with the next commit: a reading aid, not worth a flush."""
        newest = self._newest
        row = newest if newest is not None and newest.plan.seq == seq else self.find_step(seq=seq)
        if row is not None:
            self._late[seq] = (*row.phases, phase)

    @_patient
    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """The row of a request where one is named, else of a seq."""
        wanted = steps_table.c.request_id == request_id if request_id else steps_table.c.seq == seq
        with self._transaction() as connection:
            row = _find(connection, wanted)
            return None if row is None else self._with_late(row)

    @_patient
    def last_steps(self, limit: int) -> list[JournalRow]:
        """The newest rows, newest first."""
        query = sa.select(steps_table).order_by(steps_table.c.seq.desc()).limit(limit)
        with self._transaction() as connection:
            return [self._with_late(journal_row(row)) for row in connection.execute(query)]

    @_patient
    def ledger_cursor(self) -> int:
        """The accepted_seq that the last start reached."""
        with self._transaction() as connection:
            return _meta(connection, _LEDGER_CURSOR)

    @_patient
    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Keeps it for the next start."""
        with around("orchestrator.cursor"), self._transaction() as connection:
            self._check_lease(connection)
            _set_meta(connection, _LEDGER_CURSOR, accepted_seq)

    @_patient
    def last_look(self) -> int:
        """The time of the newest note."""
        with self._transaction() as connection:
            return _meta(connection, _LOOKED_MS)

    @_patient
    def note_look(self, at_ms: int) -> None:
        """Keeps it for the next start."""
        with around("orchestrator.note_look"), self._transaction() as connection:
            self._check_lease(connection)
            _set_meta(connection, _LOOKED_MS, at_ms)

    @_patient
    def prune(self, before_ms: int) -> int:
        """Deletes older rows but for the newest one."""
        with around("orchestrator.prune"), self._transaction() as connection:
            self._check_lease(connection)
            return _prune(connection, before_ms)

    def close(self) -> None:
        """Closes the file and gives the lease back."""
        with self._mutex:
            self._disconnect()
            self._lock.release()

    def _disconnect(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._mutex, self._connection.begin():
            yield self._connection

    def _with_late(self, row: JournalRow) -> JournalRow:
        phases = self._late.get(row.plan.seq)
        return row if phases is None else replace(row, phases=phases)

    def _check_lease(self, connection: sa.Connection) -> None:
        self._refuse_other_epoch(_meta(connection, _EPOCH))

    def _refuse_other_epoch(self, stored: int) -> None:
        if self._epoch and stored != self._epoch:
            raise LeaseLostError(
                f"{self._path.name} is at epoch {stored}, this orchestrator holds {self._epoch}: another one has taken "
                "over; stop one of them"
            )

    def _check_follows(self, connection: sa.Connection, seq: int) -> None:
        stored = connection.execute(sa.select(_STORED_SEQ)).scalar_one_or_none()
        self._refuse_other_seq(-1 if stored is None else int(stored), seq)

    def _refuse_other_seq(self, stored: int, seq: int) -> None:
        """`stored` is -1 where there is no state."""
        expected = stored + 1
        if seq != expected:
            raise ConflictError(
                f"{self._path.name} expects step {expected}, not {seq}: something else wrote it; "
                "compare it with a backup before starting again"
            )


def _open(path: Path) -> sa.Connection:
    url = sa.URL.create("sqlite", database=str(path))  # in a text, %E5 would be a sign of another name
    engine = sa.create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # The driver's own transactions begin late and skip DDL: begin them ourselves, below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine.connect()


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except DatabaseError as error:
        raise DatabaseStopError(error) from error


def _stored_text(connection: sa.Connection) -> str | None:
    return connection.execute(sa.select(state_table.c.data)).scalar_one_or_none()


def _write_state(connection: sa.Connection, text: str, updated_at_ns: int) -> None:
    row = {"id": 1, "data": text, "updated_at": updated_at_ns}
    _WRITE_STATE.on(connection, row)


def _write_row(connection: sa.Connection, row: JournalRow) -> None:
    _WRITE_ROW.on(connection, row_values(row))


def _set_phases(connection: sa.Connection, seq: int, phases: Sequence[Phase]) -> None:
    _SET_PHASES.on(connection, {"of_seq": seq, "whole": phases_json(phases)})


def _prune(connection: sa.Connection, before_ms: int) -> int:
    newest = sa.select(sa.func.max(steps_table.c.seq)).scalar_subquery()
    old = sa.delete(steps_table).where(steps_table.c.committed_time_ms < before_ms, steps_table.c.seq < newest)
    return connection.execute(old).rowcount


def _find(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> JournalRow | None:
    row = connection.execute(sa.select(steps_table).where(wanted)).one_or_none()
    return None if row is None else journal_row(row)


def _meta(connection: sa.Connection, key: str) -> int:
    query = sa.select(meta_table.c.value).where(meta_table.c.key == key)
    return connection.execute(query).scalar_one_or_none() or 0


def _set_meta(connection: sa.Connection, key: str, value: int) -> None:
    connection.execute(insert(meta_table).prefix_with("OR REPLACE"), {"key": key, "value": value})

"""The embedded store: one SQLite file per symbol, with the specification's single row of state and the journal.

The lease has two parts. A lock on a file beside it is released by the operating system when the process ends. An epoch
in the database is raised by every startup and checked by each commit.
"""

import contextlib
import functools
import threading
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
from griddb.errors import LeaseLostError
from griddb.sqlite_file import BUSY_MS, RetryingFile
from gridrpc.convert_state import state_from_json, state_json
from gridrpc.errors import InvalidArgument
from gridservice.clock import now_ms
from gridservice.crash_point import around, crash_point
from orchestrator.errors import ConflictError, UnfinishableError
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

# Every commit runs these statements. The first reads all that must be checked before writing.
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
    """Retries a method, which is one transaction, while its file is unavailable."""

    @functools.wraps(method)
    def run(store: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return store.patiently(lambda: method(store, *args, **kwargs))

    return run


class SqliteStore:
    """Implements Store with one file. Thread-safe; calls run one after another."""

    def __init__(self, path: Path) -> None:
        """Opens the file and creates its tables. Raises StopError if it is damaged or has another schema version."""
        self._path = path
        self._file = RetryingFile(path)
        self._lock = FileLock(path.with_suffix(".lock"))
        self._mutex = threading.Lock()
        self._epoch = 0
        self._kept = NOTHING  # the last written state: unchanged slots are not serialised again
        self._newest: JournalRow | None = None  # last row written by this process
        self._late: dict[int, tuple[Phase, ...]] = {}  # by seq: all phases of rows whose last phase is not written yet
        self._connection: sa.Connection  # kept open: taking one from a pool each time cost as much as a write
        self._file.open(self._prepare)

    def _prepare(self) -> None:
        self._connection = _open(self._path)
        try:
            with around("orchestrator.schema"), self._transaction() as connection:
                prepare(connection, str(self._path))
        except BaseException:  # a retry opens a new connection; a rejected file must not stay open
            self._disconnect()
            raise

    @property
    def away(self) -> str:
        """Why the file is unavailable; empty while it is available."""
        return self._file.away

    def ping(self) -> None:
        """Checks that it is still the file that was opened."""
        self._file.ping()

    def stop_waiting(self) -> None:
        """Makes calls fail while the file is unavailable, instead of waiting."""
        self._file.stop_waiting()

    def patiently(self, transaction: Callable[[], T]) -> T:
        """Retries the transaction until it commits; returns its result. Raises DatabaseError if it never will."""
        return self._file.run(transaction)

    def take_lease(self) -> int:
        """Takes the file lock and raises the epoch. Raises LeaseLostError if another process holds the lock."""
        self._lock.take(self._path.name)
        self._epoch = self._first_epoch()
        return self._epoch

    @_patient
    def _first_epoch(self) -> int:
        with around("orchestrator.lease"), self._transaction() as connection:
            return self._next_epoch(connection)

    def raise_epoch(self, above: int = 0) -> int:
        """Raises the epoch, above `above` too; commits it before it is returned."""
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
        """Returns the stored state. Raises UnfinishableError if its JSON cannot be parsed."""
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
        """Stores a state that is not the result of a step. Raises ConflictError unless it is the first or the next."""
        with around("orchestrator.save"), self._transaction() as connection:
            self._check_lease(connection)
            self._check_follows(connection, state.seq)
            _write_state(connection, state_json(state), state.last_update_time)
        self._file.move_in()

    @_patient
    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Writes the ledger's birth id into the stored state."""
        with around("orchestrator.bind"), self._transaction() as connection:
            self._check_lease(connection)
            state = replace(state_from_json(_stored_text(connection) or ""), ledger_birth_id=ledger_birth_id)
            _write_state(connection, state_json(state), state.last_update_time)

    @_patient
    def commit(
        self,
        plan: Plan,
        results: Sequence[ActionResult],
        state: State,
        phases: Sequence[Phase],
        *,
        plan_text: str = "",
    ) -> JournalRow:
        """Commits state and journal row in one transaction; a repeated request returns its row and writes nothing."""
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
                committed_time_ms=now_ms(),
                plan_text=plan_text,
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
        """Returns the stored state: from memory if this store wrote exactly this text last, else parsed."""
        if text is None:
            return NOTHING
        return self._kept if text == self._kept.text else pieces_of(state_from_json(text))

    def _repeated(self, connection: sa.Connection, request_id: str) -> JournalRow:
        row = _find(connection, steps_table.c.request_id == request_id)
        assert row is not None, "it was there a moment ago, in this transaction"
        return self._with_late(row)

    def add_phase(self, seq: int, phase: Phase) -> None:
        """Keeps the phase in memory until the next commit writes it: it is informative and not worth a flush."""
        newest = self._newest
        row = newest if newest is not None and newest.plan.seq == seq else self.find_step(seq=seq)
        if row is not None:
            self._late[seq] = (*row.phases, phase)

    @_patient
    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """Returns the row of the request id if given, else of the seq."""
        wanted = steps_table.c.request_id == request_id if request_id else steps_table.c.seq == seq
        with self._transaction() as connection:
            row = _find(connection, wanted)
            return None if row is None else self._with_late(row)

    @_patient
    def last_steps(self, limit: int) -> list[JournalRow]:
        """Returns the newest rows, newest first."""
        query = sa.select(steps_table).order_by(steps_table.c.seq.desc()).limit(limit)
        with self._transaction() as connection:
            return [self._with_late(journal_row(row)) for row in connection.execute(query)]

    @_patient
    def ledger_cursor(self) -> int:
        """Returns the stored accepted_seq."""
        with self._transaction() as connection:
            return _meta(connection, _LEDGER_CURSOR)

    @_patient
    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Stores the accepted_seq for the next startup."""
        with around("orchestrator.cursor"), self._transaction() as connection:
            self._check_lease(connection)
            _set_meta(connection, _LEDGER_CURSOR, accepted_seq)

    @_patient
    def last_look(self) -> int:
        """Returns the recorded time, Unix ms."""
        with self._transaction() as connection:
            return _meta(connection, _LOOKED_MS)

    @_patient
    def note_look(self, at_ms: int) -> None:
        """Records the time for the next startup."""
        with around("orchestrator.note_look"), self._transaction() as connection:
            self._check_lease(connection)
            _set_meta(connection, _LOOKED_MS, at_ms)

    @_patient
    def prune(self, before_ms: int) -> int:
        """Deletes older rows except the newest one; returns how many."""
        with around("orchestrator.prune"), self._transaction() as connection:
            self._check_lease(connection)
            return _prune(connection, before_ms)

    def close(self) -> None:
        """Closes the file and releases the lease."""
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
        """Raises ConflictError unless `seq` is the stored one plus one. `stored` is -1 if there is no state."""
        expected = stored + 1
        if seq != expected:
            raise ConflictError(
                f"{self._path.name} expects step {expected}, not {seq}: something else wrote it; "
                "compare it with a backup before starting again"
            )


def _open(path: Path) -> sa.Connection:
    url = sa.URL.create("sqlite", database=str(path))  # not parsed from text, where %E5 would be decoded
    engine = sa.create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # The driver begins transactions late and not for DDL, so they are begun below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine.connect()


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

"""The embedded store: one SQLite file per symbol, the specification's single row of state beside the journal.

The lease is a lock on a file beside it, which the operating system gives back for a killed process, and an epoch in the
file, raised by every start, which each commit checks.
"""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite import insert

from gridcore.actions import ActionResult
from gridcore.state import State
from gridcore.triggers import Plan
from gridrpc.convert_state import digest_of_json, state_from_json, state_json
from gridrpc.crash import around, crash_point
from gridrpc.faults import InvalidArgument
from orchestrator.errors import ConflictError, LeaseLostError, UnfinishableError
from orchestrator.journal import JournalRow, Phase
from orchestrator.store.locks import FileLock
from orchestrator.store.rows import journal_row, phases_json, row_values
from orchestrator.store.schema import meta_table, prepare, state_table, steps_table
from orchestrator.store.state_pieces import NOTHING, pieces_of

_EPOCH = "epoch"
_LEDGER_CURSOR = "ledger_cursor"

# What every commit runs, put together once. The first is all that it has to look at before it writes.
_STORED_SEQ = sa.func.json_extract(state_table.c.data, "$.seq")
_STORED = sa.text("""
    SELECT (SELECT value FROM meta WHERE key = 'epoch') AS epoch,
           (SELECT data FROM state) AS data,
           (SELECT json_extract(data, '$.seq') FROM state) AS seq,
           EXISTS (SELECT 1 FROM trading_steps WHERE request_id = :request_id) AS repeated
""")
_WRITE_STATE = insert(state_table).prefix_with("OR REPLACE")
_WRITE_ROW = insert(steps_table)
_SET_PHASES = (
    sa.update(steps_table).where(steps_table.c.seq == sa.bindparam("of_seq")).values(phases=sa.bindparam("whole"))
)


def state_path(data_dir: Path, symbol: str) -> Path:
    """Where a symbol is kept: `state-BTC-USDT.sqlite`."""
    return data_dir / f"state-{re.sub('[^A-Za-z0-9]+', '-', symbol)}.sqlite"


class SqliteStore:
    """A Store on one file. Its calls may come from several threads; they run one after another."""

    def __init__(self, path: Path) -> None:
        """Opens the file, makes its tables. Raises UnfinishableError for a file of another version."""
        self._path = path
        self._lock = FileLock(path.with_suffix(".lock"))
        self._mutex = threading.Lock()
        self._epoch = 0
        self._kept = NOTHING  # the state that we wrote last: texts of slots that do not change are not made again
        self._newest: JournalRow | None = None  # written by us
        self._late: dict[int, tuple[Phase, ...]] = {}  # phases of rows that were written before the last one ended
        self._engine = _open(path)
        with around("orchestrator.schema"), self._engine.begin() as connection:
            prepare(connection, str(path))

    @property
    def away(self) -> str:
        """A file is never away."""
        return ""

    def ping(self) -> None:
        """A file is there."""

    def stop_waiting(self) -> None:
        """Nothing waits for a file."""

    def take_lease(self) -> int:
        """Locks the file's lock and raises the epoch. Raises LeaseLostError where another process has it."""
        self._lock.take(self._path.name)
        with around("orchestrator.lease"), self._mutex, self._engine.begin() as connection:
            return self._next_epoch(connection)

    def raise_epoch(self) -> int:
        """The next epoch, in the file before it is returned."""
        with around("orchestrator.epoch"), self._mutex, self._engine.begin() as connection:
            return self._next_epoch(connection)

    def _next_epoch(self, connection: sa.Connection) -> int:
        self._check_lease(connection)
        self._epoch = _meta(connection, _EPOCH) + 1
        _set_meta(connection, _EPOCH, self._epoch)
        return self._epoch

    def load_state(self) -> State | None:
        """The stored state. Raises UnfinishableError where its text cannot be read."""
        with self._mutex, self._engine.begin() as connection:
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

    def save_state(self, state: State) -> None:
        """Stores a state without a step. Raises ConflictError unless it is the first, or the next seq."""
        with around("orchestrator.save"), self._mutex, self._engine.begin() as connection:
            self._check_lease(connection)
            self._check_follows(connection, state.seq)
            _write_state(connection, state_json(state), state.last_update_time)

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Puts the ledger's birth id into the stored state."""
        with around("orchestrator.bind"), self._mutex, self._engine.begin() as connection:
            self._check_lease(connection)
            state = replace(state_from_json(_stored_text(connection) or ""), ledger_birth_id=ledger_birth_id)
            _write_state(connection, state_json(state), state.last_update_time)

    def commit(self, plan: Plan, results: Sequence[ActionResult], state: State, phases: Sequence[Phase]) -> JournalRow:
        """State and journal row in one transaction; a repetition returns what is stored and writes nothing."""
        after = pieces_of(state, self._kept)
        with around("orchestrator.commit"), self._mutex, self._engine.begin() as connection:
            stored = connection.execute(_STORED, {"request_id": plan.request_id}).one()
            if stored.repeated:
                return self._repeated(connection, plan.request_id)
            self._refuse_other_epoch(stored.epoch or 0)
            self._refuse_other_seq(stored.seq, plan.seq)
            row = JournalRow(
                plan=plan,
                results=tuple(results),
                digest_before=digest_of_json(stored.data or ""),
                digest_after=digest_of_json(after.text),
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

    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """The row of a request where one is named, else of a seq."""
        wanted = steps_table.c.request_id == request_id if request_id else steps_table.c.seq == seq
        with self._mutex, self._engine.begin() as connection:
            row = _find(connection, wanted)
            return None if row is None else self._with_late(row)

    def last_steps(self, limit: int) -> list[JournalRow]:
        """The newest rows, newest first."""
        query = sa.select(steps_table).order_by(steps_table.c.seq.desc()).limit(limit)
        with self._mutex, self._engine.begin() as connection:
            return [self._with_late(journal_row(row)) for row in connection.execute(query)]

    def ledger_cursor(self) -> int:
        """The accepted_seq that the last start reached."""
        with self._mutex, self._engine.begin() as connection:
            return _meta(connection, _LEDGER_CURSOR)

    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Keeps it for the next start."""
        with around("orchestrator.cursor"), self._mutex, self._engine.begin() as connection:
            self._check_lease(connection)
            _set_meta(connection, _LEDGER_CURSOR, accepted_seq)

    def prune(self, before_ms: int) -> int:
        """Deletes older rows but for the newest one."""
        with around("orchestrator.prune"), self._mutex, self._engine.begin() as connection:
            self._check_lease(connection)
            return _prune(connection, before_ms)

    def close(self) -> None:
        """Closes the file and gives the lease back."""
        with self._mutex:
            self._engine.dispose()
            self._lock.release()

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
        self._refuse_other_seq(connection.execute(sa.select(_STORED_SEQ)).scalar_one_or_none(), seq)

    def _refuse_other_seq(self, stored: str | None, seq: int) -> None:
        expected = 0 if stored is None else int(stored) + 1
        if seq != expected:
            raise ConflictError(
                f"{self._path.name} expects step {expected}, not {seq}: something else wrote it; "
                "compare it with a backup before starting again"
            )


def _open(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # The driver's own transactions begin late and skip DDL: begin them ourselves, below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _stored_text(connection: sa.Connection) -> str | None:
    return connection.execute(sa.select(state_table.c.data)).scalar_one_or_none()


def _write_state(connection: sa.Connection, text: str, updated_at_ns: int) -> None:
    row = {"id": 1, "data": text, "updated_at": updated_at_ns}
    connection.execute(_WRITE_STATE, row)


def _write_row(connection: sa.Connection, row: JournalRow) -> None:
    connection.execute(_WRITE_ROW, row_values(row))


def _set_phases(connection: sa.Connection, seq: int, phases: Sequence[Phase]) -> None:
    connection.execute(_SET_PHASES, {"of_seq": seq, "whole": phases_json(phases)})


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

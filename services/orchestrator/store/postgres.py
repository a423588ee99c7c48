"""The store on Postgres: one database for all symbols, one row per slot, a session per symbol that holds its lease.

The lease has two parts. An advisory lock of the writing session is released by the server when the process or its
connection ends. A row with epoch and holder is checked by every write in its own transaction, so a process that lost
its connection while another one held the symbol can no longer write.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from gridcore.model.state import State
from griddb.errors import LeaseLostError
from griddb.postgres_session import Session, lock_key
from gridrpc.errors import InvalidArgument
from gridservice.clock import now_ms
from gridservice.crash_point import around, crash_point
from orchestrator.errors import ConflictError, UnfinishableError
from orchestrator.store import postgres_sql as tables
from orchestrator.store.journal import JournalRow, Phase
from orchestrator.store.postgres_sql import Lease
from orchestrator.store.schema import SCHEMA
from orchestrator.store.state_json import NOTHING, StatePieces, pieces_of, state_from_pieces

T = TypeVar("T")


class PostgresStore:
    """Implements Store with a session of its own. Thread-safe; calls wait during an outage of the server."""

    def __init__(self, url: sa.URL, symbol: str) -> None:
        """Connects on first use; the tables must exist."""
        self._symbol = symbol
        self._session = Session(url, SCHEMA.name, f"orchestrator {symbol}")
        self._mutex = threading.RLock()  # memory and tables change together
        self._lease = Lease(symbol, 0, uuid.uuid4().hex)
        self._kept = NOTHING  # the stored state, as last read or written by this process
        self._newest: JournalRow | None = None  # last row written by this process
        self._late: dict[int, tuple[Phase, ...]] = {}  # by seq: all phases of rows whose last phase is not written yet

    @property
    def away(self) -> str:
        """Why the database is unavailable; empty while it is available."""
        return self._session.away

    def ping(self) -> None:
        """Checks the server and the lease's lock."""
        self._session.ping()

    def stop_waiting(self) -> None:
        """Makes calls fail during an outage, instead of waiting."""
        self._session.stop_waiting()

    def take_lease(self) -> int:
        """Takes the symbol's lock and raises the epoch."""

        def refusal() -> LeaseLostError:
            return LeaseLostError(
                f"another orchestrator holds {self._symbol} in {self._session.shown}: stop it first, or give this one "
                "another database"
            )

        with around("orchestrator.lease"), self._mutex:
            self._session.hold(lock_key(f"orchestrator {self._symbol}"), refusal)
            self._lease = self._session.run(
                lambda connection: tables.take_lease(connection, self._symbol, self._lease.holder)
            )
            self._session.verify_by(self._refuse_if_taken)
            return self._lease.epoch

    def raise_epoch(self, above: int = 0) -> int:
        """Raises the epoch, above `above` too; commits it before it is returned."""
        with around("orchestrator.epoch"), self._mutex:
            self._lease = self._write(lambda connection: tables.raise_epoch(connection, self._lease, above))
            return self._lease.epoch

    def load_state(self) -> State | None:
        """Returns the stored state, assembled from its rows."""
        with self._mutex:
            found = self._session.read(lambda connection: tables.read_state(connection, self._symbol))
            if found is None:
                return None
            state = self._parsed(*found)
            self._kept = pieces_of(state)
            return state

    def save_state(self, state: State) -> None:
        """Stores a state that is not the result of a step."""
        with self._mutex:
            self._save(state, self._kept, pieces_of(state, self._kept))

    def _save(self, state: State, before: StatePieces, after: StatePieces) -> None:
        def save(connection: sa.Connection) -> None:
            if state.seq == 0:
                written = tables.insert_state(connection, state, after)
            else:
                written = tables.update_state(connection, self._lease, state.seq - 1, state, after)
            self._refuse_unless(connection, state.seq, written=written)
            tables.write_slots(connection, self._symbol, before, after)

        with around("orchestrator.save"):
            self._write(save)
        self._kept = after

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Writes the ledger's birth id into the stored state."""
        with self._mutex:
            stored = self.load_state()
            if stored is None:
                raise ConflictError(f"{self._symbol} has no state that a ledger could be bound to: start again")
            state = replace(stored, ledger_birth_id=ledger_birth_id)
            after = pieces_of(state, self._kept)

            def bind(connection: sa.Connection) -> None:
                written = tables.update_state(connection, self._lease, state.seq, state, after)
                self._refuse_unless(connection, state.seq, written=written)

            with around("orchestrator.bind"):
                self._session.run(bind)
            self._kept = after

    def commit(
        self,
        plan: Plan,
        results: Sequence[ActionResult],
        state: State,
        phases: Sequence[Phase],
        *,
        plan_text: str = "",
    ) -> JournalRow:
        """Commits state, changed slots and journal row in one transaction; a repeated request writes nothing."""
        with self._mutex:
            before, after = self._pieces_before(), pieces_of(state, self._kept)
            row = JournalRow(
                plan=plan,
                results=tuple(results),
                digest_before=before.digest,
                digest_after=after.digest,
                phases=tuple(phases),
                committed_time_ms=now_ms(),
                plan_text=plan_text,
            )
            return self._commit(row, state, before, after)

    def _commit(self, row: JournalRow, state: State, before: StatePieces, after: StatePieces) -> JournalRow:
        plan = row.plan

        def commit(connection: sa.Connection) -> JournalRow:
            done = tables.commit_step(connection, self._lease, row, state, before, after)
            if not done.added:
                return self._repeated(connection, plan)
            self._refuse_unless(connection, plan.seq, written=done.written)
            for seq, whole in self._late.items():
                tables.set_phases(connection, self._symbol, seq, whole)
            crash_point("orchestrator.commit.written")
            return row

        with around("orchestrator.commit"):
            committed = self._session.run(commit)
        if committed is row:
            self._kept, self._newest = after, row
            self._late.clear()
        return committed

    def add_phase(self, seq: int, phase: Phase) -> None:
        """Keeps the phase in memory until the next commit writes it: it is informative and not worth a flush."""
        newest = self._newest
        row = newest if newest is not None and newest.plan.seq == seq else self.find_step(seq=seq)
        if row is not None:
            self._late[seq] = (*row.phases, phase)

    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """Returns the row of the request id if given, else of the seq."""
        row = self._session.read(
            lambda connection: tables.find_step(connection, self._symbol, seq=seq, request_id=request_id)
        )
        return None if row is None else self._with_late(row)

    def last_steps(self, limit: int) -> list[JournalRow]:
        """Returns the newest rows, newest first."""
        rows = self._session.read(lambda connection: tables.last_steps(connection, self._symbol, limit))
        return [self._with_late(row) for row in rows]

    def ledger_cursor(self) -> int:
        """Returns the stored accepted_seq."""
        return self._session.read(lambda connection: tables.ledger_cursor(connection, self._symbol))

    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Stores the accepted_seq for the next startup."""
        with around("orchestrator.cursor"):
            self._write(lambda connection: tables.move_ledger_cursor(connection, self._symbol, accepted_seq))

    def last_look(self) -> int:
        """Returns the recorded time, Unix ms."""
        return self._session.read(lambda connection: tables.last_look(connection, self._symbol))

    def note_look(self, at_ms: int) -> None:
        """Records the time for the next startup."""
        with around("orchestrator.note_look"):
            self._write(lambda connection: tables.note_look(connection, self._symbol, at_ms))

    def prune(self, before_ms: int) -> int:
        """Deletes older rows except the newest one; returns how many."""
        with around("orchestrator.prune"):
            return self._write(lambda connection: tables.prune_steps(connection, self._symbol, before_ms))

    def close(self) -> None:
        """Ends the session, which releases the lease."""
        self._session.close()

    def _parsed(self, header: str, slots: Mapping[str, str]) -> State:
        try:
            return state_from_pieces(header, slots)
        except (InvalidArgument, ValueError) as error:
            reason = error.message if isinstance(error, InvalidArgument) else str(error)
            raise UnfinishableError(
                f"the state of {self._symbol} in {self._session.shown} cannot be read ({reason}): restore a backup of "
                "the database, or start the version that wrote it"
            ) from error

    def _pieces_before(self) -> StatePieces:
        if self._kept is NOTHING:
            self.load_state()
        return self._kept

    def _repeated(self, connection: sa.Connection, plan: Plan) -> JournalRow:
        row = tables.find_step(connection, self._symbol, seq=0, request_id=plan.request_id)
        if row is None:
            self._refuse_unless(connection, plan.seq, written=False)
            raise AssertionError("the journal has a row of this seq, so the state is at it or beyond")
        return self._with_late(row)

    def _with_late(self, row: JournalRow) -> JournalRow:
        phases = self._late.get(row.plan.seq)
        return row if phases is None else replace(row, phases=phases)

    def _refuse_unless(self, connection: sa.Connection, seq: int, *, written: bool) -> None:
        """Raises LeaseLostError or ConflictError, whichever explains why nothing was written."""
        if written:
            return
        self._check_lease(connection)
        stored = tables.stored_seq(connection, self._symbol)
        raise ConflictError(
            f"{self._symbol} expects step {0 if stored is None else stored + 1}, not {seq}: something else wrote its "
            f"state in {self._session.shown}; compare it with a backup before starting again"
        )

    def _check_lease(self, connection: sa.Connection) -> None:
        stored = tables.stored_lease(connection, self._symbol)
        if stored != self._lease:
            raise LeaseLostError(
                f"{self._symbol} is at epoch {stored.epoch if stored else 0}, this orchestrator holds "
                f"{self._lease.epoch}: another one has taken over; stop one of them"
            )

    def _refuse_if_taken(self, connection: psycopg.Connection[Any]) -> None:
        """Checks a new connection: raises LeaseLostError if another process held the lock before we regained it."""
        row = connection.execute("SELECT holder FROM leases WHERE symbol = %s", [self._symbol]).fetchone()
        if row is None or row[0] != self._lease.holder:
            raise LeaseLostError(
                f"another orchestrator has had {self._symbol} in {self._session.shown} since: stop one of them"
            )

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        def under_lease(connection: sa.Connection) -> T:
            self._check_lease(connection)
            return work(connection)

        return self._session.run(under_lease)

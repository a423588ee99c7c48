"""The statements of the store on Postgres, each for one symbol inside a transaction that its caller makes."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from gridcore.model.state import State
from orchestrator.store.compiled_sql import PostgresStatement
from orchestrator.store.journal import JournalRow, Phase
from orchestrator.store.postgres_schema import leases, ledger_cursors, looks, slots, states, trading_steps
from orchestrator.store.rows import journal_row, phases_json, row_values
from orchestrator.store.state_json import StatePieces

_UPDATE_STATE = (
    sa.update(states)
    .where(states.c.symbol == sa.bindparam("of_symbol"), states.c.seq == sa.bindparam("at_seq"))
    .where(leases.c.symbol == states.c.symbol, leases.c.epoch == sa.bindparam("held_epoch"))
    .where(leases.c.holder == sa.bindparam("held_by"))
    .values({name: sa.bindparam(name) for name in ("header", "seq", "epoch", "updated_at")})
)
# One JSON object: psycopg takes an array of texts apart letter by letter, which was a quarter of a commit's CPU.
_WRITE_SLOTS = sa.text("""
    INSERT INTO slots (symbol, key, data)
    SELECT :symbol, changed.key, changed.data
    FROM json_each_text(CAST(:changed AS json)) AS changed (key, data)
    ON CONFLICT (symbol, key) DO UPDATE SET data = excluded.data
""")
_REMOVE_SLOTS = sa.text("DELETE FROM slots WHERE symbol = :symbol AND key = ANY(CAST(:keys AS text[]))")

# What every step runs. The server is asked once for all of its rows, each of which needs the one before: the journal's
# where neither its seq nor its request has one, the state's where it stands at `seq - 1` under our lease, then the
# slots'. Asked for one after another they took half of a commit's time.
_COMMIT_STEP = PostgresStatement(
    sa.text("""
    WITH step AS (
        INSERT INTO trading_steps (symbol, seq, request_id, epoch, trigger_kind, plan, results, digest_before,
                                   digest_after, phases, committed_time_ms)
        VALUES (:symbol, :seq, :request_id, :epoch, :trigger_kind, :plan, :results, :digest_before,
                :digest_after, :phases, :committed_time_ms)
        ON CONFLICT DO NOTHING
        RETURNING seq
    ), state AS (
        UPDATE states SET header = :header, seq = :seq, epoch = :epoch, updated_at = :updated_at
        FROM leases, step
        WHERE states.symbol = :symbol AND states.seq = CAST(:seq AS bigint) - 1
          AND leases.symbol = :symbol AND leases.epoch = :held_epoch AND leases.holder = :held_by
        RETURNING states.symbol
    ), changed AS (
        INSERT INTO slots (symbol, key, data)
        SELECT state.symbol, slot.key, slot.data
        FROM state, json_each_text(CAST(:changed AS json)) AS slot (key, data)
        ON CONFLICT (symbol, key) DO UPDATE SET data = excluded.data
    ), gone AS (
        DELETE FROM slots
        WHERE symbol = (SELECT symbol FROM state) AND key IN (SELECT json_array_elements_text(CAST(:gone AS json)))
    )
    SELECT EXISTS (SELECT FROM step) AS added, EXISTS (SELECT FROM state) AS written
""")
)
_SET_PHASES = PostgresStatement(
    sa.update(trading_steps)
    .where(trading_steps.c.symbol == sa.bindparam("of_symbol"), trading_steps.c.seq == sa.bindparam("of_seq"))
    .values(phases=sa.bindparam("whole"))
)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write a symbol. `holder` is a name that each process makes up."""

    symbol: str
    epoch: int
    holder: str


def take_lease(connection: sa.Connection, symbol: str, holder: str) -> Lease:
    """A new holder under the next epoch. The caller has the symbol's lock."""
    row = {"symbol": symbol, "epoch": 1, "holder": holder, "taken_time_ms": time.time_ns() // 1_000_000}
    taken = insert(leases).values(row)
    taken = taken.on_conflict_do_update(index_elements=[leases.c.symbol], set_={**row, "epoch": leases.c.epoch + 1})
    return Lease(symbol, connection.execute(taken.returning(leases.c.epoch)).scalar_one(), holder)


def raise_epoch(connection: sa.Connection, lease: Lease, above: int) -> Lease:
    """The same holder under the next epoch that is above a number too."""
    epoch = max(lease.epoch, above) + 1
    connection.execute(sa.update(leases).where(leases.c.symbol == lease.symbol).values(epoch=epoch))
    return Lease(lease.symbol, epoch, lease.holder)


def stored_lease(connection: sa.Connection, symbol: str) -> Lease | None:
    """Whoever took the symbol last."""
    row = connection.execute(sa.select(leases).where(leases.c.symbol == symbol)).one_or_none()
    return None if row is None else Lease(row.symbol, row.epoch, row.holder)


def stored_seq(connection: sa.Connection, symbol: str) -> int | None:
    """The state's seq, None where there is no state."""
    return connection.execute(sa.select(states.c.seq).where(states.c.symbol == symbol)).scalar_one_or_none()


def read_state(connection: sa.Connection, symbol: str) -> tuple[str, dict[str, str]] | None:
    """The header and the slots' texts by key."""
    header = connection.execute(sa.select(states.c.header).where(states.c.symbol == symbol)).scalar_one_or_none()
    if header is None:
        return None
    rows = connection.execute(sa.select(slots.c.key, slots.c.data).where(slots.c.symbol == symbol))
    return header, {row.key: row.data for row in rows}


def insert_state(connection: sa.Connection, state: State, pieces: StatePieces) -> bool:
    """The first state. False where there is one."""
    added = insert(states).values(symbol=state.symbol, **_columns(state, pieces)).on_conflict_do_nothing()
    return connection.execute(added.returning(states.c.symbol)).first() is not None


def update_state(connection: sa.Connection, lease: Lease, seq: int, state: State, pieces: StatePieces) -> bool:
    """Replaces the header of the state that stands at `seq`. False where it stands elsewhere or the lease is lost.

    Whoever takes the lease has the symbol's lock, which this session had until its last breath: so the check holds
    until the commit.
    """
    held = {"of_symbol": lease.symbol, "at_seq": seq, "held_epoch": lease.epoch, "held_by": lease.holder}
    return connection.execute(_UPDATE_STATE, {**held, **_columns(state, pieces)}).rowcount == 1


def write_slots(connection: sa.Connection, symbol: str, before: StatePieces, after: StatePieces) -> None:
    """Writes the slots that changed and removes those that are gone, each kind in one statement."""
    changed, gone = after.changed_since(before), after.gone_since(before)
    if changed:
        connection.execute(_WRITE_SLOTS, {"symbol": symbol, "changed": json.dumps(changed)})
    if gone:
        connection.execute(_REMOVE_SLOTS, {"symbol": symbol, "keys": gone})


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a step's statement: its journal row was `added`, and then the state `written`."""

    added: bool
    written: bool


def commit_step(
    connection: sa.Connection, lease: Lease, row: JournalRow, state: State, before: StatePieces, after: StatePieces
) -> Written:
    """Writes journal row, state and changed slots. Where not both of the first are written the caller rolls it back."""
    found = _COMMIT_STEP.on(
        connection,
        {
            **row_values(row),
            **_columns(state, after),
            "symbol": lease.symbol,
            "held_epoch": lease.epoch,
            "held_by": lease.holder,
            "changed": json.dumps(after.changed_since(before)),
            "gone": json.dumps(after.gone_since(before)),
        },
    ).one()
    return Written(found.added, found.written)


def find_step(connection: sa.Connection, symbol: str, *, seq: int, request_id: str) -> JournalRow | None:
    """The row of a request where one is named, else of a seq."""
    wanted = trading_steps.c.request_id == request_id if request_id else trading_steps.c.seq == seq
    row = connection.execute(sa.select(trading_steps).where(trading_steps.c.symbol == symbol, wanted)).one_or_none()
    return None if row is None else journal_row(row)


def last_steps(connection: sa.Connection, symbol: str, limit: int) -> list[JournalRow]:
    """The newest rows, newest first."""
    query = sa.select(trading_steps).where(trading_steps.c.symbol == symbol)
    return [journal_row(row) for row in connection.execute(query.order_by(trading_steps.c.seq.desc()).limit(limit))]


def set_phases(connection: sa.Connection, symbol: str, seq: int, phases: Sequence[Phase]) -> None:
    """Replaces the phases of a row."""
    _SET_PHASES.on(connection, {"of_symbol": symbol, "of_seq": seq, "whole": phases_json(phases)})


def prune_steps(connection: sa.Connection, symbol: str, before_ms: int) -> int:
    """Deletes rows committed before, but for the newest one; how many."""
    ours = trading_steps.c.symbol == symbol
    newest = sa.select(sa.func.max(trading_steps.c.seq)).where(ours).scalar_subquery()
    old = (ours, trading_steps.c.committed_time_ms < before_ms, trading_steps.c.seq < newest)
    return connection.execute(sa.delete(trading_steps).where(*old)).rowcount


def ledger_cursor(connection: sa.Connection, symbol: str) -> int:
    """The accepted_seq that is remembered, 0 at first."""
    query = sa.select(ledger_cursors.c.accepted_seq).where(ledger_cursors.c.symbol == symbol)
    return connection.execute(query).scalar_one_or_none() or 0


def move_ledger_cursor(connection: sa.Connection, symbol: str, accepted_seq: int) -> None:
    """Remembers it."""
    row = {"symbol": symbol, "accepted_seq": accepted_seq}
    moved = insert(ledger_cursors).values(row)
    connection.execute(moved.on_conflict_do_update(index_elements=[ledger_cursors.c.symbol], set_=row))


def last_look(connection: sa.Connection, symbol: str) -> int:
    """The time that is remembered, 0 at first."""
    query = sa.select(looks.c.looked_ms).where(looks.c.symbol == symbol)
    return connection.execute(query).scalar_one_or_none() or 0


def note_look(connection: sa.Connection, symbol: str, at_ms: int) -> None:
    """Remembers it."""
    row = {"symbol": symbol, "looked_ms": at_ms}
    noted = insert(looks).values(row)
    connection.execute(noted.on_conflict_do_update(index_elements=[looks.c.symbol], set_=row))


def _columns(state: State, pieces: StatePieces) -> dict[str, object]:
    return {
        "header": pieces.header,
        "seq": state.seq,
        "epoch": state.epoch,
        "updated_at": state.last_update_time,
    }

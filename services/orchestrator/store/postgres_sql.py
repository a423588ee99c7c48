"""SQL statements of the Postgres store, each for one symbol and inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from gridcore.model.state import State
from gridservice.clock import now_ms
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
# One JSON object: psycopg encodes an array of texts character by character, which took a quarter of a commit's CPU.
_WRITE_SLOTS = sa.text("""
    INSERT INTO slots (symbol, key, data)
    SELECT :symbol, changed.key, changed.data
    FROM json_each_text(CAST(:changed AS json)) AS changed (key, data)
    ON CONFLICT (symbol, key) DO UPDATE SET data = excluded.data
""")
_REMOVE_SLOTS = sa.text("DELETE FROM slots WHERE symbol = :symbol AND key = ANY(CAST(:keys AS text[]))")

# Every step runs this one statement. Each part depends on the one before: the journal row is inserted unless its seq or
# request id exists; then the state is updated if it is at `seq - 1` under our lease; then the slots. As separate
# statements they took half of a commit's time.
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
    """Who may write a symbol. `holder` is a random id that each process generates."""

    symbol: str
    epoch: int
    holder: str


def take_lease(connection: sa.Connection, symbol: str, holder: str) -> Lease:
    """Stores a new holder with the next epoch. The caller holds the symbol's advisory lock."""
    row = {"symbol": symbol, "epoch": 1, "holder": holder, "taken_time_ms": now_ms()}
    taken = insert(leases).values(row)
    taken = taken.on_conflict_do_update(index_elements=[leases.c.symbol], set_={**row, "epoch": leases.c.epoch + 1})
    return Lease(symbol, connection.execute(taken.returning(leases.c.epoch)).scalar_one(), holder)


def raise_epoch(connection: sa.Connection, lease: Lease, above: int) -> Lease:
    """Stores the same holder with the next epoch that is above `above` too."""
    epoch = max(lease.epoch, above) + 1
    connection.execute(sa.update(leases).where(leases.c.symbol == lease.symbol).values(epoch=epoch))
    return Lease(lease.symbol, epoch, lease.holder)


def stored_lease(connection: sa.Connection, symbol: str) -> Lease | None:
    """Returns the last holder of the symbol's lease."""
    row = connection.execute(sa.select(leases).where(leases.c.symbol == symbol)).one_or_none()
    return None if row is None else Lease(row.symbol, row.epoch, row.holder)


def stored_seq(connection: sa.Connection, symbol: str) -> int | None:
    """Returns the state's seq, None if there is no state."""
    return connection.execute(sa.select(states.c.seq).where(states.c.symbol == symbol)).scalar_one_or_none()


def read_state(connection: sa.Connection, symbol: str) -> tuple[str, dict[str, str]] | None:
    """Returns the header and the slots' JSON by key, None if there is no state."""
    header = connection.execute(sa.select(states.c.header).where(states.c.symbol == symbol)).scalar_one_or_none()
    if header is None:
        return None
    rows = connection.execute(sa.select(slots.c.key, slots.c.data).where(slots.c.symbol == symbol))
    return header, {row.key: row.data for row in rows}


def insert_state(connection: sa.Connection, state: State, pieces: StatePieces) -> bool:
    """Inserts the first state. Returns False if there is one."""
    added = insert(states).values(symbol=state.symbol, **_columns(state, pieces)).on_conflict_do_nothing()
    return connection.execute(added.returning(states.c.symbol)).first() is not None


def update_state(connection: sa.Connection, lease: Lease, seq: int, state: State, pieces: StatePieces) -> bool:
    """Replaces the header of the state at `seq`. Returns False if it has another seq or the lease is lost.

    Taking the lease requires the symbol's advisory lock, which this session holds as long as it lives. So the check
    stays valid until the commit.
    """
    held = {"of_symbol": lease.symbol, "at_seq": seq, "held_epoch": lease.epoch, "held_by": lease.holder}
    return connection.execute(_UPDATE_STATE, {**held, **_columns(state, pieces)}).rowcount == 1


def write_slots(connection: sa.Connection, symbol: str, before: StatePieces, after: StatePieces) -> None:
    """Writes the changed slots and deletes the removed ones, each in one statement."""
    changed, gone = after.changed_since(before), after.gone_since(before)
    if changed:
        connection.execute(_WRITE_SLOTS, {"symbol": symbol, "changed": json.dumps(changed)})
    if gone:
        connection.execute(_REMOVE_SLOTS, {"symbol": symbol, "keys": gone})


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a step's statement: whether the journal row was `added` and then the state `written`."""

    added: bool
    written: bool


def commit_step(
    connection: sa.Connection, lease: Lease, row: JournalRow, state: State, before: StatePieces, after: StatePieces
) -> Written:
    """Writes journal row, state and changed slots. The caller rolls back unless row and state are both written."""
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
    """Returns the row of the request id if given, else of the seq."""
    wanted = trading_steps.c.request_id == request_id if request_id else trading_steps.c.seq == seq
    row = connection.execute(sa.select(trading_steps).where(trading_steps.c.symbol == symbol, wanted)).one_or_none()
    return None if row is None else journal_row(row)


def last_steps(connection: sa.Connection, symbol: str, limit: int) -> list[JournalRow]:
    """Returns the newest rows, newest first."""
    query = sa.select(trading_steps).where(trading_steps.c.symbol == symbol)
    return [journal_row(row) for row in connection.execute(query.order_by(trading_steps.c.seq.desc()).limit(limit))]


def set_phases(connection: sa.Connection, symbol: str, seq: int, phases: Sequence[Phase]) -> None:
    """Replaces the phases of a row."""
    _SET_PHASES.on(connection, {"of_symbol": symbol, "of_seq": seq, "whole": phases_json(phases)})


def prune_steps(connection: sa.Connection, symbol: str, before_ms: int) -> int:
    """Deletes rows committed before, except the newest one; returns how many."""
    ours = trading_steps.c.symbol == symbol
    newest = sa.select(sa.func.max(trading_steps.c.seq)).where(ours).scalar_subquery()
    old = (ours, trading_steps.c.committed_time_ms < before_ms, trading_steps.c.seq < newest)
    return connection.execute(sa.delete(trading_steps).where(*old)).rowcount


def ledger_cursor(connection: sa.Connection, symbol: str) -> int:
    """Returns the stored accepted_seq, 0 at first."""
    query = sa.select(ledger_cursors.c.accepted_seq).where(ledger_cursors.c.symbol == symbol)
    return connection.execute(query).scalar_one_or_none() or 0


def move_ledger_cursor(connection: sa.Connection, symbol: str, accepted_seq: int) -> None:
    """Stores the accepted_seq."""
    row = {"symbol": symbol, "accepted_seq": accepted_seq}
    moved = insert(ledger_cursors).values(row)
    connection.execute(moved.on_conflict_do_update(index_elements=[ledger_cursors.c.symbol], set_=row))


def last_look(connection: sa.Connection, symbol: str) -> int:
    """Returns the recorded time, Unix ms, 0 at first."""
    query = sa.select(looks.c.looked_ms).where(looks.c.symbol == symbol)
    return connection.execute(query).scalar_one_or_none() or 0


def note_look(connection: sa.Connection, symbol: str, at_ms: int) -> None:
    """Records the time, Unix ms."""
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

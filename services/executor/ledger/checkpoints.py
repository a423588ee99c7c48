"""Checkpoint of a symbol's update log: the newest state that its orchestrator reports as having applied the log.

A rebuild begins with the checkpoint. Earlier log entries are no longer needed and may be pruned; the log's floor
records up to which offset they were.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from executor.ledger import fences, updates
from executor.ledger.schema import checkpoints
from gridcore.model.state import State
from gridrpc.convert_state import state_json
from gridrpc.errors import FailedPrecondition, OutOfRange


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`state` is the JSON of a state that has applied the log up to `offset`.

    Entries up to `floor_offset` were pruned.
    """

    symbol: str
    offset: int
    epoch: int
    seq: int
    state: str
    floor_offset: int
    recorded_ms: int


def read(connection: sa.Connection, symbol: str) -> Checkpoint | None:
    """Returns the symbol's checkpoint, None before the first."""
    row = connection.execute(sa.select(checkpoints).where(checkpoints.c.symbol == symbol)).first()
    return None if row is None else Checkpoint(**row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it


def acknowledge(connection: sa.Connection, symbol: str, epoch: int, state: State, now_ms: int) -> Checkpoint:
    """Records the state as the checkpoint unless a later one is recorded. Returns the checkpoint that is valid then.

    Raises FailedPrecondition for an epoch below the fence or a state that does not belong to this ledger, OutOfRange
    for a state that has applied more than the log has.
    """
    _refuse_stranger(connection, symbol, epoch, state)
    end = updates.end_offset(connection, symbol)
    if state.event_offset > end:
        raise OutOfRange(
            f"state.event_offset = {state.event_offset}: the log of {symbol} ends at {end}; the state belongs to "
            "another ledger",
            reason="BEYOND_END",
            end_offset=str(end),
        )
    before = read(connection, symbol)
    is_later = before is not None and (before.epoch, before.seq) > (state.epoch, state.seq)
    if before is not None and (is_later or before.offset > state.event_offset):
        return before
    floor = 0 if before is None else before.floor_offset
    after = Checkpoint(symbol, state.event_offset, state.epoch, state.seq, state_json(state), floor, now_ms)
    values = {name: getattr(after, name) for name in Checkpoint.__slots__}
    if before is None:
        connection.execute(sa.insert(checkpoints).values(values))
    else:
        connection.execute(sa.update(checkpoints).where(checkpoints.c.symbol == symbol).values(values))
    return after


def _refuse_stranger(connection: sa.Connection, symbol: str, epoch: int, state: State) -> None:
    fence = fences.read(connection, symbol)
    if fence is None or not fence.state_birth_id or fence.state_birth_id != state.birth_id:
        owner = "no state" if fence is None or not fence.state_birth_id else f"state {fence.state_birth_id}"
        raise FailedPrecondition(
            f"state.birth_id = {state.birth_id!r}: the ledger of {symbol} belongs to {owner}", reason="OTHER_STATE"
        )
    if epoch < fence.epoch:
        raise FailedPrecondition(
            f"epoch = {epoch}: the fence of {symbol} stands at {fence.epoch}; a newer orchestrator has taken over",
            reason="FENCE_IS_HIGHER",
            epoch=str(fence.epoch),
        )

"""Fences: per symbol the lowest epoch that may still send, and what the ledger stores about its caller."""

from dataclasses import dataclass

import sqlalchemy as sa

from executor.ledger import transitions
from executor.ledger.schema import fences
from gridrpc.errors import FailedPrecondition


@dataclass(frozen=True, slots=True)
class FenceRecord:
    """Fence of a symbol. `prefix` is the beginning of the bot's client order ids."""

    symbol: str
    epoch: int
    state_birth_id: str
    prefix: str
    floor_epoch: int
    floor_seq: int

    def prunes(self, request_id: str) -> bool:
        """Returns whether a request of this id may have been pruned, so that its absence proves nothing."""
        number = _number(request_id)
        return number is not None and number <= (self.floor_epoch, self.floor_seq)


def read(connection: sa.Connection, symbol: str) -> FenceRecord | None:
    """Returns the symbol's fence, None before the first."""
    row = connection.execute(sa.select(fences).where(fences.c.symbol == symbol)).first()
    return None if row is None else FenceRecord(**row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it


def prefixes(connection: sa.Connection) -> dict[str, str]:
    """Returns the client order id prefix of each fenced symbol."""
    rows = connection.execute(sa.select(fences.c.symbol, fences.c.prefix).where(fences.c.prefix != ""))
    return {row.symbol: row.prefix for row in rows}


def raise_to(
    connection: sa.Connection,
    symbol: str,
    epoch: int,
    state_birth_id: str,
    prefix: str,
    now_ms: int,
    *,
    rebuild: bool = False,
) -> FenceRecord:
    """Raises the fence and ends every unsent action of an older epoch as NOT_SENT.

    The first state_birth_id that is given is kept. A call for another state changes nothing and returns the existing
    fence, so that the wrong orchestrator sees that it must not act, and the right one continues. With `rebuild` the
    fence is raised in any case and the state_birth_id is cleared; the next one that is given is kept. Raises
    FailedPrecondition if the fence is already higher.
    """
    if rebuild:
        state_birth_id = ""
    before = read(connection, symbol)
    if before is None:
        record = FenceRecord(symbol, epoch, state_birth_id, prefix, 0, 0)
        connection.execute(
            sa.insert(fences).values(
                symbol=symbol,
                epoch=epoch,
                state_birth_id=state_birth_id,
                prefix=prefix,
                floor_epoch=0,
                floor_seq=0,
            )
        )
    elif not rebuild and "" not in {before.state_birth_id, state_birth_id} and before.state_birth_id != state_birth_id:
        return before
    else:
        if before.epoch > epoch:
            raise FailedPrecondition(
                f"epoch = {epoch}: the fence of {symbol} stands at {before.epoch}; a newer orchestrator has taken over",
                reason="FENCE_IS_HIGHER",
                epoch=str(before.epoch),
            )
        record = FenceRecord(
            symbol,
            epoch,
            "" if rebuild else before.state_birth_id or state_birth_id,
            prefix or before.prefix,
            before.floor_epoch,
            before.floor_seq,
        )
        connection.execute(
            sa.update(fences)
            .where(fences.c.symbol == symbol)
            .values(epoch=epoch, state_birth_id=record.state_birth_id, prefix=record.prefix)
        )
    transitions.withdraw_below(connection, symbol, epoch, now_ms)
    return record


def lift_floor(connection: sa.Connection, symbol: str, request_id: str) -> None:
    """Records that requests up to this id are pruned: unknown ones up to it are refused from now on."""
    number, record = _number(request_id), read(connection, symbol)
    if number is None or record is None or number <= (record.floor_epoch, record.floor_seq):
        return
    connection.execute(
        sa.update(fences).where(fences.c.symbol == symbol).values(floor_epoch=number[0], floor_seq=number[1])
    )


def _number(request_id: str) -> tuple[int, int] | None:
    """Returns epoch and seq of a request id <bot>/<symbol>/<epoch>/<seq>, None for any other form."""
    parts = request_id.rsplit("/", 2)
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    return int(parts[1]), int(parts[2])

"""Whether a state and a ledger are of one time: by the birth ids that each keeps of the other, epochs and offsets."""

from gridcore.state import State
from orchestrator.errors import BrokenBondError
from orchestrator.executor_client import LedgerSeen


def refuse_broken(symbol: str, state: State, epoch: int, ledger: LedgerSeen) -> None:
    """Raises BrokenBondError where one of the two was lost, or came from a backup.

    `epoch` is the one that this start has taken: above each that the state ever had, so above the fence too.
    """
    if ledger.epoch == 0 and not state.ledger_birth_id:
        return  # both are new
    if ledger.epoch == 0 or state.ledger_birth_id not in {"", ledger.birth_id}:
        sentence = f"this state belongs to ledger {state.ledger_birth_id}, the executor runs on {ledger.birth_id}"
        raise BrokenBondError(f"{symbol}: {sentence}: the ledger was lost", ledger_lost=True)
    if state.event_offset > ledger.end_offset:
        sentence = f"the log ends at {ledger.end_offset}, and this state has applied {state.event_offset} of it"
        raise BrokenBondError(f"{symbol}: {sentence}: the ledger is from a backup", ledger_lost=True)
    if not ledger.state_birth_id:
        raise BrokenBondError(f"{symbol}: the ledger belongs to no state: a rebuild was begun and not finished")
    if ledger.state_birth_id != state.birth_id:
        sentence = f"the ledger belongs to state {ledger.state_birth_id}, this is {state.birth_id}"
        raise BrokenBondError(f"{symbol}: {sentence}: the state was lost, or is another one")
    if ledger.epoch >= epoch:
        sentence = f"the fence stands at epoch {ledger.epoch}, and this state has come to {epoch} only now"
        raise BrokenBondError(f"{symbol}: {sentence}: the state is from a backup")
    if ledger.floor > (state.epoch, state.seq):
        sentence = "the ledger has forgotten requests of steps that this state has not seen"
        raise BrokenBondError(f"{symbol}: {sentence}: the state is from an old backup")

"""Checks that state and ledger belong together and that neither was restored from a backup.

Birth ids, epochs and offsets show most cases. A ledger restored from a backup has the birth id of the original. It is
recognised because it does not know the newest request in the state's journal, or has a different update at an offset
that the state has applied.
"""

from gridcore.model.actions import Outcome
from gridcore.model.events import OrdersUpdated
from gridcore.model.state import State, StateRebuilt
from orchestrator.clients.executor import LedgerSeen
from orchestrator.errors import StateLedgerMismatchError
from orchestrator.symbol.context import SymbolContext


def check_same_lineage(symbol: str, state: State, epoch: int, ledger: LedgerSeen) -> None:
    """Raises StateLedgerMismatchError if state or ledger was lost or restored from a backup.

    `epoch` is the one that this startup has taken. It is above every epoch that the state ever had, so it must be above
    the ledger's fence.
    """
    if ledger.epoch == 0 and not state.ledger_birth_id:
        return  # both are new
    if ledger.epoch == 0 or state.ledger_birth_id not in {"", ledger.birth_id}:
        sentence = f"this state belongs to ledger {state.ledger_birth_id}, the executor runs on {ledger.birth_id}"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the ledger was lost", ledger_lost=True)
    if state.event_offset > ledger.end_offset:
        sentence = f"the log ends at {ledger.end_offset}, and this state has applied {state.event_offset} of it"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the ledger is from a backup", ledger_lost=True)
    if not ledger.state_birth_id:
        raise StateLedgerMismatchError(
            f"{symbol}: the ledger belongs to no state: a rebuild was begun and not finished"
        )
    if ledger.state_birth_id != state.birth_id:
        sentence = f"the ledger belongs to state {ledger.state_birth_id}, this is {state.birth_id}"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the state was lost, or is another one")
    if ledger.epoch >= epoch:
        sentence = f"the fence is at epoch {ledger.epoch}, and this state has only reached {epoch}"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the state is from a backup")
    if ledger.floor > (state.epoch, state.seq):
        sentence = "the ledger has pruned requests of steps that this state does not have"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the state is from an old backup")
    known = ledger.checkpoint
    if known is not None and (known.epoch, known.seq) > (state.epoch, state.seq):
        sentence = f"step {known.seq} has acknowledged the ledger's log, and this state is at step {state.seq}"
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the state is from a backup")
    if state.event_offset < ledger.floor_offset:
        sentence = (
            f"the log is pruned up to {ledger.floor_offset}, and this state has applied {state.event_offset} of it"
        )
        raise StateLedgerMismatchError(f"{symbol}: {sentence}: the state is from an old backup")


async def check_ledger_not_rolled_back(context: SymbolContext, ledger: LedgerSeen) -> None:
    """Raises StateLedgerMismatchError if the ledger lacks a request or update recorded in the newest journal rows."""
    request_asked = news_asked = False
    for row in context.committed.last_steps(_LOOK_BACK):
        plan = row.plan
        if isinstance(plan.trigger, StateRebuilt):
            return  # older rows come from the ledger before the rebuild
        sent = any(result.outcome is not Outcome.NOT_SENT for result in row.results)
        if sent and not request_asked:
            request_asked = True
            forgotten = ledger.floor >= (plan.epoch, plan.seq)
            if not forgotten and await context.executor.recorded_request(plan.request_id) is None:
                raise _rolled_back(
                    context, f"it does not know request {plan.request_id}, which step {plan.seq} has settled"
                )
        if isinstance(plan.trigger, OrdersUpdated) and not news_asked:
            news_asked = True
            last = plan.trigger.updates[-1]
            if last.offset <= ledger.floor_offset:
                continue  # the ledger has pruned this offset
            (there,) = await context.executor.updates_until(context.symbol, last.offset - 1, last.offset)
            if (there.client_order_id, there.news) != (last.client_order_id, last.news):
                raise _rolled_back(context, f"its log has another update at {last.offset} than step {plan.seq} applied")


def _rolled_back(context: SymbolContext, why: str) -> StateLedgerMismatchError:
    return StateLedgerMismatchError(f"{context.symbol}: the ledger is from a backup: {why}", ledger_lost=True)


_LOOK_BACK = 50  # the journal rows that CommittedState keeps in memory

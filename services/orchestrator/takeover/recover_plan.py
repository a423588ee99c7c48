"""A step that is on record and cannot be read, told again from the executor's ledger and its update log.

What a step is, `gridcore.bookkeeping.recover_plan` says. Here it is asked for.
"""

from dataclasses import dataclass

from gridcore.bookkeeping.recover_plan import recover_plan
from gridcore.model.errors import CoreError
from gridcore.model.events import Plan
from orchestrator.errors import UnfinishableError
from orchestrator.symbol.context import SymbolContext


@dataclass(frozen=True, slots=True)
class UnreadablePlan:
    """A step's request of another contract: its id says this much, and nothing else of it is relied on."""

    request_id: str
    seq: int
    epoch: int


def unreadable_plan(request_id: str, bot: str, symbol: str) -> UnreadablePlan | None:
    """What a request id of this bot and symbol says, None where it is none."""
    epoch, _, seq = request_id.removeprefix(f"{bot}/{symbol}/").partition("/")
    return UnreadablePlan(request_id, int(seq), int(epoch)) if epoch.isdecimal() and seq.isdecimal() else None


async def plan_from_ledger(context: SymbolContext, step: UnreadablePlan) -> Plan | None:
    """The step as the ledger has it; None where that has never heard of it, or the step does not follow the state.

    Raises UnfinishableError where its actions do not fit the grid.
    """
    follows = step.seq == context.state.seq + 1
    request = await context.executor.recorded_request(step.request_id) if follows else None
    if request is None:
        return None
    end_offset = (await context.executor.open_orders(context.symbol)).end_offset
    log = await context.executor.updates_until(context.symbol, context.state.event_offset, end_offset)
    try:
        return recover_plan(
            context.state,
            request.actions,
            log,
            context.market,
            context.config,
            request_id=step.request_id,
            epoch=request.epoch,
            at_ms=request.accepted_time_ms,
        )
    except CoreError as error:
        raise UnfinishableError(
            f"{step.request_id} is of another contract and cannot be settled with this config ({error}): put back the "
            "grid that made it, or start the version that made it"
        ) from error

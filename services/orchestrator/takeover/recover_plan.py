"""Reconstructs, from the executor's ledger and update log, a recorded plan that this version cannot parse.

This module reads the data; `gridcore.bookkeeping.recover_plan` computes the plan.
"""

from dataclasses import dataclass

from gridcore.bookkeeping.recover_plan import recover_plan
from gridcore.model.errors import CoreError
from gridcore.model.events import Plan
from orchestrator.errors import UnfinishableError
from orchestrator.symbol.context import SymbolContext


@dataclass(frozen=True, slots=True)
class UnreadablePlan:
    """A recorded plan of another contract. Only what its request id says is used: epoch and seq."""

    request_id: str
    seq: int
    epoch: int


def unreadable_plan(request_id: str, bot: str, symbol: str) -> UnreadablePlan | None:
    """Parses a request id of this bot and symbol; returns None for any other id."""
    epoch, _, seq = request_id.removeprefix(f"{bot}/{symbol}/").partition("/")
    return UnreadablePlan(request_id, int(seq), int(epoch)) if epoch.isdecimal() and seq.isdecimal() else None


async def plan_from_ledger(context: SymbolContext, step: UnreadablePlan) -> Plan | None:
    """Returns the plan from the ledger; None if the ledger does not know it or the step does not follow the state.

    Raises UnfinishableError if its actions do not fit the grid.
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

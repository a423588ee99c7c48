"""Rebuilds the state from the ledger if they do not match; `gridcore.bookkeeping.rebuild` computes the new state.

The ledger's link to the state is cleared first and restored last. A crash in between makes the next startup run the
rebuild again. Nothing is sent to the venue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from gridcore.bookkeeping.rebuild import RebuildInput, Rebuilt, rebuild
from gridcore.model.errors import CoreError
from gridcore.model.events import Plan
from gridcore.model.orders import Role
from gridcore.model.state import Mode, RiskFlags, Rule, State, StateRebuilt
from gridcore.risk.rules import unknown_orders
from griddb.errors import LeaseLostError
from gridrpc.errors import FailedPrecondition
from gridservice.backoff import backoff_seconds
from gridservice.clock import now_ms, now_ns
from gridservice.crash_point import around
from orchestrator.clients.executor import LedgerSeen
from orchestrator.errors import StateLedgerMismatchError, UnfinishableError
from orchestrator.symbol.context import SymbolContext
from orchestrator.takeover.takeover import FOLLOWED, check_geometry

log = logging.getLogger(__name__)
T = TypeVar("T")

_GONE_SECONDS = 5.0  # by then the operating system has closed the streams of a killed process
_MOST_SENTENCES = 50
_MAY_BE_HALTED = "rebuilt, with no opening order on the venue: it may have been halted before"


async def rebuild_state(context: SymbolContext, broken: StateLedgerMismatchError) -> int:
    """Rebuilds the state from the ledger and links the two; returns the update log's end offset.

    Raises LeaseLostError if another orchestrator is connected, UnfinishableError if the ledger's orders do not fit the
    config.
    """
    log.warning("%s; it is rebuilt", broken)
    await asyncio.to_thread(check_geometry, context)
    lost = await _adopt(context) if broken.ledger_lost else ()
    ledger, evidence = await _read(context)
    await _raise_epoch(context, max(ledger.epoch, evidence.highest_epoch))
    await _cut(context)
    ledger, evidence = await _read(context, evidence)  # behind the fence: no older request is in flight now
    rebuilt = await asyncio.to_thread(_rebuilt, context, evidence)
    rebuilt = replace(rebuilt, lost=lost + rebuilt.lost)
    await _store(context, _finished(context, rebuilt, ledger, str(broken)), from_first=broken.ledger_lost)
    with around("orchestrator.tie"):
        await context.executor.fence(context.symbol, context.epoch, context.state.birth_id, context.prefix)
    return ledger.end_offset


async def _read(context: SymbolContext, known: RebuildInput | None = None) -> tuple[LedgerSeen, RebuildInput]:
    """Reads the ledger; of the update log only the part that `known` does not have."""
    ledger = await context.executor.ledger(context.symbol)
    begin = RebuildInput((), ledger.live, ledger.checkpoint)
    log = list(known.log) if known is not None and known.checkpoint == ledger.checkpoint else []
    log += await context.executor.updates_until(context.symbol, begin.end_offset + len(log), ledger.end_offset)
    return ledger, replace(begin, log=log)


async def _raise_epoch(context: SymbolContext, above: int) -> None:
    """Raises the epoch above the given one, so that no order or request id is ever used twice."""
    if context.epoch <= above:
        await asyncio.to_thread(context.committed.raise_epoch, above)


async def _adopt(context: SymbolContext) -> tuple[str, ...]:
    """Makes a new ledger import our orders from the venue; returns sentences on what the venue no longer shows."""
    taken = await _once_alone(context, lambda: context.executor.adopt(context.symbol, context.prefix))
    doubted = [order.client_order_id for order in unknown_orders(context.state)]
    if doubted and not taken.requests_expire:
        live = {order.client_order_id for order in (await context.executor.ledger(context.symbol)).live}
        if not live.issuperset(doubted):
            raise UnfinishableError(
                f"{context.symbol} cannot be rebuilt: the ledger that was lost had sent {', '.join(doubted)}, "
                "which the venue does not show, and whose requests never expire: once they can no longer arrive, "
                "remove the state too, and start again"
            )
    return taken.lost


async def _cut(context: SymbolContext) -> None:
    async def cut() -> None:
        with around("orchestrator.cut"):
            await context.executor.fence(context.symbol, context.epoch, "", context.prefix, rebuild=True)

    await _once_alone(context, cut)


async def _once_alone(context: SymbolContext, call: Callable[[], Awaitable[T]]) -> T:
    """Retries the call until the previous orchestrator has disconnected. Raises LeaseLostError after _GONE_SECONDS."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _GONE_SECONDS
    for pause in backoff_seconds():
        try:
            return await call()
        except FailedPrecondition as fault:
            if fault.reason != FOLLOWED:
                raise
            if loop.time() > until:
                raise LeaseLostError(f"{context.symbol} is not rebuilt: {fault.message}") from fault
        await asyncio.sleep(pause)
    raise AssertionError("the back-off never ends")


def _rebuilt(context: SymbolContext, evidence: RebuildInput) -> Rebuilt:
    try:
        return rebuild(context.state, evidence, context.config, context.market)
    except CoreError as error:
        raise UnfinishableError(f"{context.symbol} cannot be rebuilt: {error}") from error


def _finished(context: SymbolContext, rebuilt: Rebuilt, ledger: LedgerSeen, why: str) -> State:
    """Returns the state to commit: the rebuilt one with seq, epoch, risk mode and the report of what was lost."""
    before, at_ms = context.state, now_ms()
    known = bool(ledger.end_offset or ledger.live)
    risk = _risk(ledger, at_ms) if before.seq == 0 and known else before.risk
    lost = list(rebuilt.lost)
    if before.seq == 0 and known:
        lost.append(f"the mode that it was in: it is {risk.mode.value} now")
        lost.append("the journal of its steps, the memory of its risk rules, and how many rounds each slot has made")
    if len(lost) > _MOST_SENTENCES:
        lost = [*lost[:_MOST_SENTENCES], f"and {len(lost) - _MOST_SENTENCES} more of the kind"]
    for sentence in lost:
        log.warning("%s: not rebuilt: %s", context.symbol, sentence)
    return replace(
        rebuilt.state,
        seq=before.seq + 1,
        epoch=context.epoch,
        risk=risk,
        ledger_birth_id=ledger.birth_id,
        last_update_time=now_ns(),
        rebuilt=StateRebuilt(at_ms, why, tuple(lost), ledger.end_offset),
    )


def _risk(ledger: LedgerSeen, at_ms: int) -> RiskFlags:
    """Returns the mode of a grid whose state was lost: SAFE without live opening orders, as it may have been halted."""
    if any(order.role is Role.OPENING for order in ledger.live):
        return RiskFlags()
    return RiskFlags(Mode.SAFE, Rule.OPERATOR, _MAY_BE_HALTED, "rebuild", at_ms)


async def _store(context: SymbolContext, state: State, *, from_first: bool) -> None:
    """Commits the rebuilt state, then marks all of the ledger's requests as settled by it.

    `from_first`: the ledger is new, so the stored cursor does not apply to it.
    """
    assert state.rebuilt is not None
    request_id = f"{context.next_request_id()}/rebuilt"
    plan = Plan(context.symbol, request_id, state.seq, state.epoch, state.rebuilt, state.risk)
    await asyncio.to_thread(context.committed.rebuild, plan, state)
    cursor = 0 if from_first else await asyncio.to_thread(context.committed.ledger_cursor)
    requests = await context.executor.requests_after(context.symbol, cursor)
    settled = requests[-1].accepted_seq if requests else cursor
    await asyncio.to_thread(context.committed.move_ledger_cursor, settled)

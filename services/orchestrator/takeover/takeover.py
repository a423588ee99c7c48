"""The startup sequence of one symbol. First start, restart and takeover from another process use the same sequence.

The startup cannot know how the previous orchestrator ended. It may have crashed at any point, it may be paused and
continue later, and its data may have been lost or restored from a backup. So every startup runs all of these steps, in
this order. `lifecycle` calls them; crash points `orchestrator.start.*` are in brackets.

1. Lease and epoch. The store takes the symbol's lease and durably raises the epoch. From now on an older process can
   commit nothing. DBOS is launched next; the workflow steps that it resumes wait for step 7. [leased]
2. Config. `check_config` reads the market rules from the executor and checks the grid against them. This comes before
   the fence, so that a rejected config does not disturb an orchestrator that trades. `refuse_unresumable` then rejects
   workflows that neither DBOS nor this version can finish.
3. Consistency. `take_over` reads a consistent snapshot of the ledger and checks that state and ledger belong together
   and that neither was restored from a backup. If both are new, it also checks that the venue has no orders of ours.
4. Fence. `take_over` raises the executor's fence to the new epoch. From now on the executor sends nothing for an older
   epoch. The geometry in the config must be that of the state, unless nothing is open. [fenced]
5. Settlement. `uncommitted_plans` lists the recorded plans that are not in the state. `settle_requests` sends each of
   them again under its old, fenced epoch: the ledger answers with the outcome of what was sent, and NOT_SENT for the
   rest. Each plan is committed with these results [settled]. Then the ledger's other requests are read: one that was
   sent and is in no workflow proves that the state is from a backup. [cleared]

   If steps 3 to 5 find that state and ledger do not match, `rebuild.rebuild_state` replaces them: it rebuilds the
   state from the ledger, or a lost ledger from the venue first.
6. Loop. The symbol's event loop and the stream of order updates start. Safe-mode workflows that DBOS does not resume
   are started again.
7. Ready. Workflow steps that DBOS has resumed now continue. Each finds that its plan is already committed.
8. Backlog. `apply_backlog` waits until the loop has applied the update log up to the end offset read in step 4.
   [drained]
9. Reconciliation. `reconcile_with_venue` compares the state with the venue's open orders until they agree. [agreed]
10. Conditions. The first poll of market rules, funds and foreign orders is committed.
11. Trading. Prices and ticks become triggers.

The order matters. Settling before the fence could race with an older process that still sends. Processing a price
before settlement could place an order that is already on the venue. Reconciling before the backlog is applied would
report every fill made during the downtime as a missing order.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from gridcore.bookkeeping.fees import assumed
from gridcore.bookkeeping.reconcile import Discrepancies, reconcile
from gridcore.grid.grid_checks import check_grid
from gridcore.model.actions import ActionResult
from gridcore.model.errors import GridRefusedError
from gridcore.model.events import Plan
from gridcore.model.state import State
from griddb.errors import LeaseLostError
from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound
from gridservice.backoff import backoff_seconds
from gridservice.crash_point import around, crash_point
from orchestrator.errors import ConfigRefusedError, StateLedgerMismatchError, UnfinishableError
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.running_step import RunningStep
from orchestrator.takeover.consistency import check_ledger_not_rolled_back, check_same_lineage
from orchestrator.takeover.recover_plan import UnreadablePlan, plan_from_ledger

log = logging.getLogger(__name__)

FOLLOWED = "FOLLOWED"  # the executor's reason: an orchestrator is connected to its log


async def take_over(context: SymbolContext) -> int:
    """Checks that state, ledger and config belong together and raises the fence; returns the update log's end offset.

    Waits for the executor without a limit. Raises StateLedgerMismatchError if the state must be rebuilt, LeaseLostError
    if another orchestrator has a higher epoch, UnfinishableError if the config's geometry does not fit the state.
    """
    state = context.state
    ledger = await context.executor.ledger(context.symbol)
    check_same_lineage(context.symbol, state, context.epoch, ledger)
    await (_refuse_lost_both(context) if ledger.epoch == 0 else check_ledger_not_rolled_back(context, ledger))
    try:
        with around("orchestrator.take_over"):
            fenced = await context.executor.fence(context.symbol, context.epoch, state.birth_id, context.prefix)
    except FailedPrecondition as fault:
        raise LeaseLostError(
            f"{context.symbol}: the executor refuses epoch {context.epoch} ({fault.message}): another orchestrator "
            "acts for it, or this state is a backup; stop the other one, or bring its data here"
        ) from fault
    if fenced.state_birth_id != state.birth_id:
        raise LeaseLostError(
            f"{context.symbol}: the executor's ledger has been given to state {fenced.state_birth_id} just now, "
            f"this is {state.birth_id}: another orchestrator acts for it; stop one of them"
        )
    if not state.ledger_birth_id:
        await asyncio.to_thread(context.committed.bind_ledger, fenced.ledger_birth_id)
    await asyncio.to_thread(check_geometry, context)
    return fenced.end_offset


async def _refuse_lost_both(context: SymbolContext) -> None:
    """Called if state and ledger are new. Raises StateLedgerMismatchError if the venue has orders of ours.

    Raises LeaseLostError if another orchestrator has started with the ledger since it was read.
    """
    try:
        await context.executor.adopt(context.symbol, context.prefix)
    except FailedPrecondition as fault:
        if fault.reason != FOLLOWED:
            raise
        raise LeaseLostError(
            f"{context.symbol}: another orchestrator has taken over before this one could begin; stop one of them"
        ) from fault
    ledger = await context.executor.ledger(context.symbol)
    if ledger.live or ledger.end_offset:
        raise StateLedgerMismatchError(
            f"{context.symbol}: state and ledger are new, and the venue has orders of ours: both were lost",
            ledger_lost=True,
        )


def uncommitted_plans(
    committed: CommittedState, newest_first: Iterable[Plan | UnreadablePlan]
) -> list[Plan | UnreadablePlan]:
    """Returns the recorded plans to settle, at most one for each step after the state's.

    The workflow database does not check leases. So an orchestrator that was paused during a takeover may record a plan
    when it continues, for a step that its successor has already made. Three rules follow:

    - Of two plans for a step the one with the higher epoch counts. The other was recorded behind that epoch's fence, so
      nothing of it was sent.
    - A plan at or below the state's seq ends the search only if the journal has its request.
    - A plan with an epoch below the state's is never settled: it predates a restored backup, or was recorded too late.
    """
    found: dict[int, Plan | UnreadablePlan] = {}
    for plan in newest_first:
        if committed.is_ahead(plan.epoch, plan.seq):
            found[plan.seq] = max(plan, found.get(plan.seq, plan), key=lambda one: one.epoch)
        elif committed.find(plan.request_id) is not None:
            break
    return list(found.values())


async def settle_requests(
    context: SymbolContext, plans: Sequence[Plan | UnreadablePlan], execute: Callable[[Plan], tuple[ActionResult, ...]]
) -> None:
    """Commits each uncommitted plan with the ledger's results, independently of its workflow.

    The plans keep their old epochs, which are fenced: actions that were sent get their outcome, the rest NOT_SENT.
    Raises StateLedgerMismatchError if workflows or ledger have steps that the state does not have.
    """
    for step in sorted(plans, key=lambda step: step.seq):
        plan = await plan_from_ledger(context, step) if isinstance(step, UnreadablePlan) else step
        if plan is not None and step.seq > context.state.seq + 1:
            raise StateLedgerMismatchError(
                f"{context.symbol}: request {step.request_id} is on record, and the state is at step "
                f"{context.state.seq}: it is from a backup"
            )
        if plan is not None and step.seq > context.state.seq:
            settled = RunningStep(plan)
            settled.results = await asyncio.to_thread(execute, plan)
            await asyncio.to_thread(context.committed.commit, settled, context.market)
            crash_point("orchestrator.start.settled")
            log.info("%s: request %s was in flight and is settled", context.symbol, plan.request_id)
    beyond = await move_ledger_cursor(context)
    if beyond:
        raise StateLedgerMismatchError(
            f"{context.symbol}: the executor has carried out request {beyond}, which is beyond step "
            f"{context.state.seq} of this state and in no workflow: the state is from a backup"
        )


async def move_ledger_cursor(context: SymbolContext) -> str:
    """Reads the ledger's requests after the cursor and stores how far they are settled, to keep the next startup short.

    Returns the id of the first request that is after the state and was sent, or "". A request of which nothing was sent
    may be a late call of an orchestrator that has lost its lease. It needs no settlement.
    """
    cursor = settled = await asyncio.to_thread(context.committed.ledger_cursor)
    beyond = ""
    step = (context.state.epoch, context.state.seq)
    for request in await context.executor.requests_after(context.symbol, cursor):
        if not request.nothing_sent and _step_of(request.request_id, f"{context.bot}/{context.symbol}/") > step:
            beyond = request.request_id
            break
        settled = request.accepted_seq
    if settled > cursor:
        await asyncio.to_thread(context.committed.move_ledger_cursor, settled)
    return beyond


async def apply_backlog(context: SymbolContext, end_offset: int) -> None:
    """Waits until the loop has applied the update log up to an offset."""
    await context.changes.until(lambda: context.state.event_offset >= end_offset)


async def reconcile_with_venue(context: SymbolContext, timeout_seconds: float) -> None:
    """Compares the state with the venue's open orders until they agree.

    A difference may come from a lagging list, or from an order that was placed and filled while the list was read. So a
    difference counts only if two reads in a row find it. Raises UnfinishableError for an orphan: an order of ours on
    the venue that the state does not have. A missing order, which only the state has, is kept: the update log will
    report its end.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_seconds
    lasting = found = await _contradictions(context)
    for pause in backoff_seconds():
        if found.none:
            return
        await asyncio.sleep(pause)
        earlier, found = found, await _contradictions(context)
        lasting = _in_both(earlier, found)
        if loop.time() > until and not lasting.none:
            break
    if lasting.orphans:
        raise UnfinishableError(
            f"{context.symbol}: the venue has orders of ours that the state does not know: "
            f"{', '.join(lasting.orphans)}; "
            "a second bot of this name, or a state from a backup: stop the other, or cancel them yourself, and start "
            "again"
        )
    log.warning("%s: not on the venue's list, waiting for their end: %s", context.symbol, ", ".join(lasting.missing))


async def _contradictions(context: SymbolContext) -> Discrepancies:
    # An order that was placed or ended during the read differs from only one of the two states. That is no error.
    before = context.state
    orders = await context.executor.open_orders(context.symbol)
    await apply_backlog(context, orders.end_offset)
    return _in_both(reconcile(before, orders.snapshot), reconcile(context.state, orders.snapshot))


def _in_both(before: Discrepancies, after: Discrepancies) -> Discrepancies:
    return Discrepancies(
        orphans=tuple(name for name in after.orphans if name in before.orphans),
        missing=tuple(name for name in after.missing if name in before.missing),
    )


async def check_config(context: SymbolContext) -> None:
    """Reads the market rules and checks the grid against them. Raises ConfigRefusedError.

    It runs before the fence is raised, so that a rejected config does not disturb a running orchestrator. A grid with
    open orders or positions is not rejected because the rules have changed: the risk check puts it into safe mode,
    which cancels its opening orders and keeps its closing orders.
    """
    try:
        context.market = rules = assumed(await context.executor.market_rules(context.symbol), context.config)
    except (InvalidArgument, NotFound) as fault:
        raise ConfigRefusedError(
            f"grids.symbol = {context.symbol!r} is not the executor's ({fault.message}): correct it, or give both "
            "services the same file"
        ) from fault
    try:
        check_grid(context.config, rules)  # the current rules, not those that the state has recorded
    except GridRefusedError as error:
        if context.state.grid != context.config.geometry or not _has_capital_at_work(context.state):
            raise ConfigRefusedError(f"{context.symbol}: {error}") from error
        log.warning("%s has something open, so it begins, and goes into safe mode: %s", context.symbol, error)


def _has_capital_at_work(state: State) -> bool:
    return any(slot.order is not None or slot.position != 0 for slot in state.slots.values())


def check_geometry(context: SymbolContext) -> None:
    """Raises UnfinishableError if the config's geometry differs from the state's while orders or positions are open."""
    state = context.state
    if state.grid == context.config.geometry:
        return
    if _has_capital_at_work(state):
        raise UnfinishableError(
            f"{context.symbol}: the grid was {state.grid} and the config now says {context.config.geometry}, "
            "with orders or positions open: put the old mode, anchor, spacing and interval back"
        )
    _adopt_geometry(context)


def _adopt_geometry(context: SymbolContext) -> None:
    # Nothing is open, so the levels of the old geometry can be dropped.
    state = replace(
        context.state, seq=context.state.seq + 1, epoch=context.epoch, grid=context.config.geometry, slots={}
    )
    context.committed.replace_state(state)
    log.warning("%s: nothing is open, so the grid is now %s", context.symbol, state.grid)


def _step_of(request_id: str, prefix: str) -> tuple[int, int]:
    """Returns epoch and seq of a request id with this prefix, else zeros."""
    epoch, _, seq = request_id.removeprefix(prefix).partition("/")
    ours = request_id.startswith(prefix) and epoch.isdecimal() and seq.isdecimal()
    return (int(epoch), int(seq)) if ours else (0, 0)

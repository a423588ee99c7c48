"""Start, restart and takeover of one symbol: one path, of which nothing may be left out.

Lease and epoch are taken before; here come the fence, the settlement of every request beyond the state, the end of the
update log and the venue's book. Only then may prices come.
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
from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound
from gridservice.backoff import backoff_seconds
from gridservice.crash_point import around, crash_point
from orchestrator.errors import ConfigRefusedError, LeaseLostError, StateLedgerMismatchError, UnfinishableError
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.takeover.consistency import check_ledger_not_rolled_back, check_same_lineage
from orchestrator.takeover.recover_plan import UnreadablePlan, plan_from_ledger

log = logging.getLogger(__name__)

FOLLOWED = "FOLLOWED"  # the executor's reason: an orchestrator is connected to its log


async def take_over(context: SymbolContext) -> int:
    """Checks that state, ledger and config belong together, and raises the fence; returns the update log's end.

    Waits for the executor as long as it takes. Raises BrokenBondError where the state has to be rebuilt.
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
            "this is "
            f"{state.birth_id}: another orchestrator acts for it; stop one of them"
        )
    if not state.ledger_birth_id:
        await asyncio.to_thread(context.committed.bind_ledger, fenced.ledger_birth_id)
    await asyncio.to_thread(check_geometry, context)
    return fenced.end_offset


async def _refuse_lost_both(context: SymbolContext) -> None:
    """State and ledger are new. Raises BrokenBondError where the venue knows orders of ours all the same.

    Raises LeaseLostError where the ledger was new as we looked, and another orchestrator has begun with it since.
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
    """Of the plans on record, the one to settle for each step beyond the state.

    An orchestrator that was stopped while another took over may put a plan on record when it goes on, whatever its
    lease: the workflows know nothing of leases. Its step may be taken by then. So of two plans for a step the newer
    epoch's counts, since the older one was recorded behind that epoch's fence and nothing of it was sent; and an old
    step's plan ends the reading only where it is the one that made the step. A plan of an epoch below the state's is
    never one to settle: of a time that was lost, or recorded too late.
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
    """Commits each plan beyond the state with the ledger's answer, whatever became of its workflow.

    The plans keep their old epochs, which are fenced: what was sent is answered as it is, the rest is NOT_SENT. Raises
    BrokenBondError where workflows or ledger know of steps that the state has not seen.
    """
    for step in sorted(plans, key=lambda step: step.seq):
        plan = await plan_from_ledger(context, step) if isinstance(step, UnreadablePlan) else step
        if plan is not None and step.seq > context.state.seq + 1:
            raise StateLedgerMismatchError(
                f"{context.symbol}: request {step.request_id} is on record, and the state is at step "
                f"{context.state.seq}: it "
                "is from a backup"
            )
        if plan is not None and step.seq > context.state.seq:
            results = await asyncio.to_thread(execute, plan)
            await asyncio.to_thread(context.committed.commit, plan, results, context.market)
            crash_point("orchestrator.start.settled")
            log.info("%s: request %s was in flight and is settled", context.symbol, plan.request_id)
    beyond = await move_ledger_cursor(context)
    if beyond:
        raise StateLedgerMismatchError(
            f"{context.symbol}: the executor has carried out request {beyond}, which is beyond step "
            f"{context.state.seq} of "
            "this state and in no workflow: the state is from a backup"
        )


async def move_ledger_cursor(context: SymbolContext) -> str:
    """Reads on in the ledger's requests and remembers how far they are settled, so that the next start reads little.

    Returns the first request that is beyond the state and was sent, empty where there is none. One that was not sent
    may be the late call of an orchestrator that has lost its lease: it leaves nothing to settle.
    """
    store = context.committed.store
    cursor = settled = await asyncio.to_thread(store.ledger_cursor)
    beyond = ""
    step = (context.state.epoch, context.state.seq)
    for request in await context.executor.requests_after(context.symbol, cursor):
        if not request.nothing_sent and _step_of(request.request_id, f"{context.bot}/{context.symbol}/") > step:
            beyond = request.request_id
            break
        settled = request.accepted_seq
    if settled > cursor:
        await asyncio.to_thread(store.move_ledger_cursor, settled)
    return beyond


async def apply_backlog(context: SymbolContext, end_offset: int) -> None:
    """Waits until the loop has applied the update log up to an offset."""
    seen = context.changes.count
    while context.state.event_offset < end_offset:
        seen = await context.changes.after(seen)


async def reconcile_with_venue(context: SymbolContext, timeout_seconds: float) -> None:
    """Holds the state against the venue's book until they agree.

    A contradiction may be a list that lags, or an order that was placed and filled while the list was read: one counts
    that two looks have found, one after the other. Raises UnfinishableError for an order of ours on the venue that the
    state does not have. An order that only the state has stays there: the log will tell its end.
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
            "a second bot of this name, or a state from a backup: stop the other, or cancel them by hand, and start "
            "again"
        )
    log.warning("%s: not on the venue's list, waiting for their end: %s", context.symbol, ", ".join(lasting.missing))


async def _contradictions(context: SymbolContext) -> Discrepancies:
    # What was placed or ended while the venue was asked contradicts one of the two states only, and nothing is wrong.
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
    """Learns the market's rules and holds the grid against them. Raises ConfigRefusedError.

    It comes before the symbol's fence is raised: a config that is refused disturbs nobody. A grid that has something
    open is not refused for rules that have changed since: the risk check leads it into safe mode, where its openings
    are cancelled and its closings go on.
    """
    try:
        context.market = rules = assumed(await context.executor.market_rules(context.symbol), context.config)
    except (InvalidArgument, NotFound) as fault:
        raise ConfigRefusedError(
            f"grids.symbol = {context.symbol!r} is not the executor's ({fault.message}): mend it, or give both "
            "services "
            "the same file"
        ) from fault
    try:
        check_grid(context.config, rules)  # those of now, whatever the state has recorded of an earlier time
    except GridRefusedError as error:
        if context.state.grid != context.config.geometry or not _has_capital_at_work(context.state):
            raise ConfigRefusedError(f"{context.symbol}: {error}") from error
        log.warning("%s has something open, so it begins, and goes into safe mode: %s", context.symbol, error)


def _has_capital_at_work(state: State) -> bool:
    return any(slot.order is not None or slot.position != 0 for slot in state.slots.values())


def check_geometry(context: SymbolContext) -> None:
    """Raises UnfinishableError where the config's geometry is another than the state's, with something open."""
    state = context.state
    if state.grid == context.config.geometry:
        return
    if _has_capital_at_work(state):
        raise UnfinishableError(
            f"{context.symbol}: the grid was {state.grid} and the config now says {context.config.geometry}, "
            "with orders or "
            "positions open: put the old mode, anchor, spacing and interval back"
        )
    _adopt_geometry(context)


def _adopt_geometry(context: SymbolContext) -> None:
    # Nothing is open: the rungs of the old geometry mean nothing any more.
    state = replace(
        context.state, seq=context.state.seq + 1, epoch=context.epoch, grid=context.config.geometry, slots={}
    )
    context.committed.replace_state(state)
    log.warning("%s: nothing is open, so the grid is now %s", context.symbol, state.grid)


def _step_of(request_id: str, prefix: str) -> tuple[int, int]:
    """Epoch and seq in a request id of ours, zeros for others'."""
    epoch, _, seq = request_id.removeprefix(prefix).partition("/")
    ours = request_id.startswith(prefix) and epoch.isdecimal() and seq.isdecimal()
    return (int(epoch), int(seq)) if ours else (0, 0)

"""Orchestrators: takeover, step and commit, both of the one that has the lease and of one that lost it.

Nothing stops the older one at once: it continues from its memory until a fence or a commit stops it.
"""

from collections.abc import Iterator

from gridtesting.model.executor import accept, raise_fence, ready, wait_below
from gridtesting.model.rules import Bounds, Rules
from gridtesting.model.settling import fits, settled
from gridtesting.model.world import Act, Answer, Bot, Kept, Phase, Plan, Slot, Step, World, row_of, shown


def orchestrator_moves(world: World, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every next world by an action of an orchestrator, including its crash and startup."""
    for bot in world.bots:
        match bot.phase:
            case Phase.FENCING:
                yield from _fence(world, bot)
            case Phase.FENCED:
                yield from _fence_returns(world, bot, rules)
            case Phase.SETTLING:
                yield from _settle(world, bot, rules)
            case Phase.IDLE:
                yield from _decide(world, bot, rules, bounds)
            case Phase.CALLING:
                yield from _carry_out(world, bot, rules)
            case Phase.APPLYING:
                yield _commit(world, bot, bot.todo[0], Answer.NONE, rules)
        if bot.epoch < world.epoch:  # one that was killed before it is one that does nothing more
            yield f"orchestrator {bot.epoch} is killed", without(world, bot)
    if len(world.bots) < 2 and world.epoch < bounds.epochs + (0 if world.bots else 2):
        yield _start(world)


def without(world: World, bot: Bot) -> World:
    """The world after the end of that process."""
    return world._replace(bots=tuple(other for other in world.bots if other.epoch != bot.epoch))


def _with(world: World, bot: Bot) -> World:
    return world._replace(bots=tuple(bot if other.epoch == bot.epoch else other for other in world.bots))


def _start(world: World) -> Step:
    """store.take_lease and load_state. An older process is not known to be dead: it may only be paused."""
    epoch = world.epoch + 1
    bots = (*world.bots, Bot(epoch, Phase.FENCING, world.kept))
    return f"orchestrator {epoch} takes the lease", world._replace(epoch=epoch, bots=bots)


def _fence(world: World, bot: Bot) -> Iterator[Step]:
    """takeover.take_over: the fence is raised, or is already higher."""
    if not ready(world):
        return
    if bot.epoch < world.fence:
        yield f"orchestrator {bot.epoch} finds a higher fence and stops", without(world, bot)
        return
    fenced = raise_fence(world, bot.epoch)
    yield f"orchestrator {bot.epoch} raises the fence", _with(fenced, bot._replace(phase=Phase.FENCED))


def _fence_returns(world: World, bot: Bot, rules: Rules) -> Iterator[Step]:
    if ready(world) and (wait_below(world, bot.epoch) or not rules.fence_waits):
        todo = plans_beyond(world, bot.kept.seq, rules)
        returned = world._replace(returned=max(world.returned, bot.epoch))
        yield f"the fence {bot.epoch} returns", _with(returned, bot._replace(phase=Phase.SETTLING, todo=todo))


def plans_beyond(world: World, seq: int, rules: Rules) -> tuple[Plan, ...]:
    """The engine's uncommitted plans, in the order in which takeover.settle_requests commits them."""
    if rules.newest_of_a_step:
        newest = {plan.seq: plan for plan in sorted(world.workflows) if plan.seq > seq}
        return tuple(newest[step] for step in sorted(newest))
    found: list[Plan] = []
    for plan in reversed(world.workflows):
        if plan.seq <= seq:
            break
        found.append(plan)
    return tuple(sorted(found, key=lambda plan: plan.seq))


def _settle(world: World, bot: Bot, rules: Rules) -> Iterator[Step]:
    """takeover.settle_requests and move_ledger_cursor."""
    while bot.todo and bot.todo[0].seq <= bot.kept.seq:
        bot = bot._replace(todo=bot.todo[1:])
    if bot.todo and not rules.settle_from_ledger:
        yield _commit(world, bot, bot.todo[0], Answer.NOT_SENT, rules)  # what has no checkpoint was not sent
    elif bot.todo:
        yield from _answered(world, bot, rules)
    elif any(row.name[1] > bot.kept.seq and row.answer is not Answer.NOT_SENT for row in world.rows):
        yield f"orchestrator {bot.epoch} finds a request beyond its state and stops", without(world, bot)
    else:
        yield f"orchestrator {bot.epoch} begins to trade", _with(world, bot._replace(phase=Phase.IDLE, todo=()))


def _decide(world: World, bot: Bot, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """loop.step, for a price and for order updates; the insertion of the workflow is the commit that ends the move."""
    kept, name = bot.kept, (bot.epoch, bot.kept.seq + 1)
    may_act = kept.acts < bounds.actions
    if may_act and kept.order is None:
        yield _record(world, bot, Plan(name, Act.PLACE, None, kept.offset, kept.offset))
    if may_act and kept.slot is Slot.OPEN:
        yield _record(world, bot, Plan(name, Act.CANCEL, kept.order, kept.offset, kept.offset))
    if kept.offset < len(world.log) and ready(world):
        yield _hear(world, bot, Plan(name, Act.NONE, None, kept.offset, len(world.log)), rules, may_act=may_act)
    if not rules.seq_guard:
        yield from _repeat(world, bot, rules)


def _hear(world: World, bot: Bot, plan: Plan, rules: Rules, *, may_act: bool) -> Step:
    if not fits(world, bot.kept, plan):
        return _unreadable(world, bot)
    if not rules.offset_with_state:
        offset = bot.kept._replace(offset=plan.upto)
        ahead = bot._replace(phase=Phase.APPLYING, kept=offset, todo=(plan,))
        stored = world.kept if bot.epoch < world.epoch else offset
        return f"orchestrator {bot.epoch} commits offset {plan.upto}", _with(world._replace(kept=stored), ahead)
    if may_act and settled(world, bot.kept, plan, Answer.NONE).order is None:
        return _record(world, bot, plan._replace(act=Act.PLACE))
    return _commit(world, bot, plan, Answer.NONE, rules)


def _unreadable(world: World, bot: Bot) -> Step:
    """LogMismatchError. Without the lease it may read orders that it never placed; with it this must not happen."""
    left = without(world, bot) if bot.epoch < world.epoch else world._replace(broken="P2")
    return f"orchestrator {bot.epoch} cannot read the log and stops", left


def _record(world: World, bot: Bot, plan: Plan) -> Step:
    """DBOS records the workflow, with the plan as its input; its tables do not know our lease."""
    recorded = world._replace(workflows=(*world.workflows, plan))
    what = f"{plan.act} {shown(plan.target)}" if plan.target else f"{plan.act}"
    return f"step {shown(plan.name)} is on record: {what}", _with(
        recorded, bot._replace(phase=Phase.CALLING, todo=(plan,))
    )


def _carry_out(world: World, bot: Bot, rules: Rules) -> Iterator[Step]:
    row = row_of(world, bot.todo[0].name)
    if row is not None and row.answer is Answer.NOT_SENT and rules.fence_refuses:  # activities._refuse_if_fenced
        yield f"orchestrator {bot.epoch} finds itself fenced and stops", without(world, bot)
        return
    yield from _answered(world, bot, rules)


def _answered(world: World, bot: Bot, rules: Rules) -> Iterator[Step]:
    """batch_client.execute until the ledger has answered, then the commit."""
    plan = bot.todo[0]
    row = row_of(world, plan.name)
    if not ready(world):
        return
    if row is not None and row.answer:
        yield _commit(world, bot, plan, row.answer, rules)
        return
    called = accept(world, plan, rules)
    if called is not None:
        yield f"orchestrator {bot.epoch} calls {shown(plan.name)}", called


def _commit(world: World, bot: Bot, plan: Plan, answer: Answer, rules: Rules) -> Step:
    """committed_state.commit and store.commit: the writing transaction checks seq, epoch and repetition."""
    what = f"orchestrator {bot.epoch} commits {shown(plan.name)}"
    if rules.seq_guard and world.journal[plan.seq - 1 : plan.seq] == (plan.name[0],):
        return f"{what} again", _with(world, _after(bot, settled(world, bot.kept, plan, answer)))
    if rules.epoch_guard and bot.epoch != world.epoch:
        return f"orchestrator {bot.epoch} has lost its lease and stops", without(world, bot)
    if rules.seq_guard and plan.seq != world.kept.seq + 1:
        return f"orchestrator {bot.epoch} meets a conflict and stops", without(world, bot)
    if not fits(world, bot.kept, plan):
        return _unreadable(world, bot)
    kept = settled(world, bot.kept, plan, answer)
    written = world._replace(kept=kept, journal=(*world.journal, plan.name[0]))
    return what, _with(written, _after(bot, kept))


def _after(bot: Bot, kept: Kept) -> Bot:
    phase = Phase.SETTLING if bot.phase is Phase.SETTLING else Phase.IDLE
    return bot._replace(phase=phase, kept=kept, todo=bot.todo[1:])


def _repeat(world: World, bot: Bot, rules: Rules) -> Iterator[Step]:
    """A workflow that DBOS resumes after it was settled: with its guard the commit does nothing, and is no move."""
    for plan in world.workflows:
        row = row_of(world, plan.name)
        if bot.epoch == world.epoch and plan.seq <= bot.kept.seq and row is not None and row.answer:
            yield _commit(world, bot, plan, row.answer, rules)

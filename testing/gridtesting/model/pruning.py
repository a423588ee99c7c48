"""Removes history that no rule reads any more, so that worlds that differ only in it become equal.

It does not change behaviour. If a disabled rule makes old history readable, nothing is removed.
"""

from gridtesting.model.rules import Rules
from gridtesting.model.world import Answer, Row, Status, World


def forgetful(rules: Rules) -> bool:
    """Whether history may be removed: a commit that repeats and a takeover that reads early read it."""
    return rules.seq_guard and rules.newest_of_a_step


def forgotten(world: World) -> World:
    """The world without finished workflows, and without requests that had no effect."""
    oldest = min((bot.kept.seq for bot in world.bots), default=0)  # a commit of this step may be a repetition
    held = {plan.name for bot in world.bots for plan in bot.todo}
    return world._replace(
        journal=(0,) * oldest + world.journal[oldest:],
        workflows=tuple(sorted(plan for plan in world.workflows if plan.seq > world.kept.seq)),
        rows=tuple(row for row in world.rows if row.name in held or row.name[1] > world.kept.seq or _lasts(row)),
    )


def _lasts(row: Row) -> bool:
    if row.status is not Status.DONE or row.wire:
        return True
    return row.target is None and row.answer not in {Answer.REJECTED, Answer.NOT_SENT}

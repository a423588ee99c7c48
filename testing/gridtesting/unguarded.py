"""Commits and takeovers without their guards, for tests that show what the guards are for."""

from dataclasses import replace

from gridcore.model.actions import Fill
from gridcore.model.events import OrdersUpdated, Plan
from gridcore.model.state import State


def as_if_new(plan: Plan, state: State) -> tuple[Plan, State]:
    """A committed step changed into one that follows the state: the same fills again, without moving the offset."""
    assert isinstance(plan.trigger, OrdersUpdated), "only a step with fills can be applied twice"
    fills = [update for update in plan.trigger.updates if isinstance(update.news, Fill)]
    before = state.event_offset - len(fills)
    news = tuple(replace(update, offset=before + number) for number, update in enumerate(fills, start=1))
    again = replace(
        plan,
        request_id=f"{plan.request_id}/again",
        seq=state.seq + 1,
        epoch=state.epoch,
        risk=state.risk,
        trigger=replace(plan.trigger, updates=news),
        actions=(),
        new_slots=(),
        dropped_slots=(),
        flipped_slots=(),
    )
    return again, replace(state, event_offset=before)


def as_if_heard(state: State, end_offset: int) -> State:
    """A state whose offset counts as acknowledged when an update is received, not when it is committed."""
    return replace(state, event_offset=max(state.event_offset, end_offset))

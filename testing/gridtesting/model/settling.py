"""Applies a committed step to the state: gridcore.bookkeeping's `settle` and `apply_updates`, for one slot."""

from gridtesting.model.world import ENDS, Act, Answer, Kept, News, Plan, Slot, World


def fits(world: World, kept: Kept, plan: Plan) -> bool:
    """Whether the log's entries can be applied: each concerns the slot's order and is a valid transition."""
    order, slot = kept.order, kept.slot
    for news, name in world.log[plan.after : plan.upto]:
        if name != order or (news is News.NOT_PLACED and slot is not Slot.UNKNOWN):
            return False
        order, slot = _moved(order, slot, news)
    return True


def settled(world: World, kept: Kept, plan: Plan, answer: Answer) -> Kept:
    """The state after the plan: its updates, then the answer to its action."""
    order, slot, applied = kept.order, kept.slot, kept.applied
    for news, name in world.log[plan.after : plan.upto]:
        applied = (*applied, name) if news is News.FILL else applied
        order, slot = _moved(order, slot, news)
    match plan.act, answer:
        case Act.PLACE, Answer.ACCEPTED:
            order, slot = plan.name, Slot.OPEN
        case Act.PLACE, Answer.UNKNOWN:
            order, slot = plan.name, Slot.UNKNOWN
        case Act.CANCEL, Answer.CANCELLED | Answer.ENDED if order == plan.target:
            slot = Slot.CANCELING
        case _:
            pass
    acts = kept.acts + (plan.act is not Act.NONE)
    offset = plan.upto if plan.upto > plan.after else kept.offset
    return Kept(plan.seq, order, slot, offset, acts, applied)


def _moved(order: tuple[int, int] | None, slot: Slot, news: News) -> tuple[tuple[int, int] | None, Slot]:
    """gridcore.model.orders.TRANSITIONS."""
    if news in ENDS:
        return None, Slot.FREE
    return order, Slot.OPEN if slot is Slot.UNKNOWN else slot

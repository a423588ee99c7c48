"""Portions: how much of what a grid asks for goes into one plan. What is left over, the next plan asks for again.

A plan must be carried out within `order_ttl_ms` at the pace that a venue allows, and must fit into one message. Order
updates wait while a plan is carried out, so openings, which nobody waits for, come in smaller portions still: a fill's
closing order waits behind one of them at most.
"""

from collections.abc import Sequence
from dataclasses import replace

from gridcore.grid.position_manager import Adjustment
from gridcore.model.actions import Action, PlaceOrder
from gridcore.model.orders import Role

MOST_ACTIONS = 50
MOST_OPENINGS = 20
MOST_SLOTS = 500  # that leave the map, or change whether the config wants them: they are no actions and cost little


def portion(adjustment: Adjustment) -> Adjustment:
    """The first part of an adjustment: cancels, then closings, then openings, as they come, nearest first."""
    if (
        len(adjustment.cancels) + len(adjustment.placements) <= MOST_OPENINGS
        and max(len(adjustment.dropped_slots), len(adjustment.flipped_slots)) <= MOST_SLOTS
    ):
        return adjustment  # as nearly always
    cancels = adjustment.cancels[:MOST_ACTIONS]
    closings = [each for each in adjustment.placements if each.role is Role.CLOSING][: MOST_ACTIONS - len(cancels)]
    room = min(MOST_OPENINGS, MOST_ACTIONS - len(cancels) - len(closings))
    openings = [each for each in adjustment.placements if each.role is Role.OPENING][:room]
    opened = {each.slot.key for each in openings}
    return replace(
        adjustment,
        cancels=cancels,
        keys=adjustment.keys[:MOST_ACTIONS],
        placements=(*closings, *openings),
        new_slots=tuple(slot for slot in adjustment.new_slots if slot.key in opened),
        dropped_slots=adjustment.dropped_slots[:MOST_SLOTS],
        flipped_slots=adjustment.flipped_slots[:MOST_SLOTS],
    )


def is_full(actions: Sequence[Action]) -> bool:
    """Whether more may have been asked for than the plan of these actions carries."""
    openings = sum(isinstance(each, PlaceOrder) and each.role is Role.OPENING for each in actions)
    return len(actions) >= MOST_ACTIONS or openings >= MOST_OPENINGS

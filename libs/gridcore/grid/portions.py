"""Limits how much of an adjustment goes into one plan. The next plan contains the rest.

A plan must be executed within `order_ttl_ms` at the venue's rate limits, and must fit into one message. Order updates
wait while a plan is executed. Opening orders are not urgent, so their portions are smaller: the closing order of a fill
waits for one such portion at most.
"""

from collections.abc import Sequence
from dataclasses import replace

from gridcore.grid.position_manager import Adjustment
from gridcore.model.actions import Action, PlaceOrder
from gridcore.model.orders import Role

MOST_ACTIONS = 50
MOST_OPENINGS = 20
MOST_SLOTS = 500  # dropped or flipped slots: they need no action and cost little


def portion(adjustment: Adjustment) -> Adjustment:
    """Returns the first part of an adjustment: cancels, then closings, then openings, each in the given order."""
    if (
        len(adjustment.cancels) + len(adjustment.placements) <= MOST_OPENINGS
        and max(len(adjustment.dropped_slots), len(adjustment.flipped_slots)) <= MOST_SLOTS
    ):
        return adjustment  # the usual case
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
    """Reports whether the adjustment may have contained more than the plan of these actions."""
    openings = sum(isinstance(each, PlaceOrder) and each.role is Role.OPENING for each in actions)
    return len(actions) >= MOST_ACTIONS or openings >= MOST_OPENINGS

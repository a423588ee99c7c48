"""Checks whether a grid is protected: every required exit order is on the venue. Pure.

Slots whose order's fate is open (UNKNOWN, CANCELING) are excluded: nothing may be placed there until it is known.
"""

from collections.abc import Iterator

from gridwright.v1 import models_pb2, simex_pb2

_IN_DOUBT = frozenset({models_pb2.ORDER_STATUS_UNKNOWN, models_pb2.ORDER_STATUS_CANCELING})


def unprotected(state: models_pb2.State, truth: simex_pb2.Truth, fills: int = 0) -> Iterator[str]:
    """Returns what is missing, a sentence each; `fills` is how many fills the state must have applied.

    Both must be read at about the same moment. A closing order that has filled meanwhile is not missing. A slot whose
    opening order still rests, partly filled, gets its exit order only once the opening order has ended.
    """
    if state.totals.fills < fills:
        yield f"{state.totals.fills} of {fills} fills are in the state"
    placed = {order.client_order_id for order in truth.orders}
    for key, slot in sorted(state.slots.items()):
        if slot.position_status != models_pb2.POSITION_STATUS_FILLED:
            continue
        if not slot.HasField("order"):
            yield f"slot {key} holds {slot.position} and has no order"
        elif slot.order.status not in _IN_DOUBT and slot.order.client_order_id not in placed:
            yield f"slot {key} holds {slot.position} and its order {slot.order.client_order_id} is not on the venue"

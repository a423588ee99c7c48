"""Whether a grid is protected: every exit order that should exist is on the venue. Pure.

Slots whose order's fate is open (UNKNOWN, CANCELING) are apart: nothing may be placed there until it is known.
"""

from collections.abc import Iterator

from gridwright.v1 import models_pb2, simex_pb2

_IN_DOUBT = frozenset({models_pb2.ORDER_STATUS_UNKNOWN, models_pb2.ORDER_STATUS_CANCELING})


def unprotected(state: models_pb2.State, truth: simex_pb2.Truth, fills: int = 0) -> Iterator[str]:
    """What is missing, a sentence each; `fills` is how many the state must have heard of.

    Both are to be of about one moment. That a closing order has filled meanwhile is nothing missing; and a slot whose
    opening order still rests, with a part of it filled, has its exit only once that order has ended.
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

"""The state machine of an order, as the state sees it: the events allowed in each status. A missing key is an error.

Fills do not end an order. Its recorded end does, and comes only after all of its fills. So FILLED is reached by
ENDED_FILLED, never by adding up fills here. Surprising transitions do occur; a comment at each says when.
"""

from gridcore.model.enums import FastEnum
from gridcore.model.errors import ImpossibleTransitionError


class Side(FastEnum):
    """The side of an order: buys or sells the base asset."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """The sign of the change of a position: +1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


class Role(FastEnum):
    """The effect of an order on its slot's position: OPENING builds it up, CLOSING reduces it."""

    OPENING = "OPENING"
    CLOSING = "CLOSING"


class OrderType(FastEnum):
    """The order type at the venue."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"  # post-only: the venue refuses it if it would trade at once


class OrderStatus(FastEnum):
    """What our records say of an order. `ENDED` names the final ones."""

    OPEN = "OPEN"  # on the book, or filled there and waiting for its recorded end
    UNKNOWN = "UNKNOWN"  # sent, outcome not known; changes only on evidence
    CANCELING = "CANCELING"  # the venue took the cancel; the recorded end is still to come
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    NOT_PLACED = "NOT_PLACED"  # evidence that it never reached the book

    @property
    def ended(self) -> bool:
        """Reports whether this is a final status."""
        return self in ENDED


class OrderEvent(FastEnum):
    """Events of an order, in the past tense."""

    FOUND_OPEN = "FOUND_OPEN"  # a look-up found it on the book
    FILL_RECORDED = "FILL_RECORDED"
    CANCEL_TAKEN = "CANCEL_TAKEN"  # the venue confirmed the cancel, or said that the order has ended
    CANCEL_FAILED = "CANCEL_FAILED"  # refused, not sent, or outcome unknown: it may be retried
    ENDED_FILLED = "ENDED_FILLED"
    ENDED_CANCELED = "ENDED_CANCELED"
    ENDED_EXPIRED = "ENDED_EXPIRED"
    ENDED_REJECTED = "ENDED_REJECTED"
    PROVED_NOT_PLACED = "PROVED_NOT_PLACED"


ENDED = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.NOT_PLACED,
    }
)

_ENDINGS = {
    OrderEvent.ENDED_FILLED: OrderStatus.FILLED,
    OrderEvent.ENDED_CANCELED: OrderStatus.CANCELED,
    OrderEvent.ENDED_EXPIRED: OrderStatus.EXPIRED,
    OrderEvent.ENDED_REJECTED: OrderStatus.REJECTED,
}

TRANSITIONS: dict[OrderStatus, dict[OrderEvent, OrderStatus]] = {
    OrderStatus.OPEN: {
        OrderEvent.FOUND_OPEN: OrderStatus.OPEN,  # the log repeats what a late result already said
        OrderEvent.FILL_RECORDED: OrderStatus.OPEN,
        OrderEvent.CANCEL_TAKEN: OrderStatus.CANCELING,
        OrderEvent.CANCEL_FAILED: OrderStatus.OPEN,
        **_ENDINGS,  # CANCELED without our cancel: by the user, the venue's risk control, or self-trade prevention
    },
    OrderStatus.UNKNOWN: {
        OrderEvent.FOUND_OPEN: OrderStatus.OPEN,
        OrderEvent.FILL_RECORDED: OrderStatus.OPEN,  # a fill before the acknowledgement proves that it was placed
        OrderEvent.PROVED_NOT_PLACED: OrderStatus.NOT_PLACED,
        **_ENDINGS,  # a look-up may find it after its end
    },
    OrderStatus.CANCELING: {
        OrderEvent.FOUND_OPEN: OrderStatus.CANCELING,  # the venue's list lags behind the cancel
        OrderEvent.FILL_RECORDED: OrderStatus.CANCELING,  # the fill and the cancel crossed
        OrderEvent.CANCEL_TAKEN: OrderStatus.CANCELING,
        OrderEvent.CANCEL_FAILED: OrderStatus.CANCELING,
        **_ENDINGS,  # FILLED: the cancel came too late
    },
    OrderStatus.FILLED: {},
    OrderStatus.CANCELED: {},
    OrderStatus.EXPIRED: {},
    OrderStatus.REJECTED: {},
    OrderStatus.NOT_PLACED: {},
}

EVENT_OF_STATUS: dict[OrderStatus, OrderEvent] = {
    OrderStatus.OPEN: OrderEvent.FOUND_OPEN,
    OrderStatus.FILLED: OrderEvent.ENDED_FILLED,
    OrderStatus.CANCELED: OrderEvent.ENDED_CANCELED,
    OrderStatus.EXPIRED: OrderEvent.ENDED_EXPIRED,
    OrderStatus.REJECTED: OrderEvent.ENDED_REJECTED,
    OrderStatus.NOT_PLACED: OrderEvent.PROVED_NOT_PLACED,
}
"""The event of a status entry in the update log. UNKNOWN and CANCELING never occur there."""


def advance(status: OrderStatus, event: OrderEvent) -> OrderStatus:
    """Returns the status after the event. Raises ImpossibleTransitionError if the table has no transition."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        message = f"an order that is {status.value} cannot take {event.value}: the update log broke its contract"
        raise ImpossibleTransitionError(message) from None

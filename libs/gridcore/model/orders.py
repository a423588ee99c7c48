"""The life of an order as the state sees it: a table of what may happen in each status. A missing key is an error.

Fills do not end an order; its recorded end does, and that comes only after all of its fills. So FILLED is reached by
ENDED_FILLED, never by arithmetic here. The ugly rows are real and say why they exist.
"""

from gridcore.model.enums import FastEnum
from gridcore.model.errors import ImpossibleTransitionError


class Side(FastEnum):
    """What the order does with the base asset."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """What it does to a position: +1 or -1."""
        return 1 if self is Side.BUY else -1


class Role(FastEnum):
    """What the order does to its slot's position."""

    OPENING = "OPENING"
    CLOSING = "CLOSING"


class OrderType(FastEnum):
    """How the order meets the book."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"  # the venue refuses it if it would trade at once


class OrderStatus(FastEnum):
    """Where an order is in its life."""

    OPEN = "OPEN"  # on the book, or traded there and waiting for its recorded end
    UNKNOWN = "UNKNOWN"  # sent, outcome not known; left on evidence only
    CANCELING = "CANCELING"  # the venue took the cancel; the recorded end is still to come
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    NOT_PLACED = "NOT_PLACED"  # evidence that it never reached the book

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in ENDED


class OrderEvent(FastEnum):
    """What can happen to an order, past tense."""

    FOUND_OPEN = "FOUND_OPEN"  # a look-up saw it on the book
    FILL_RECORDED = "FILL_RECORDED"
    CANCEL_TAKEN = "CANCEL_TAKEN"  # the venue confirmed the cancel, or said that the order has ended
    CANCEL_FAILED = "CANCEL_FAILED"  # refused, not sent, or its outcome is not known: it may be tried again
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
        OrderEvent.FOUND_OPEN: OrderStatus.OPEN,  # the log repeats what the answer said: the answer came later
        OrderEvent.FILL_RECORDED: OrderStatus.OPEN,
        OrderEvent.CANCEL_TAKEN: OrderStatus.CANCELING,
        OrderEvent.CANCEL_FAILED: OrderStatus.OPEN,
        **_ENDINGS,  # CANCELED without our cancel: the user's hand, the venue's risk control, a self-trade
    },
    OrderStatus.UNKNOWN: {
        OrderEvent.FOUND_OPEN: OrderStatus.OPEN,
        OrderEvent.FILL_RECORDED: OrderStatus.OPEN,  # the fill before the acknowledgement: it proves the placing
        OrderEvent.PROVED_NOT_PLACED: OrderStatus.NOT_PLACED,
        **_ENDINGS,  # a look-up may find it when it is all over
    },
    OrderStatus.CANCELING: {
        OrderEvent.FOUND_OPEN: OrderStatus.CANCELING,  # a list that lags behind the cancel
        OrderEvent.FILL_RECORDED: OrderStatus.CANCELING,  # the fill that crossed the cancel
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
"""The event that an update log's status entry stands for. UNKNOWN and CANCELING are never news."""


def advance(status: OrderStatus, event: OrderEvent) -> OrderStatus:
    """The status after the event. Raises ImpossibleTransitionError where the table has none."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        message = f"an order that is {status.value} cannot take {event.value}: the update log broke its contract"
        raise ImpossibleTransitionError(message) from None

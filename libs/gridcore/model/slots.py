"""InventorySlot: one level of the grid at work, with its current order and its position.

Two tables, one per status, define the allowed transitions. The size of a fill decides the next position status, so each
event maps to a set of statuses. Any other transition is an error.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.model.enums import FastEnum
from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO, canonical
from gridcore.model.orders import OrderStatus, Role, Side


class SlotStatus(FastEnum):
    """The status of the slot's order."""

    FREE = "FREE"  # no order
    PENDING = "PENDING"  # an order that is UNKNOWN or CANCELING
    LOCKED = "LOCKED"  # an order rests on the venue


class PositionStatus(FastEnum):
    """The size class of the slot's position."""

    EMPTY = "EMPTY"
    FILLED = "FILLED"  # enough to be closed by an order of its own
    DUST = "DUST"  # a residue too small for the venue; it joins the next closing order


class SlotEvent(FastEnum):
    """Events of a slot, in the past tense."""

    OPENING_SENT = "OPENING_SENT"  # the order is on the venue, or may be
    CLOSING_SENT = "CLOSING_SENT"
    OPENING_FILLED = "OPENING_FILLED"  # partly or completely
    CLOSING_FILLED = "CLOSING_FILLED"
    ORDER_MOVED = "ORDER_MOVED"  # its order changed status without ending
    ORDER_ENDED = "ORDER_ENDED"


_WORKING = frozenset({SlotStatus.LOCKED, SlotStatus.PENDING})

SLOT_TRANSITIONS: dict[SlotStatus, dict[SlotEvent, frozenset[SlotStatus]]] = {
    SlotStatus.FREE: {
        SlotEvent.OPENING_SENT: _WORKING,
        SlotEvent.CLOSING_SENT: _WORKING,
        SlotEvent.OPENING_FILLED: frozenset({SlotStatus.FREE}),  # a stray fill, of an order recorded as ended
        SlotEvent.CLOSING_FILLED: frozenset({SlotStatus.FREE}),
    },
    SlotStatus.LOCKED: {
        SlotEvent.OPENING_FILLED: frozenset({SlotStatus.LOCKED}),
        SlotEvent.CLOSING_FILLED: frozenset({SlotStatus.LOCKED}),
        SlotEvent.ORDER_MOVED: _WORKING,
        SlotEvent.ORDER_ENDED: frozenset({SlotStatus.FREE}),
    },
    SlotStatus.PENDING: {
        SlotEvent.OPENING_FILLED: _WORKING,  # UNKNOWN becomes OPEN; CANCELING stays
        SlotEvent.CLOSING_FILLED: _WORKING,
        SlotEvent.ORDER_MOVED: _WORKING,
        SlotEvent.ORDER_ENDED: frozenset({SlotStatus.FREE}),
    },
}

POSITION_TRANSITIONS: dict[PositionStatus, dict[SlotEvent, frozenset[PositionStatus]]] = {
    PositionStatus.EMPTY: {
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.EMPTY}),
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.DUST, PositionStatus.FILLED}),
        SlotEvent.CLOSING_FILLED: frozenset({PositionStatus.DUST}),  # after fees in base, more was sold than held
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.EMPTY}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.EMPTY}),
    },
    PositionStatus.DUST: {
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.DUST}),
        SlotEvent.CLOSING_SENT: frozenset(
            {PositionStatus.DUST}
        ),  # the venue has lowered its minimum since the last fill
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.DUST, PositionStatus.FILLED}),
        SlotEvent.CLOSING_FILLED: frozenset(PositionStatus),  # FILLED: minimum was lowered
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.DUST}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.DUST}),
    },
    PositionStatus.FILLED: {
        SlotEvent.CLOSING_SENT: frozenset({PositionStatus.FILLED}),
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.FILLED}),  # the venue has raised its minimum since
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.FILLED, PositionStatus.DUST}),  # DUST: minimum was raised
        SlotEvent.CLOSING_FILLED: frozenset(PositionStatus),
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.FILLED}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.FILLED}),
    },
}


@dataclass(frozen=True, slots=True)
class SlotOrder:
    """The slot's order, which has not ended. `executed`: base quantity of the fills applied."""

    client_order_id: str
    exchange_order_id: str
    role: Role
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus
    decided_ms: int = 0  # Unix time in ms of the step that placed it; 0: not known


@dataclass(frozen=True, slots=True)
class SlotRefusal:
    """The latest consecutive refusals of the slot's orders, all for the same reason."""

    reason: str  # ActionResult.reason, or the outcome if that is empty
    count: int
    since_ms: int  # Unix time of the first
    message: str  # of the last
    last_ms: int = 0  # Unix time of the last


@dataclass(frozen=True, slots=True)
class InventorySlot:
    """A slot opens at `price` on `opening_side` and closes at `closing_price` on the other side."""

    price: Decimal
    level: int  # distance from the anchor in intervals
    opening_side: Side
    closing_price: Decimal
    position: Decimal = ZERO  # base, signed; after fees taken in base
    cost: Decimal = ZERO  # quote paid (> 0) or received (< 0) for the position, fees taken in quote included
    position_status: PositionStatus = PositionStatus.EMPTY
    order: SlotOrder | None = None
    round: int = 0  # completed open-close cycles
    retry_after_ms: int = 0  # Unix time before which nothing is placed here, after a refusal
    retiring: bool = False  # the config no longer wants it: dropped once FREE and EMPTY
    refusal: SlotRefusal | None = None  # None once an order is accepted

    @property
    def key(self) -> str:
        """The slot's key in State.slots: its canonical price."""
        return canonical(self.price)

    @property
    def status(self) -> SlotStatus:
        """Derived from the order: FREE without one, LOCKED if it is OPEN, PENDING if it is UNKNOWN or CANCELING."""
        if self.order is None:
            return SlotStatus.FREE
        return SlotStatus.LOCKED if self.order.status is OrderStatus.OPEN else SlotStatus.PENDING

    def closable(self, market: MarketRules) -> Decimal:
        """Returns the base quantity that a closing order can take, 0 if the venue would refuse it."""
        if not self.position:
            return ZERO  # fast path: most slots are empty, and each step asks all of them
        # Fees taken in base can make the position's sign wrong. A closing order would only increase it.
        quantity = market.quantity_down(self.position * self.opening_side.sign)
        return quantity if market.tradable(quantity, self.closing_price) else ZERO


def with_position(slot: InventorySlot, position: Decimal, cost: Decimal, market: MarketRules) -> InventorySlot:
    """Returns the slot with this position and cost, and the position status that follows."""
    moved = replace(slot, position=position, cost=cost)
    if position == 0 and cost == 0:
        status = PositionStatus.EMPTY
    elif moved.closable(market) > 0:
        status = PositionStatus.FILLED
    else:
        status = PositionStatus.DUST
    return replace(moved, position_status=status)


def passed(slot: InventorySlot, event: SlotEvent, after: InventorySlot) -> InventorySlot:
    """Returns `after`, the slot after the event. Raises ImpossibleTransitionError if a table does not allow it."""
    statuses = SLOT_TRANSITIONS[slot.status].get(event, frozenset())
    positions = POSITION_TRANSITIONS[slot.position_status].get(event, frozenset())
    if after.status in statuses and after.position_status in positions:
        return after
    raise ImpossibleTransitionError(
        f"slot {slot.key} that is {slot.status.value} and {slot.position_status.value} cannot become "
        f"{after.status.value} and {after.position_status.value} by {event.value}"
    )

"""InventorySlot: one rung of the grid, with the order that works for it and the position it holds.

Its life is two tables, one for each status. A fill's size decides where a position goes, so a row has the set of what
may follow; what is not in it is an error.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.model.enums import FastEnum
from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO, canonical
from gridcore.model.orders import OrderStatus, Role, Side


class SlotStatus(FastEnum):
    """Whether an order stands for the slot."""

    FREE = "FREE"  # no order
    PENDING = "PENDING"  # an order whose fate is open: UNKNOWN or CANCELING
    LOCKED = "LOCKED"  # an order rests on the venue


class PositionStatus(FastEnum):
    """What the slot holds."""

    EMPTY = "EMPTY"
    FILLED = "FILLED"  # enough to be closed by an order of its own
    DUST = "DUST"  # a residue too small for the venue; it joins the next closing order


class SlotEvent(FastEnum):
    """What can happen to a slot, past tense."""

    OPENING_SENT = "OPENING_SENT"  # and it is on the venue, or may be
    CLOSING_SENT = "CLOSING_SENT"
    OPENING_FILLED = "OPENING_FILLED"  # in part or whole
    CLOSING_FILLED = "CLOSING_FILLED"
    ORDER_MOVED = "ORDER_MOVED"  # in its own life, short of its end
    ORDER_ENDED = "ORDER_ENDED"


_WORKING = frozenset({SlotStatus.LOCKED, SlotStatus.PENDING})

SLOT_TRANSITIONS: dict[SlotStatus, dict[SlotEvent, frozenset[SlotStatus]]] = {
    SlotStatus.FREE: {
        SlotEvent.OPENING_SENT: _WORKING,
        SlotEvent.CLOSING_SENT: _WORKING,
        SlotEvent.OPENING_FILLED: frozenset({SlotStatus.FREE}),  # a stray fill, of an order that counted as ended
        SlotEvent.CLOSING_FILLED: frozenset({SlotStatus.FREE}),
    },
    SlotStatus.LOCKED: {
        SlotEvent.OPENING_FILLED: frozenset({SlotStatus.LOCKED}),
        SlotEvent.CLOSING_FILLED: frozenset({SlotStatus.LOCKED}),
        SlotEvent.ORDER_MOVED: _WORKING,
        SlotEvent.ORDER_ENDED: frozenset({SlotStatus.FREE}),
    },
    SlotStatus.PENDING: {
        SlotEvent.OPENING_FILLED: _WORKING,  # it proves an UNKNOWN order, and leaves one that is being cancelled so
        SlotEvent.CLOSING_FILLED: _WORKING,
        SlotEvent.ORDER_MOVED: _WORKING,
        SlotEvent.ORDER_ENDED: frozenset({SlotStatus.FREE}),
    },
}

POSITION_TRANSITIONS: dict[PositionStatus, dict[SlotEvent, frozenset[PositionStatus]]] = {
    PositionStatus.EMPTY: {
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.EMPTY}),
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.DUST, PositionStatus.FILLED}),
        SlotEvent.CLOSING_FILLED: frozenset({PositionStatus.DUST}),  # earlier fees in base: more went than was held
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.EMPTY}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.EMPTY}),
    },
    PositionStatus.DUST: {
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.DUST}),
        SlotEvent.CLOSING_SENT: frozenset(
            {PositionStatus.DUST}
        ),  # the venue has lowered its minimum since the last fill
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.DUST, PositionStatus.FILLED}),
        SlotEvent.CLOSING_FILLED: frozenset(PositionStatus),  # FILLED: by a lowered minimum again
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.DUST}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.DUST}),
    },
    PositionStatus.FILLED: {
        SlotEvent.CLOSING_SENT: frozenset({PositionStatus.FILLED}),
        SlotEvent.OPENING_SENT: frozenset({PositionStatus.FILLED}),  # the venue has raised its minimum since
        SlotEvent.OPENING_FILLED: frozenset({PositionStatus.FILLED, PositionStatus.DUST}),  # DUST: by a raised minimum
        SlotEvent.CLOSING_FILLED: frozenset(PositionStatus),
        SlotEvent.ORDER_MOVED: frozenset({PositionStatus.FILLED}),
        SlotEvent.ORDER_ENDED: frozenset({PositionStatus.FILLED}),
    },
}


@dataclass(frozen=True, slots=True)
class SlotOrder:
    """The slot's order that has not ended. `executed` counts the fills applied."""

    client_order_id: str
    exchange_order_id: str
    role: Role
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus
    decided_ms: int = 0  # Unix time of the step that placed it, 0 where that is not known


@dataclass(frozen=True, slots=True)
class SlotRefusal:
    """Why the slot's places are not taken: the reason of the last ones in a row, all of them the same."""

    reason: str  # as ActionResult.reason, or the outcome where that has none
    count: int
    since_ms: int  # of the first
    message: str  # of the last
    last_ms: int = 0  # when that was


@dataclass(frozen=True, slots=True)
class InventorySlot:
    """A rung: opens at `price` on `opening_side`, closes at `closing_price` on the other."""

    price: Decimal
    level: int  # distance from the anchor in intervals
    opening_side: Side
    closing_price: Decimal
    position: Decimal = ZERO  # base, signed; after fees taken in base
    cost: Decimal = ZERO  # quote paid (> 0) or received (< 0) for the position, fees taken in quote included
    position_status: PositionStatus = PositionStatus.EMPTY
    order: SlotOrder | None = None
    round: int = 0  # completed open-close cycles
    retry_after_ms: int = 0  # after a refusal, nothing is placed here before this time
    retiring: bool = False  # the config no longer wants it: it leaves once FREE and EMPTY
    refusal: SlotRefusal | None = None  # None once a place is taken

    @property
    def key(self) -> str:
        """Its name in the slot map."""
        return canonical(self.price)

    @property
    def status(self) -> SlotStatus:
        """Follows from the order: FREE without one, LOCKED while it rests, PENDING while its fate is open."""
        if self.order is None:
            return SlotStatus.FREE
        return SlotStatus.LOCKED if self.order.status is OrderStatus.OPEN else SlotStatus.PENDING

    def closable(self, market: MarketRules) -> Decimal:
        """The base quantity that a closing order can take, 0 where the venue would refuse it."""
        if not self.position:
            return ZERO  # as most slots are, and this is asked of each at each step
        # Fees taken in base can leave a slot on the wrong side of nothing: closing that would only add to it.
        quantity = market.quantity_down(self.position * self.opening_side.sign)
        return quantity if market.tradable(quantity, self.closing_price) else ZERO


def with_position(slot: InventorySlot, position: Decimal, cost: Decimal, market: MarketRules) -> InventorySlot:
    """The slot holding another position, its position status with it."""
    moved = replace(slot, position=position, cost=cost)
    if position == 0 and cost == 0:
        status = PositionStatus.EMPTY
    elif moved.closable(market) > 0:
        status = PositionStatus.FILLED
    else:
        status = PositionStatus.DUST
    return replace(moved, position_status=status)


def passed(slot: InventorySlot, event: SlotEvent, after: InventorySlot) -> InventorySlot:
    """`after`, which the event has made of `slot`. Raises ImpossibleTransitionError where a table lacks the way."""
    statuses = SLOT_TRANSITIONS[slot.status].get(event, frozenset())
    positions = POSITION_TRANSITIONS[slot.position_status].get(event, frozenset())
    if after.status in statuses and after.position_status in positions:
        return after
    raise ImpossibleTransitionError(
        f"slot {slot.key} that is {slot.status.value} and {slot.position_status.value} cannot become "
        f"{after.status.value} and {after.position_status.value} by {event.value}"
    )

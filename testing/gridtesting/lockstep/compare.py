"""The values that lockstep compares: a grid's state after an event, and its fills, without times and order names."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.actions import Fill
from gridcore.model.ids import parse_client_order_id
from gridcore.model.money import ZERO
from gridcore.model.orders import Role, Side
from gridcore.model.slots import InventorySlot
from gridcore.model.state import Mode, State, Totals
from gridrpc.convert_orders import SIDES
from gridsim.backtest import Backtest
from gridwright.v1 import simex_pb2


@dataclass(frozen=True, slots=True)
class GridFill:
    """One fill: its order and amount. The venue counts all trades of its market, so equal ids mean equal history."""

    trade_id: str
    level: int
    role: Role
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool


@dataclass(frozen=True, slots=True)
class SlotStanding:
    """A slot that is not idle. Of its order: role, side, price, quantity, executed."""

    level: int
    position: Decimal
    cost: Decimal
    order: tuple[Role, Side, Decimal, Decimal, Decimal] | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A grid at one moment. Idle slots are left out: how updates were batched decides when they leave the map."""

    slots: dict[str, SlotStanding]
    totals: Totals
    mode: Mode


def standing_of(state: State) -> Standing:
    """The comparable part of a state."""
    slots = {key: _standing_of_slot(slot) for key, slot in sorted(state.slots.items())}
    return Standing({key: slot for key, slot in slots.items() if _busy(slot)}, state.totals, state.risk.mode)


def difference(services: Standing, backtest: Standing) -> str:
    """The differences between both, empty if they are equal."""
    lines = [
        f"slot {key}: {services.slots.get(key)} in the services, {backtest.slots.get(key)} in the backtest"
        for key in sorted({*services.slots, *backtest.slots})
        if services.slots.get(key) != backtest.slots.get(key)
    ]
    for name, here, there in (
        ("totals", services.totals, backtest.totals),
        ("mode", services.mode, backtest.mode),
    ):
        if here != there:
            lines.append(f"{name}: {here} in the services, {there} in the backtest")
    return "\n".join(lines)


def venue_fills(truth: simex_pb2.Truth) -> list[GridFill]:
    """All fills in the venue's book, oldest first."""
    return [
        _fill(
            trade.client_order_id,
            SIDES.from_proto(trade.side, "side"),
            Fill(
                trade.fill.trade_id,
                Decimal(trade.fill.price),
                Decimal(trade.fill.quantity),
                Decimal(trade.fill.fee),
                trade.fill.fee_asset,
                trade.fill.maker,
            ),
        )
        for trade in truth.trades
    ]


def backtest_fills(backtest: Backtest) -> list[GridFill]:
    """All fills of a backtest, oldest first."""
    return [
        _fill(update.client_order_id, update.side, update.news)
        for update in backtest.updates
        if isinstance(update.news, Fill)
    ]


def first_difference(services: Sequence[GridFill], backtest: Sequence[GridFill]) -> str:
    """The first fill that differs, empty if all are equal."""
    for number, (here, there) in enumerate(zip(services, backtest, strict=False), start=1):
        if here != there:
            return f"fill {number}: {here} in the services, {there} in the backtest"
    if len(services) != len(backtest):
        return f"{len(services)} fills in the services, {len(backtest)} in the backtest"
    return ""


def _standing_of_slot(slot: InventorySlot) -> SlotStanding:
    order = slot.order
    told = None if order is None else (order.role, order.side, order.price, order.quantity, order.executed)
    return SlotStanding(slot.level, slot.position, slot.cost, told)


def _busy(slot: SlotStanding) -> bool:
    return slot.order is not None or (slot.position, slot.cost) != (ZERO, ZERO)


def _fill(client_order_id: str, side: Side, fill: Fill) -> GridFill:
    name = parse_client_order_id(client_order_id)
    assert name is not None, f"trade {fill.trade_id} is of {client_order_id!r}, which no grid placed"
    return GridFill(
        trade_id=fill.trade_id,
        level=name.level,
        role=name.role,
        side=side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
    )

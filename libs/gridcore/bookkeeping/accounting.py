"""Applies order updates to a state. Fills reach positions and profit only through this module.

A closing fill takes the same share of the slot's cost as of the slot's position. This share is the only division. Its
rounding error stays in the cost, so quote_flow = realised_pnl - sum of costs holds exactly.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from gridcore.bookkeeping.stray_fills import slot_of
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.errors import LogMismatchError
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import EVENT_OF_STATUS, OrderEvent, OrderStatus, Role, Side, advance
from gridcore.model.refusals import FREED_BY_UPDATES, at_once
from gridcore.model.slots import InventorySlot, PositionStatus, SlotEvent, SlotOrder, passed, with_position
from gridcore.model.state import State, Totals

_SHARE_STEP = Decimal("1e-12")
_FILLED = {Role.OPENING: SlotEvent.OPENING_FILLED, Role.CLOSING: SlotEvent.CLOSING_FILLED}


def apply_updates(
    state: State, updates: tuple[OrderUpdate, ...], market: MarketRules, *, retry_at_ms: int = 0, pause_ms: int = 0
) -> State:
    """Returns the state after the updates.

    A fill of an order that no slot has is a stray fill: it is booked on the slot that its client order id encodes, and
    the order is remembered in `risk.stray_order`. If an order ended without our cancel and without being filled
    (canceled by the venue or the user, or never placed), its slot rests until `retry_at_ms`. Fills and ended orders may
    free funds or order places: slots that lacked these are retried `pause_ms` after their last refusal.

    Raises LogMismatchError for a gap in the offsets, or for an order that the state has never had.
    """
    slots, totals, offset, stray = dict(state.slots), state.totals, state.event_offset, state.risk.stray_order
    for update in updates:
        if update.offset != offset + 1:
            raise LogMismatchError(
                f"order update {update.offset} of {update.symbol} does not follow {offset}: "
                "the update log and the state belong to different ledgers"
            )
        found = _find(slots, update.client_order_id)
        if found is None:
            key, slot, totals = _apply_stray_fill(slots, state.seq, update, totals, market)
            slots[key], stray = slot, update.client_order_id
        else:
            key, slot, order = found
            match update.news:
                case Fill() as fill:
                    slots[key], totals = _filled(slot, order, fill, totals, market)
                case OrderStatus() as status:
                    slots[key], totals = _apply_status(slot, order, update, status, totals, retry_at_ms)
        offset = update.offset
    slots.update(at_once(slots, FREED_BY_UPDATES, pause_ms))
    risk = state.risk if stray == state.risk.stray_order else replace(state.risk, stray_order=stray)
    return replace(state, slots=slots, totals=totals, event_offset=offset, risk=risk)


def _find(slots: Mapping[str, InventorySlot], client_order_id: str) -> tuple[str, InventorySlot, SlotOrder] | None:
    for key, slot in slots.items():
        if slot.order is not None and slot.order.client_order_id == client_order_id:
            return key, slot, slot.order
    return None


def _filled(
    slot: InventorySlot, order: SlotOrder, fill: Fill, totals: Totals, market: MarketRules
) -> tuple[InventorySlot, Totals]:
    moved, totals = _apply_fill_amounts(slot, order.role, order.side, fill, totals, market)
    status = advance(order.status, OrderEvent.FILL_RECORDED)
    executed = replace(order, executed=order.executed + fill.quantity, status=status)
    return passed(slot, _FILLED[order.role], replace(moved, order=executed)), totals


def _apply_stray_fill(
    slots: Mapping[str, InventorySlot], seq: int, update: OrderUpdate, totals: Totals, market: MarketRules
) -> tuple[str, InventorySlot, Totals]:
    """Books a fill of an order that its slot no longer has. The slot's current order, if any, is left unchanged.

    A closing fill can be larger than the slot's position, which another order may have closed since. The slot then
    owes base; the debt reduces what the sale has realised until the base is bought back.
    """
    if not isinstance(update.news, Fill):
        raise LogMismatchError(
            f"order update {update.offset} of {update.symbol} is about {update.client_order_id}, "
            "which the state does not know"
        )
    key, role = slot_of(slots.values(), seq, update)
    slot, fill = slots[key], update.news
    rested = replace(slot, retry_after_ms=0)  # there may be a position to close now, which must not wait
    moved, totals = _apply_fill_amounts(rested, role, update.side, fill, totals, market)
    return key, passed(slot, _FILLED[role], moved), totals


def _apply_fill_amounts(
    slot: InventorySlot, role: Role, side: Side, fill: Fill, totals: Totals, market: MarketRules
) -> tuple[InventorySlot, Totals]:
    """Returns the slot with the fill's amounts applied, its order unchanged, and the new totals."""
    base, quote = _flows(side, fill, market)
    share = -quote if role is Role.OPENING else -_cost_share(slot, base)
    realised = ZERO if role is Role.OPENING else quote + share
    moved = with_position(slot, slot.position + base, slot.cost + share, market)
    return moved, replace(
        totals,
        position=totals.position + base,
        quote_flow=totals.quote_flow + quote,
        realised_pnl=totals.realised_pnl + realised,
        fees=_with_fee(totals.fees, fill),
        fills=totals.fills + 1,
    )


def _cost_share(slot: InventorySlot, base: Decimal) -> Decimal:
    """Returns the part of the slot's cost, in quote, that a closing fill of `base` takes."""
    if abs(base) >= abs(slot.position):
        return slot.cost
    return (slot.cost * abs(base / slot.position)).quantize(_SHARE_STEP)


def _flows(side: Side, fill: Fill, market: MarketRules) -> tuple[Decimal, Decimal]:
    """Returns the signed base and quote amounts of the fill, after fees. A fee in a third asset changes neither."""
    base, quote = side.sign * fill.quantity, -side.sign * fill.quantity * fill.price
    if fill.fee_asset == market.base:
        return base - fill.fee, quote
    if fill.fee_asset == market.quote:
        return base, quote - fill.fee
    return base, quote


def _with_fee(fees: Mapping[str, Decimal], fill: Fill) -> Mapping[str, Decimal]:
    if fill.fee == 0:
        return fees
    return {**fees, fill.fee_asset: fees.get(fill.fee_asset, ZERO) + fill.fee}


def _apply_status(
    slot: InventorySlot,
    order: SlotOrder,
    update: OrderUpdate,
    status: OrderStatus,
    totals: Totals,
    retry_at_ms: int,
) -> tuple[InventorySlot, Totals]:
    event = EVENT_OF_STATUS.get(status)
    if event is None:
        raise LogMismatchError(
            f"order update {update.offset} of {update.symbol} tells {status.value}, which is no news"
        )
    status = advance(order.status, event)
    if not status.ended:
        known = order.exchange_order_id or update.exchange_order_id
        found = replace(order, status=status, exchange_order_id=known)
        return passed(slot, SlotEvent.ORDER_MOVED, replace(slot, order=found)), totals
    closed = order.role is Role.CLOSING and slot.position_status is not PositionStatus.FILLED
    rounds = int(closed and order.executed > 0)
    asked_for = status is OrderStatus.FILLED or order.status is OrderStatus.CANCELING
    retry_after_ms = 0 if asked_for else retry_at_ms
    free = replace(slot, order=None, retry_after_ms=retry_after_ms, refusal=None, round=slot.round + rounds)
    return passed(slot, SlotEvent.ORDER_ENDED, free), replace(totals, rounds=totals.rounds + rounds)

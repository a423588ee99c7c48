"""Computes the next state from a plan and the results of its actions.

Results report what the ledger knows about sending. They never carry fills and never end an order that reached the
venue: both come through the update log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.bookkeeping.conditions import with_conditions
from gridcore.grid.position_manager import retired
from gridcore.model.actions import Action, ActionResult, CancelOrder, Outcome, PlaceOrder
from gridcore.model.errors import CoreError, LogMismatchError
from gridcore.model.events import ConditionsSeen, ModeChanged, OrdersUpdated, Plan
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderEvent, OrderStatus, Role, advance
from gridcore.model.refusals import FENCED, SHARED, forgiven, most_refusals, refused
from gridcore.model.slots import InventorySlot, PositionStatus, SlotEvent, SlotOrder, passed
from gridcore.model.state import Mode, RiskFlags, State, StateRebuilt

_CANCEL_EVENTS: dict[Outcome, OrderEvent] = {
    Outcome.CANCELLED: OrderEvent.CANCEL_TAKEN,
    Outcome.ENDED: OrderEvent.CANCEL_TAKEN,  # too late: the update log reports how it ended
    Outcome.REJECTED: OrderEvent.CANCEL_FAILED,
    Outcome.NOT_SENT: OrderEvent.CANCEL_FAILED,
    Outcome.EXPIRED: OrderEvent.CANCEL_FAILED,
    Outcome.UNKNOWN: OrderEvent.CANCEL_FAILED,  # a cancel may be repeated, so UNKNOWN is treated as failed
}

_PLACED: dict[Outcome, OrderStatus] = {
    Outcome.ACCEPTED: OrderStatus.OPEN,
    Outcome.UNKNOWN: OrderStatus.UNKNOWN,
}

# The slot rests after these outcomes, because a retry at the next price would be refused again.
# A takeover does not extend the rest: it is counted from the plan's own time.
_FREE_AGAIN = frozenset({Outcome.REJECTED, Outcome.NOT_SENT, Outcome.EXPIRED})

_SENT = {Role.OPENING: SlotEvent.OPENING_SENT, Role.CLOSING: SlotEvent.CLOSING_SENT}


def settle(state: State, plan: Plan, results: Sequence[ActionResult], market: MarketRules) -> State:
    """Returns the state after the plan, given the state that it was decided on and one result per action.

    Raises CoreError if the plan does not follow the state or an action has no result, and LogMismatchError if the
    plan's order updates do not continue the state.
    """
    if plan.seq != state.seq + 1:
        raise CoreError(f"step {plan.seq} of {plan.symbol} does not follow state {state.seq}")
    answers = {result.index: result for result in results}
    if answers.keys() != set(range(len(plan.actions))):
        raise CoreError(f"step {plan.seq} of {plan.symbol}: {len(plan.actions)} actions, answers for {sorted(answers)}")
    slots = dict(state.slots)
    slots.update({slot.key: slot for slot in plan.new_slots if slot.key not in slots})
    if isinstance(plan.trigger, OrdersUpdated):
        state = apply_updates(
            replace(state, slots=slots),
            plan.trigger.updates,
            market,
            retry_at_ms=plan.retry_at_ms,
            pause_ms=plan.retry_at_ms - plan.trigger.at_ms,
        )
        slots = dict(state.slots)
    slots.update({key: retired(slots[key]) for key in plan.flipped_slots if key in slots})
    for index, action in enumerate(plan.actions):
        slot = _slot(slots, action, plan)
        slots[action.slot] = _answered(slot, action, answers[index], plan)
    if any(answer.outcome is Outcome.ACCEPTED for answer in results):
        tried = {action.slot for action in plan.actions}
        slots.update({key: slot for key, slot in forgiven(slots, SHARED).items() if key not in tried})
    if _is_release(state.risk.mode, plan):
        slots.update(forgiven(slots))
    for key in plan.dropped_slots:
        if key in slots and slots[key].order is None and slots[key].position_status is PositionStatus.EMPTY:
            del slots[key]
    if isinstance(plan.trigger, ConditionsSeen):
        pause_ms = plan.retry_at_ms - plan.trigger.at_ms
        state = with_conditions(replace(state, slots=slots), plan.trigger, pause_ms=pause_ms)
        slots = dict(state.slots)
    return replace(
        state,
        slots=slots,
        seq=plan.seq,
        epoch=plan.epoch,
        risk=_with_rejects(plan.risk, slots, answers),
        last_price=_price_after(state, plan),
        last_update_time=plan.trigger.at_ms * 1_000_000,
    )


def _with_rejects(
    risk: RiskFlags, slots: Mapping[str, InventorySlot], answers: Mapping[int, ActionResult]
) -> RiskFlags:
    if not risk.rejects and all(answer.outcome is not Outcome.REJECTED for answer in answers.values()):
        return risk
    return replace(risk, rejects=most_refusals(slots))


def _is_release(before: Mode, plan: Plan) -> bool:
    # When a halted grid is set to RUNNING, everything is tried again.
    change = plan.trigger
    return isinstance(change, ModeChanged) and change.mode is Mode.RUNNING and before is not Mode.RUNNING


def _price_after(state: State, plan: Plan) -> Decimal | None:
    if isinstance(plan.trigger, ModeChanged | ConditionsSeen | StateRebuilt) or plan.trigger.price is None:
        return state.last_price
    return plan.trigger.price


def _slot(slots: dict[str, InventorySlot], action: Action, plan: Plan) -> InventorySlot:
    try:
        return slots[action.slot]
    except KeyError:
        message = f"step {plan.seq} of {plan.symbol} acts on slot {action.slot}, which is not there"
        raise LogMismatchError(message) from None


def _answered(slot: InventorySlot, action: Action, result: ActionResult, plan: Plan) -> InventorySlot:
    match action:
        case PlaceOrder():
            return _placed(slot, action, result, plan)
        case CancelOrder():
            return _cancelled(slot, action, result, plan)


def _placed(slot: InventorySlot, place: PlaceOrder, result: ActionResult, plan: Plan) -> InventorySlot:
    if result.outcome in _FREE_AGAIN:
        return _refused(slot, result, plan, place.role)
    if result.outcome not in _PLACED:
        raise CoreError(f"{place.client_order_id}: {result.outcome.value} is no answer for a place")
    order = SlotOrder(
        client_order_id=place.client_order_id,
        exchange_order_id=result.exchange_order_id,
        role=place.role,
        side=place.side,
        price=place.price,
        quantity=place.quantity,
        executed=ZERO,
        status=_PLACED[result.outcome],
        decided_ms=plan.trigger.at_ms,
    )
    return passed(slot, _SENT[place.role], replace(slot, order=order, retry_after_ms=0, refusal=None))


def _cancelled(slot: InventorySlot, cancel: CancelOrder, result: ActionResult, plan: Plan) -> InventorySlot:
    order = slot.order
    if order is None or order.client_order_id != cancel.client_order_id:
        return slot  # the same step's updates ended it
    event = _CANCEL_EVENTS.get(result.outcome)
    if event is None:
        raise CoreError(f"{cancel.client_order_id}: {result.outcome.value} is no answer for a cancel")
    moved = replace(order, status=advance(order.status, event))
    if event is OrderEvent.CANCEL_FAILED:
        after = _refused(replace(slot, order=moved), result, plan, Role.CLOSING)
    else:
        after = replace(slot, order=moved, retry_after_ms=0, refusal=None)
    return passed(slot, SlotEvent.ORDER_MOVED, after)


def _refused(slot: InventorySlot, result: ActionResult, plan: Plan, role: Role) -> InventorySlot:
    if result.reason == FENCED:
        return replace(slot, retry_after_ms=plan.retry_at_ms)
    at_ms = plan.trigger.at_ms
    reason = result.reason or result.outcome.value
    return refused(slot, reason, result.message, role=role, at_ms=at_ms, base_ms=plan.retry_at_ms - at_ms)

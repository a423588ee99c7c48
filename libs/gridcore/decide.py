"""Decides the plan for one trigger. The same inputs give the same plan, byte for byte."""

from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.bookkeeping.conditions import changes_conditions
from gridcore.bookkeeping.stray_fills import slots_to_restore
from gridcore.grid.grid_checks import unfit_now
from gridcore.grid.ladder import ladder
from gridcore.grid.portions import portion
from gridcore.grid.position_manager import Adjustment, Placement, PositionManager
from gridcore.model.actions import Action, CancelOrder, PlaceOrder
from gridcore.model.config import GridConfig
from gridcore.model.events import ConditionsSeen, ModeChanged, OrdersUpdated, Plan, PriceChanged, Ticked, Trigger
from gridcore.model.ids import client_order_id
from gridcore.model.market_rules import MarketRules
from gridcore.model.modes import advance_mode
from gridcore.model.orders import OrderType
from gridcore.model.state import Mode, RiskFlags, Rule, State
from gridcore.risk.check import calm, check_risk
from gridcore.risk.price_jump import unwatched_ms
from gridcore.risk.rules import fresh

_HALTED = frozenset({Mode.ENTERING, Mode.SAFE})


def decide(
    state: State,
    trigger: Trigger,
    market: MarketRules,
    config: GridConfig,
    *,
    request_id: str,
    epoch: int,
    prefix: str,
) -> Plan:
    """Returns the plan for this trigger: first the risk check, then the adjustment of the slots to the price.

    The plan is sent under `request_id` and `epoch`; its client order ids begin with `prefix`. Raises LogMismatchError
    if order updates do not continue the state, and ImpossibleTransitionError for a mode change that the table of modes
    does not allow.
    """
    plan = Plan(
        symbol=state.symbol,
        request_id=request_id,
        seq=state.seq + 1,
        epoch=epoch,
        trigger=trigger,
        risk=state.risk,
        retry_at_ms=trigger.at_ms + config.retry_after_ms,
    )
    match trigger:
        case PriceChanged() | Ticked():
            verdict = check_risk(state, trigger, config.risk, unfit_now(state, market, config))
            if verdict.procedure is not None:
                return replace(plan, procedure=verdict.procedure)
            plan = replace(plan, risk=verdict.risk, changes=verdict.risk != state.risk)
        case OrdersUpdated():
            revived = slots_to_restore(state, trigger.updates, ladder(config, market))
            state = replace(state, slots={**state.slots, **{slot.key: slot for slot in revived}}) if revived else state
            state = apply_updates(
                state, trigger.updates, market, retry_at_ms=plan.retry_at_ms, pause_ms=config.retry_after_ms
            )
            plan = replace(plan, risk=state.risk, new_slots=revived, changes=True)
        case ModeChanged():
            return replace(plan, risk=_mode_changed(state.risk, trigger), changes=True)
        case ConditionsSeen():
            risk = replace(state.risk, anchors=unwatched_ms(state.risk.anchors, trigger.looked_until_ms))
            return replace(plan, risk=risk, changes=changes_conditions(state, trigger))
        case _:
            assert_never(trigger)
    price, heard_ms = _price_of(trigger)
    actable = fresh(heard_ms, trigger.at_ms, config.risk) and calm(state.risk, trigger.at_ms, price, config.risk)
    manager = PositionManager(state, market, config, price=price, at_ms=trigger.at_ms, fresh=actable)
    return _with_actions(plan, manager.adjust(), config, prefix)


def _price_of(trigger: PriceChanged | Ticked | OrdersUpdated) -> tuple[Decimal | None, int]:
    """Returns the price to act on, and the Unix time in ms at which it was last known to be current."""
    return trigger.price, trigger.at_ms if isinstance(trigger, PriceChanged) else trigger.price_heard_ms


def _with_actions(plan: Plan, adjustment: Adjustment, config: GridConfig, prefix: str) -> Plan:
    # Cancels come first: they free capital and order places that the placements may need.
    if adjustment.idle and not plan.changes:
        return plan
    adjustment = portion(adjustment)
    actions: list[Action] = [
        CancelOrder(order.client_order_id, order.exchange_order_id, key)
        for order, key in zip(adjustment.cancels, adjustment.keys, strict=True)
    ]
    for placement in adjustment.placements:
        actions.append(_place(plan, placement, config, prefix, len(actions)))
    return replace(
        plan,
        actions=tuple(actions),
        new_slots=(*plan.new_slots, *adjustment.new_slots),
        dropped_slots=adjustment.dropped_slots,
        flipped_slots=adjustment.flipped_slots,
    )


def _place(plan: Plan, placement: Placement, config: GridConfig, prefix: str, index: int) -> PlaceOrder:
    name = client_order_id(
        prefix, placement.role, level=placement.slot.level, epoch=plan.epoch, seq=plan.seq, index=index
    )
    return PlaceOrder(
        client_order_id=name,
        side=placement.side,
        role=placement.role,
        type=OrderType.LIMIT_MAKER if config.post_only else OrderType.LIMIT,
        price=placement.price,
        quantity=placement.quantity,
        not_after_ms=plan.trigger.at_ms + config.order_ttl_ms,
        slot=placement.slot.key,
    )


def _mode_changed(risk: RiskFlags, change: ModeChanged) -> RiskFlags:
    # After a halt the price memory is cleared: the jump that stopped the grid must not stop it again, and no price was
    # recorded during the halt. A stray fill is cleared only when the halt that is exited was because of it.
    released = risk.mode in _HALTED and change.mode not in _HALTED
    return RiskFlags(
        mode=advance_mode(risk.mode, change.mode),
        rule=change.rule,
        reason=change.reason,
        by=change.by,
        since_ms=change.at_ms,
        clears_itself=change.clears_itself,
        anchors=() if released else risk.anchors,
        stray_order="" if released and risk.rule is Rule.STRAY_FILL else risk.stray_order,
    )

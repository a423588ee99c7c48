"""The risk check: a pure fold over the triggers. Its memory is part of the state; its result may be a halt.

Rules that need manual recovery are checked first, so that an auto-recovering halt cannot mask them. A rule that trips
during a halt is remembered, or replaces the halt's reason. The memory of prices is in `price_jump`.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.model.config import RiskConfig
from gridcore.model.events import EnterSafeMode, ExitSafeMode, PriceChanged, Procedure, Ticked
from gridcore.model.money import ZERO, canonical
from gridcore.model.orders import OrderStatus
from gridcore.model.slots import SlotOrder
from gridcore.model.state import Mode, RiskFlags, Rule, State
from gridcore.risk.price_jump import Anchors, jumped, quiet_range, remember


@dataclass(frozen=True, slots=True)
class Verdict:
    """The risk flags after the trigger, and the procedure to start, if any."""

    risk: RiskFlags
    procedure: Procedure | None = None


def check_risk(state: State, trigger: PriceChanged | Ticked, config: RiskConfig, unfit: str = "") -> Verdict:
    """Checks a price or a tick. Only a RUNNING or PAUSED grid can be halted; only a SAFE one can recover.

    `unfit`: why the grid does not fit the venue's current rules; empty if it does.
    """
    risk = state.risk
    if risk.mode is Mode.SAFE:
        stray = None if risk.rule is Rule.STRAY_FILL else _stray(risk)
        return _clear(state, trigger, config, unfit) if stray is None else Verdict(_by_hand(risk, stray))
    if risk.mode is Mode.ENTERING:
        return Verdict(risk)
    standing = _standing(risk, state.totals.position, config, unfit)
    match trigger:
        case PriceChanged():
            anchors, jump = _fold_prices(risk.anchors, trigger, config)
            return Verdict(replace(risk, anchors=anchors), jump or standing)
        case Ticked(at_ms, price):
            jump = None if price is None else jumped(risk.anchors, at_ms, price, config)
            passing = _stale(risk.mode, trigger, config) or _doubted(state, at_ms, config)
            return Verdict(risk, standing or passing or jump)


def calm(risk: RiskFlags, at_ms: int, price: Decimal | None, config: RiskConfig) -> bool:
    """Reports whether the price is no jump. Order updates that arrive with a jump are booked, but nothing is placed."""
    return price is None or risk.mode is not Mode.RUNNING or jumped(risk.anchors, at_ms, price, config) is None


def fresh(price_heard_ms: int, at_ms: int, config: RiskConfig) -> bool:
    """Reports whether a price may still be acted on. One from the future has an unknown age: the clock was set back."""
    return 0 <= at_ms - price_heard_ms <= config.stale_price_ms


def quiet_prices(
    risk: RiskFlags, position: Decimal, config: RiskConfig, unfit: str = ""
) -> tuple[Decimal, Decimal | None] | None:
    """Returns the open price interval that neither trips a rule nor changes the memory, as `quiet_range` does."""
    if risk.mode in {Mode.SAFE, Mode.ENTERING}:
        return ZERO, None
    if _standing(risk, position, config, unfit) is not None:
        return None
    return quiet_range(risk.anchors, config)


def unknown_orders(state: State) -> list[SlotOrder]:
    """Returns the orders whose outcome is not known. Each keeps its slot and its capital."""
    orders = (slot.order for slot in state.slots.values())
    return [order for order in orders if order is not None and order.status is OrderStatus.UNKNOWN]


def _fold_prices(anchors: Anchors, trigger: PriceChanged, config: RiskConfig) -> tuple[Anchors, EnterSafeMode | None]:
    """Returns the memory after the trigger, and the first jump, even if it is over by now.

    It is not known when the skipped prices were current. Each counts as current from the first of them until now, so
    that no jump is missed at the start or the end of the window.
    """
    since_ms = min(trigger.passed_since_ms, trigger.at_ms) if trigger.passed else trigger.at_ms
    prices = (*trigger.passed, trigger.price)
    jumps = [jumped(anchors, since_ms, price, config) for price in prices]
    for before, price in enumerate(prices):
        if before:  # the anchors now include the prices before it
            jumps.append(jumped(anchors, trigger.at_ms, price, config))
        anchors = remember(anchors, trigger.at_ms, price, config)
    return anchors, next((jump for jump in jumps if jump is not None), None)


def _standing(risk: RiskFlags, position: Decimal, config: RiskConfig, unfit: str) -> EnterSafeMode | None:
    """Returns a halt for conditions that last until an operator acts or the venue changes its rules again."""
    return _stray(risk) or _too_large(position, config) or _rejected(risk, config) or _unfit(risk.mode, unfit)


def _unfit(mode: Mode, why: str) -> EnterSafeMode | None:
    if not why:
        return None
    reason = f"the venue's rules have changed, and the grid cannot live under them: {why}"
    return EnterSafeMode(Rule.RULES_UNFIT, reason, clears_itself=mode is Mode.RUNNING)


def _stray(risk: RiskFlags) -> EnterSafeMode | None:
    if not risk.stray_order:
        return None
    reason = (
        f"order {risk.stray_order} has filled although it counted as ended; the fill is booked, but a slot may now "
        "hold more, or less, than one of its own: compare the slots with the account before you release the grid"
    )
    return EnterSafeMode(Rule.STRAY_FILL, reason, clears_itself=False)


def _too_large(position: Decimal, config: RiskConfig) -> EnterSafeMode | None:
    if config.max_position is None or abs(position) <= config.max_position:
        return None
    reason = f"position {canonical(position)} is beyond max_position {canonical(config.max_position)}"
    return EnterSafeMode(Rule.MAX_POSITION, reason, clears_itself=False)


def _rejected(risk: RiskFlags, config: RiskConfig) -> EnterSafeMode | None:
    if not 0 < config.max_rejects <= risk.rejects:
        return None
    reason = (
        f"orders of one slot were refused {risk.rejects} times in a row; max_rejects is {config.max_rejects}: the "
        "slot's refusal and the journal say why"
    )
    return EnterSafeMode(Rule.REJECTS, reason, clears_itself=False)


def _stale(mode: Mode, tick: Ticked, config: RiskConfig) -> EnterSafeMode | None:
    if fresh(tick.price_heard_ms, tick.at_ms, config):
        return None
    age = tick.at_ms - tick.price_heard_ms
    reason = f"no current price for {age} ms; stale_price_ms is {config.stale_price_ms}"
    # A grid that an operator has paused is not resumed by automatic recovery.
    return EnterSafeMode(Rule.STALE_PRICE, reason, clears_itself=mode is Mode.RUNNING)


def _doubted(state: State, at_ms: int, config: RiskConfig) -> EnterSafeMode | None:
    if not config.unknown_too_old_ms:
        return None
    oldest = min(unknown_orders(state), key=lambda order: order.decided_ms, default=None)
    if oldest is None or at_ms - oldest.decided_ms <= config.unknown_too_old_ms:
        return None
    since = f"for {at_ms - oldest.decided_ms} ms" if oldest.decided_ms else "since nobody knows when"
    reason = f"order {oldest.client_order_id} is UNKNOWN {since}; unknown_too_old_ms is {config.unknown_too_old_ms}"
    return EnterSafeMode(Rule.UNKNOWN_TOO_OLD, reason, clears_itself=state.risk.mode is Mode.RUNNING)


def _clear(state: State, trigger: PriceChanged | Ticked, config: RiskConfig, unfit: str) -> Verdict:
    risk = state.risk
    if not risk.clears_itself or not isinstance(trigger, Ticked):
        return Verdict(risk)
    if unfit or not _settled(state, trigger, config):
        return Verdict(risk if risk.calm_since_ms == 0 else replace(risk, calm_since_ms=0))
    if risk.calm_since_ms == 0:
        return Verdict(replace(risk, calm_since_ms=trigger.at_ms))
    if trigger.at_ms - risk.calm_since_ms < config.calm_ms:
        return Verdict(risk)
    jump = None if trigger.price is None else jumped(risk.anchors, trigger.at_ms, trigger.price, config)
    if jump is not None:
        # The market jumped while no price was observed: the halt now needs manual recovery.
        return Verdict(_by_hand(risk, jump))
    return Verdict(risk, ExitSafeMode(f"prices have been current, and no order in doubt, for {config.calm_ms} ms"))


def _by_hand(risk: RiskFlags, reason: EnterSafeMode) -> RiskFlags:
    return replace(risk, rule=reason.rule, reason=reason.reason, clears_itself=False, calm_since_ms=0)


def _settled(state: State, tick: Ticked, config: RiskConfig) -> bool:
    """Reports whether conditions for automatic recovery hold.

    They are the same for every rule that began the halt; otherwise another rule would trip right after recovery.
    """
    doubtful = config.unknown_too_old_ms > 0 and bool(unknown_orders(state))
    return fresh(tick.price_heard_ms, tick.at_ms, config) and not doubtful

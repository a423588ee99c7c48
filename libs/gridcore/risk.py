"""The risk check: a pure fold over the triggers. Its memory is part of the state, its verdict a reason to stop.

A jump is the largest move between now and any price of the window. Remembering every price would mean a write per tick,
so a new anchor is kept only when the price has left the newest by more than a tolerance of an eighth of the limit;
between two anchors the price lay within that tolerance of the older one, and the tolerance counts against the limit,
once for where the jump began and once for what the anchor stands for. So no jump of `max_jump` is missed, and one of
three quarters of it can already stop the grid.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.config import RiskConfig
from gridcore.money import ZERO, canonical
from gridcore.state import Mode, PriceAnchor, RiskFlags, Rule
from gridcore.triggers import EnterSafeMode, ExitSafeMode, PriceChanged, Procedure, Ticked

TOLERANCE_SHARE = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """The memory after the trigger, and the procedure to start, if any."""

    risk: RiskFlags
    procedure: Procedure | None = None


def check_risk(risk: RiskFlags, position: Decimal, trigger: PriceChanged | Ticked, config: RiskConfig) -> Verdict:
    """Folds a price or a tick. Only a grid that is RUNNING or PAUSED can trip, only a SAFE one can clear."""
    if risk.mode is Mode.SAFE:
        return _clear(risk, trigger, config)
    if risk.mode is Mode.ENTERING:
        return Verdict(risk)
    match trigger:
        case PriceChanged(at_ms, price):
            folded = replace(risk, anchors=_fold_anchors(risk.anchors, at_ms, price, config))
            return Verdict(folded, _jump(risk.anchors, at_ms, price, config) or _too_large(position, config))
        case Ticked(at_ms, price):
            jump = None if price is None else _jump(risk.anchors, at_ms, price, config)
            return Verdict(risk, _stale(risk.mode, trigger, config) or jump or _too_large(position, config))


def calm(risk: RiskFlags, at_ms: int, price: Decimal | None, config: RiskConfig) -> bool:
    """Whether a price has not jumped: order updates that come with one that has are booked, and open nothing."""
    return price is None or risk.mode is not Mode.RUNNING or _jump(risk.anchors, at_ms, price, config) is None


def fresh(price_heard_ms: int, at_ms: int, config: RiskConfig) -> bool:
    """Whether a price may still be acted on."""
    return at_ms - price_heard_ms <= config.stale_price_ms


def tolerance(config: RiskConfig) -> Decimal | None:
    """The fraction by which the price may leave the newest anchor unrecorded; None without a jump rule."""
    return None if config.max_jump is None else config.max_jump / TOLERANCE_SHARE


def _jump(anchors: tuple[PriceAnchor, ...], at_ms: int, price: Decimal, config: RiskConfig) -> EnterSafeMode | None:
    allowed = tolerance(config)
    if config.max_jump is None or allowed is None:
        return None
    start_ms = at_ms - config.jump_window_ms
    for anchor in anchors:
        in_window = anchor.until_ms == 0 or anchor.until_ms > start_ms
        move = abs(price - anchor.price)
        if in_window and move > _limit(config.max_jump, allowed) * anchor.price:
            reason = (
                f"price went from {canonical(anchor.price)} to {canonical(price)} within {config.jump_window_ms} ms; "
                f"max_jump is {canonical(config.max_jump * 100)} %"
            )
            return EnterSafeMode(Rule.PRICE_JUMP, reason, clears_itself=False)
    return None


def _limit(max_jump: Decimal, allowed: Decimal) -> Decimal:
    # A price within `allowed` of the anchor that jumps by max_jump ends at least this far from the anchor.
    return max_jump * (1 - allowed) - allowed


def quiet_prices(risk: RiskFlags, position: Decimal, config: RiskConfig) -> tuple[Decimal, Decimal | None] | None:
    """The open price interval that neither trips nor moves the memory. Upper end None: unbounded; None: nowhere."""
    if risk.mode in {Mode.SAFE, Mode.ENTERING}:
        return ZERO, None
    if _too_large(position, config) is not None:
        return None
    allowed = tolerance(config)
    if config.max_jump is None or allowed is None:
        return ZERO, None
    if not risk.anchors:
        return None
    limit = _limit(config.max_jump, allowed)
    reaches = [(anchor.price, limit) for anchor in risk.anchors] + [(risk.anchors[-1].price, allowed)]
    return max(price * (1 - reach) for price, reach in reaches), min(price * (1 + reach) for price, reach in reaches)


def _fold_anchors(
    anchors: tuple[PriceAnchor, ...], at_ms: int, price: Decimal, config: RiskConfig
) -> tuple[PriceAnchor, ...]:
    allowed = tolerance(config)
    if allowed is None:
        return anchors
    if anchors and abs(price - anchors[-1].price) <= allowed * anchors[-1].price:
        return anchors
    closed = (*anchors[:-1], replace(anchors[-1], until_ms=at_ms)) if anchors else ()
    start_ms = at_ms - config.jump_window_ms
    recent = [anchor for anchor in closed if anchor.until_ms > start_ms]
    return (*_extremes(recent), PriceAnchor(price, 0))


def _extremes(anchors: list[PriceAnchor]) -> list[PriceAnchor]:
    # An anchor that lies between two that stay at least as long can never be the farthest: it is not kept, which bounds
    # the memory by the width of the limit.
    kept: list[PriceAnchor] = []
    for index, anchor in enumerate(anchors):
        later = anchors[index + 1 :]
        higher = any(other.price >= anchor.price for other in later)
        lower = any(other.price <= anchor.price for other in later)
        if not (higher and lower):
            kept.append(anchor)
    return kept


def _stale(mode: Mode, tick: Ticked, config: RiskConfig) -> EnterSafeMode | None:
    if fresh(tick.price_heard_ms, tick.at_ms, config):
        return None
    age = tick.at_ms - tick.price_heard_ms
    reason = f"no current price for {age} ms; stale_price_ms is {config.stale_price_ms}"
    # What a person has paused, no rule sets going again.
    return EnterSafeMode(Rule.STALE_PRICE, reason, clears_itself=mode is Mode.RUNNING)


def _too_large(position: Decimal, config: RiskConfig) -> EnterSafeMode | None:
    if config.max_position is None or abs(position) <= config.max_position:
        return None
    reason = f"position {canonical(position)} is beyond max_position {canonical(config.max_position)}"
    return EnterSafeMode(Rule.MAX_POSITION, reason, clears_itself=False)


def _clear(risk: RiskFlags, trigger: PriceChanged | Ticked, config: RiskConfig) -> Verdict:
    if not risk.clears_itself or not isinstance(trigger, Ticked):
        return Verdict(risk)
    if not fresh(trigger.price_heard_ms, trigger.at_ms, config):
        return Verdict(risk if risk.calm_since_ms == 0 else replace(risk, calm_since_ms=0))
    if risk.calm_since_ms == 0:
        return Verdict(replace(risk, calm_since_ms=trigger.at_ms))
    if trigger.at_ms - risk.calm_since_ms < config.calm_ms:
        return Verdict(risk)
    jump = None if trigger.price is None else _jump(risk.anchors, trigger.at_ms, trigger.price, config)
    if jump is not None:
        # The market jumped while nobody saw it: the halt that would end by itself becomes one that a person ends.
        return Verdict(replace(risk, rule=jump.rule, reason=jump.reason, clears_itself=False, calm_since_ms=0))
    return Verdict(risk, ExitSafeMode(f"prices have been current for {config.calm_ms} ms"))

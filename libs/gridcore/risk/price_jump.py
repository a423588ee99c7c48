"""The price memory of the jump rule: a few anchors instead of every price.

A jump is the largest move between the current price and any price in the window. Remembering every price would need a
write per price. So a new anchor is recorded only when the price leaves the newest anchor by more than a tolerance of an
eighth of the limit. Between two anchors the price was within that tolerance of the older one. The limit is reduced by
the tolerance twice: once for the price from which the jump began, once for the prices that the anchor represents. So no
jump of `max_jump` is missed, and a jump of three quarters of `max_jump` may already trip.

The newest anchor is current until the price leaves it, which requires that prices are observed. If no price was
observed for longer than the window, the anchor ends at the last observation, and the next price starts a new memory.
"""

from dataclasses import replace
from decimal import Decimal

from gridcore.model.config import RiskConfig
from gridcore.model.money import canonical
from gridcore.model.state import PriceAnchor, RiskFlags
from gridcore.risk.table import EVERY_PRICE, Prices

TOLERANCE_SHARE = 8

Anchors = tuple[PriceAnchor, ...]


def jumped(risk: RiskFlags, at_ms: int, price: Decimal, config: RiskConfig) -> str | None:
    """Returns the reason for a halt if the price is too far from an anchor in the window, otherwise None."""
    allowed = _tolerance(config)
    if config.max_jump is None or allowed is None:
        return None
    start_ms = at_ms - config.jump_window_ms
    for anchor in risk.anchors:
        in_window = anchor.until_ms == 0 or anchor.until_ms > start_ms
        move = abs(price - anchor.price)
        if in_window and move > _limit(config.max_jump, allowed) * anchor.price:
            return (
                f"price went from {canonical(anchor.price)} to {canonical(price)} within {config.jump_window_ms} ms; "
                f"max_jump is {canonical(config.max_jump * 100)} %"
            )
    return None


def remember(risk: RiskFlags, at_ms: int, price: Decimal, config: RiskConfig) -> RiskFlags:
    """Returns the flags with the memory after a price: unchanged, unless the price has left the tolerance."""
    anchors, allowed = risk.anchors, _tolerance(config)
    if allowed is None:
        return risk
    stands = bool(anchors) and anchors[-1].until_ms == 0
    if stands and abs(price - anchors[-1].price) <= allowed * anchors[-1].price:
        return risk
    closed = unwatched_ms(anchors, at_ms)
    start_ms = at_ms - config.jump_window_ms
    recent = [anchor for anchor in closed if anchor.until_ms > start_ms]
    return replace(risk, anchors=(*_extremes(recent), PriceAnchor(price, 0)))


def unwatched_since(looked_ms: int, at_ms: int, config: RiskConfig) -> int:
    """Returns `looked_ms`, the last observation of a price, if it is at least a window ago; 0 if not, or if unknown."""
    return looked_ms if looked_ms and at_ms - looked_ms >= config.jump_window_ms else 0


def unwatched_ms(anchors: Anchors, looked_until_ms: int) -> Anchors:
    """Returns the memory with the newest anchor ended at `looked_until_ms`. 0: the memory is unchanged."""
    if not looked_until_ms or not anchors or anchors[-1].until_ms:
        return anchors
    return (*anchors[:-1], replace(anchors[-1], until_ms=looked_until_ms))


def quiet_range(risk: RiskFlags, config: RiskConfig) -> Prices | None:
    """Returns the open price interval without a jump or a change of memory. None: empty."""
    anchors, allowed = risk.anchors, _tolerance(config)
    if config.max_jump is None or allowed is None:
        return EVERY_PRICE
    if not anchors or anchors[-1].until_ms:
        return None  # any next price changes the memory
    limit = _limit(config.max_jump, allowed)
    reaches = [(anchor.price, limit) for anchor in anchors] + [(anchors[-1].price, allowed)]
    return max(price * (1 - reach) for price, reach in reaches), min(price * (1 + reach) for price, reach in reaches)


def _tolerance(config: RiskConfig) -> Decimal | None:
    """Returns the fraction by which the price may leave the newest anchor unrecorded; None without a jump rule."""
    return None if config.max_jump is None else config.max_jump / TOLERANCE_SHARE


def _limit(max_jump: Decimal, allowed: Decimal) -> Decimal:
    # A price within `allowed` of the anchor that jumps by max_jump ends at least this far from the anchor.
    return max_jump * (1 - allowed) - allowed


def _extremes(anchors: list[PriceAnchor]) -> list[PriceAnchor]:
    # An anchor with a later anchor on both sides, at or beyond its price, can never be the farthest. It is dropped,
    # which bounds the memory by the width of the limit.
    kept: list[PriceAnchor] = []
    for index, anchor in enumerate(anchors):
        later = anchors[index + 1 :]
        higher = any(other.price >= anchor.price for other in later)
        lower = any(other.price <= anchor.price for other in later)
        if not (higher and lower):
            kept.append(anchor)
    return kept

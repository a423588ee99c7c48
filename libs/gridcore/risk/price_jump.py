"""The memory of prices from which a jump is measured: few anchors instead of every price.

A jump is the largest move between now and any price of the window. Remembering every price would mean a write per tick,
so a new anchor is kept only when the price has left the newest by more than a tolerance of an eighth of the limit;
between two anchors the price lay within that tolerance of the older one, and the tolerance counts against the limit,
once for where the jump began and once for what the anchor stands for. So no jump of `max_jump` is missed, and one of
three quarters of it can already stop the grid.

The newest anchor stands until the price leaves it, which only one who looks can see. So where nobody has looked for
longer than the window, it stands until the last look, and the next price begins the memory anew.
"""

from dataclasses import replace
from decimal import Decimal

from gridcore.model.config import RiskConfig
from gridcore.model.events import EnterSafeMode
from gridcore.model.money import ZERO, canonical
from gridcore.model.state import PriceAnchor, Rule

TOLERANCE_SHARE = 8

Anchors = tuple[PriceAnchor, ...]


def jumped(anchors: Anchors, at_ms: int, price: Decimal, config: RiskConfig) -> EnterSafeMode | None:
    """The reason to stop, if a price lies too far from one of the window."""
    allowed = _tolerance(config)
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


def remember(anchors: Anchors, at_ms: int, price: Decimal, config: RiskConfig) -> Anchors:
    """The memory after a price: the same, unless the price has left the tolerance."""
    allowed = _tolerance(config)
    if allowed is None:
        return anchors
    stands = bool(anchors) and anchors[-1].until_ms == 0
    if stands and abs(price - anchors[-1].price) <= allowed * anchors[-1].price:
        return anchors
    closed = unwatched_ms(anchors, at_ms)
    start_ms = at_ms - config.jump_window_ms
    recent = [anchor for anchor in closed if anchor.until_ms > start_ms]
    return (*_extremes(recent), PriceAnchor(price, 0))


def unwatched_since(looked_ms: int, at_ms: int, config: RiskConfig) -> int:
    """When the last look at a price was, if that is no less than a window ago by now; else 0, as where nobody knows."""
    return looked_ms if looked_ms and at_ms - looked_ms >= config.jump_window_ms else 0


def unwatched_ms(anchors: Anchors, looked_until_ms: int) -> Anchors:
    """The memory where the newest anchor is known to have stood until then, and not since. 0: nothing is known."""
    if not looked_until_ms or not anchors or anchors[-1].until_ms:
        return anchors
    return (*anchors[:-1], replace(anchors[-1], until_ms=looked_until_ms))


def quiet_range(anchors: Anchors, config: RiskConfig) -> tuple[Decimal, Decimal | None] | None:
    """The open price interval that is no jump and moves no memory. Upper end None: unbounded; None: nowhere."""
    allowed = _tolerance(config)
    if config.max_jump is None or allowed is None:
        return ZERO, None
    if not anchors or anchors[-1].until_ms:
        return None  # the next price is remembered, whatever it is
    limit = _limit(config.max_jump, allowed)
    reaches = [(anchor.price, limit) for anchor in anchors] + [(anchors[-1].price, allowed)]
    return max(price * (1 - reach) for price, reach in reaches), min(price * (1 + reach) for price, reach in reaches)


def _tolerance(config: RiskConfig) -> Decimal | None:
    """The fraction by which the price may leave the newest anchor unrecorded; None without a jump rule."""
    return None if config.max_jump is None else config.max_jump / TOLERANCE_SHARE


def _limit(max_jump: Decimal, allowed: Decimal) -> Decimal:
    # A price within `allowed` of the anchor that jumps by max_jump ends at least this far from the anchor.
    return max_jump * (1 - allowed) - allowed


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

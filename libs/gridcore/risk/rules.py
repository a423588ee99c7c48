"""The risk rules: a table, and the function of each rule. `check` folds the table. The jump rule is in `price_jump`."""

from gridcore.model.config import RiskConfig
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus
from gridcore.model.slots import SlotOrder
from gridcore.model.state import Rule, State
from gridcore.risk.price_jump import jumped, quiet_range, remember
from gridcore.risk.table import AgeRule, Automatic, Facts, PriceRule, StateRule


def fresh(price_heard_ms: int, at_ms: int, config: RiskConfig) -> bool:
    """Reports whether a price may still be acted on. One from the future has an unknown age: the clock was set back."""
    return 0 <= at_ms - price_heard_ms <= config.stale_price_ms


def unknown_orders(state: State) -> list[SlotOrder]:
    """Returns the orders whose outcome is not known. Each keeps its slot and its capital."""
    orders = (slot.order for slot in state.slots.values())
    return [order for order in orders if order is not None and order.status is OrderStatus.UNKNOWN]


def _stray(facts: Facts) -> str | None:
    stray = facts.state.risk.stray_order
    if not stray:
        return None
    return (
        f"order {stray} has filled although it counted as ended; the fill is booked, but a slot may now "
        "hold more, or less, than one of its own: compare the slots with the account before you release the grid"
    )


def _too_large(facts: Facts) -> str | None:
    position, limit = facts.state.totals.position, facts.config.max_position
    if limit is None or abs(position) <= limit:
        return None
    return f"position {canonical(position)} is beyond max_position {canonical(limit)}"


def _rejected(facts: Facts) -> str | None:
    rejects, limit = facts.state.risk.rejects, facts.config.max_rejects
    if not 0 < limit <= rejects:
        return None
    return (
        f"orders of one slot were refused {rejects} times in a row; max_rejects is {limit}: the "
        "slot's refusal and the journal say why"
    )


def _unfit(facts: Facts) -> str | None:
    if not facts.unfit:
        return None
    return f"the venue's rules have changed, and the grid cannot live under them: {facts.unfit}"


def _fits(facts: Facts) -> bool:
    return not facts.unfit


def _stale(facts: Facts) -> str | None:
    if fresh(facts.price_heard_ms, facts.at_ms, facts.config):
        return None
    age = facts.at_ms - facts.price_heard_ms
    return f"no current price for {age} ms; stale_price_ms is {facts.config.stale_price_ms}"


def _current(facts: Facts) -> bool:
    return fresh(facts.price_heard_ms, facts.at_ms, facts.config)


def _doubted(facts: Facts) -> str | None:
    limit_ms = facts.config.unknown_too_old_ms
    if not limit_ms:
        return None
    oldest = min(unknown_orders(facts.state), key=lambda order: order.decided_ms, default=None)
    if oldest is None or facts.at_ms - oldest.decided_ms <= limit_ms:
        return None
    since = f"for {facts.at_ms - oldest.decided_ms} ms" if oldest.decided_ms else "since nobody knows when"
    return f"order {oldest.client_order_id} is UNKNOWN {since}; unknown_too_old_ms is {limit_ms}"


def _undoubted(facts: Facts) -> bool:
    return facts.config.unknown_too_old_ms <= 0 or not unknown_orders(facts.state)


RULES: tuple[StateRule | AgeRule | PriceRule, ...] = (
    # At a tick they are looked at in this order, at a price those of prices first; the first that trips counts. So
    # among rules of the state, manual recovery comes before automatic, which would hide it.
    StateRule(
        Rule.STRAY_FILL,
        _stray,
        "an order that counted as ended has filled: an operator statement was wrong",
        replaces=True,
    ),
    StateRule(Rule.MAX_POSITION, _too_large, "the position, long or short, is larger than `max_position`"),
    StateRule(Rule.REJECTS, _rejected, "orders of one slot were refused `max_rejects` times in a row"),
    StateRule(
        Rule.RULES_UNFIT,
        _unfit,
        "the venue's rules have changed, and the grid does not fit them",
        Automatic(_fits, "the venue's rules fit the grid"),
    ),
    AgeRule(
        Rule.STALE_PRICE,
        _stale,
        "the price was last proved current more than `stale_price_ms` ago",
        Automatic(_current, "prices are current"),
    ),
    AgeRule(
        Rule.UNKNOWN_TOO_OLD,
        _doubted,
        "an order is UNKNOWN longer than `unknown_too_old_ms` after its decision",
        Automatic(_undoubted, "no order is UNKNOWN, unless `unknown_too_old_ms` is 0"),
    ),
    PriceRule(
        Rule.PRICE_JUMP,
        jumped,
        "the price has moved by `max_jump` within `jump_window_ms`; from three quarters of it on, it may",
        remember,
        quiet_range,
    ),
)

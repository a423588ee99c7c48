"""Derives the troubles of a grid from its state: why orders are refused, and which are not placed at all.

The executor reports the troubles of the whole account: keys, limits, an unreachable venue.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.grid.allocation import Shortage
from gridcore.grid.funds import present
from gridcore.grid.grid_checks import unfit_now
from gridcore.grid.position_manager import PositionManager
from gridcore.model.config import GridConfig
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO, canonical
from gridcore.model.orders import Role, Side
from gridcore.model.refusals import INSUFFICIENT_FUNDS, ORDER_PLACES, WOULD_MATCH
from gridcore.model.slots import InventorySlot
from gridcore.model.state import Mode, Rule, State
from gridservice.troubles import Kind

_OF_THE_EXECUTOR = frozenset(
    {"RATE_LIMITED", "BANNED", "CLOCK_SKEW", "KEY_REFUSED", "VENUE_UNREACHABLE", "ORDER_LIMIT", "SYMBOL_REFUSED",
     "ORDER_NOT_SHOWN", "IN_DOUBT", "PLACE_IN_DOUBT"}
)  # fmt: skip
_PATIENCE = {WOULD_MATCH: 5, "EXPIRED": 3, "NOT_PLACED": 3}  # consecutive refusals before a trouble is reported
_REMEDIES = {
    INSUFFICIENT_FUNDS: "bring the coins back, or reduce the windows; it is retried as soon as they are in the account",
    "INVALID_ORDER": "the market rules are read again; if it continues, compare the order in Explain with them",
    ORDER_PLACES: "cancel foreign orders in this market, or reduce the windows",
    WOULD_MATCH: "the market moves faster than orders reach it: widen the interval",
    "MARKET_CLOSED": "it is retried when the market trades",
    "EXPIRED": "orders come too late to be sent: raise order_ttl_ms, or check whether the hosts' clocks agree",
}


@dataclass(frozen=True, slots=True)
class GridTrouble:
    """Arguments of `Troubles.begin`. `since_ms` 0: now."""

    kind: Kind
    subject: str
    message: str
    retry_at_ms: int = 0
    since_ms: int = 0


def grid_troubles(
    state: State, market: MarketRules, config: GridConfig, price: Decimal | None, at_ms: int
) -> list[GridTrouble]:
    """Returns the grid's current troubles."""
    found = [*_refusals(state), *_rules(state, market, config)]
    if state.risk.mode is not Mode.PAUSED:
        price = price or state.last_price
        manager = PositionManager(state, market, config, price=price, at_ms=at_ms, fresh=True)
        found += _lacks(state, market, manager.adjust().lacks if price is not None else ())
    return found


def _refusals(state: State) -> Iterator[GridTrouble]:
    """Yields one trouble per refusal reason, for all slots together."""
    slots: dict[str, list[InventorySlot]] = defaultdict(list)
    for slot in state.slots.values():
        if slot.refusal is not None and slot.refusal.reason not in _OF_THE_EXECUTOR:
            slots[slot.refusal.reason].append(slot)
    for reason, those in sorted(slots.items()):
        refusals = [slot.refusal for slot in those if slot.refusal is not None]
        worst = max(refusals, key=lambda each: each.count)
        if worst.count < _PATIENCE.get(reason, 1):
            continue
        keys = ", ".join(sorted((slot.key for slot in those), key=Decimal)[:5])
        message = (
            f"orders of {len(those)} slots ({keys}) are refused, of one {worst.count} times in a row: "
            f"{reason}: {worst.message}; {_REMEDIES.get(reason, 'see the journal (Explain)')}"
        )
        retry_at_ms = min(slot.retry_after_ms for slot in those)
        since_ms = min(each.since_ms for each in refusals)
        known = reason in Kind.__members__
        yield GridTrouble(
            Kind(reason) if known else Kind.NOT_TAKEN, "orders" if known else reason, message, retry_at_ms, since_ms
        )


def _rules(state: State, market: MarketRules, config: GridConfig) -> Iterator[GridTrouble]:
    if market.halted:
        message = f"the venue takes no orders in {market.symbol} at present: nothing is tried until it does"
        yield GridTrouble(Kind.MARKET_CLOSED, "", message)
    if state.risk.rule is Rule.RULES_UNFIT:
        yield GridTrouble(Kind.SYMBOL_REFUSED, "rules", state.risk.reason, since_ms=state.risk.since_ms)
    elif why := unfit_now(state, market, config):  # a grid that is halted for another reason does not trip
        yield GridTrouble(Kind.SYMBOL_REFUSED, "rules", f"the grid cannot live under the venue's present rules: {why}")


def _lacks(state: State, market: MarketRules, lacks: Sequence[Shortage]) -> Iterator[GridTrouble]:
    funds = present(state)
    groups: dict[tuple[str, Role, Side], list[Shortage]] = defaultdict(list)
    for lack in lacks:
        if lack.in_doubt:
            continue  # an UNKNOWN order may bind the funds; it is shown as UNKNOWN already
        groups[lack.reason, lack.role, lack.side].append(lack)
    for (reason, role, side), those in groups.items():
        orders = f"{len(those)} {role.value.lower()} {side.value.lower()} orders wait"
        subject = f"{role.value.lower()} {side.value.lower()}"
        if reason == ORDER_PLACES:
            places = f"{market.max_orders} places for orders in {market.symbol}, {state.foreign.orders} taken by others"
            message = f"{orders} for a place: there are {places}; {_REMEDIES[ORDER_PLACES]}"
            yield GridTrouble(Kind.ORDER_PLACES, subject, message)
            continue
        asset = market.base if side is Side.SELL else market.quote
        has = ZERO if funds is None else funds.base if side is Side.SELL else funds.quote
        need = canonical(sum((lack.cost for lack in those), ZERO))
        message = (
            f"{orders}: they need {need} {asset}, and of the {canonical(has)} {asset} that the account can give, "
            f"orders and open positions take their part; {_REMEDIES[INSUFFICIENT_FUNDS]}"
        )
        yield GridTrouble(Kind.INSUFFICIENT_FUNDS, subject, message)

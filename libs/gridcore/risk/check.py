"""The risk check: a pure fold of the table of rules. Its memory is part of the state; its result may be a halt."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.model.config import RiskConfig
from gridcore.model.events import EnterSafeMode, ExitSafeMode, PriceChanged, Procedure, Ticked
from gridcore.model.state import Mode, RiskFlags, State
from gridcore.risk.rules import RULES
from gridcore.risk.table import EVERY_PRICE, AgeRule, Facts, PriceRule, Prices, StateRule

_STATE_RULES = tuple(rule for rule in RULES if isinstance(rule, StateRule))
_TICK_RULES = tuple(rule for rule in RULES if isinstance(rule, StateRule | AgeRule))
_PRICE_RULES = tuple(rule for rule in RULES if isinstance(rule, PriceRule))
_REPLACING = tuple(rule for rule in _STATE_RULES if rule.replaces)
_RECOVERIES = tuple(rule.recovery for rule in _TICK_RULES if rule.recovery is not None)


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
    if risk.mode is Mode.ENTERING:
        return Verdict(risk)
    if isinstance(trigger, PriceChanged):
        facts = Facts(state, config, unfit)
        if risk.mode is Mode.SAFE:
            return Verdict(_replaced(facts))
        risk, halt = _fold_prices(risk, trigger, config)
        return Verdict(risk, halt or _tripped(_STATE_RULES, facts))
    facts = Facts(state, config, unfit, trigger.at_ms, trigger.price_heard_ms)
    if risk.mode is Mode.SAFE:
        replaced = _replaced(facts)
        return _recover(facts, trigger) if replaced is risk else Verdict(replaced)
    return Verdict(risk, _tripped(_TICK_RULES, facts) or _tripped_by(trigger.price, risk, trigger.at_ms, config))


def calm(risk: RiskFlags, at_ms: int, price: Decimal | None, config: RiskConfig) -> bool:
    """Reports whether the price trips no rule. Updates that arrive with one that does are booked; nothing is placed."""
    return risk.mode is not Mode.RUNNING or _tripped_by(price, risk, at_ms, config) is None


def quiet_prices(state: State, config: RiskConfig, unfit: str = "") -> Prices | None:
    """Returns the open price interval that neither trips a rule nor changes the memory. None: empty."""
    lower, upper = EVERY_PRICE
    if state.risk.mode in {Mode.SAFE, Mode.ENTERING}:
        return lower, upper
    facts = Facts(state, config, unfit)
    for rule in RULES:
        prices = rule.quiet(facts)
        if prices is None:
            return None
        if prices is not EVERY_PRICE:
            lower = max(lower, prices[0])
            upper = prices[1] if upper is None or prices[1] is None else min(upper, prices[1])
    return lower, upper


def _tripped(rules: Iterable[StateRule | AgeRule], facts: Facts) -> EnterSafeMode | None:
    for rule in rules:
        reason = rule.trips(facts)
        if reason is not None:
            # A grid that an operator has paused is not resumed by automatic recovery.
            automatic = rule.recovery is not None and facts.state.risk.mode is Mode.RUNNING
            return EnterSafeMode(rule.name, reason, clears_itself=automatic)
    return None


def _tripped_by(price: Decimal | None, risk: RiskFlags, at_ms: int, config: RiskConfig) -> EnterSafeMode | None:
    if price is not None:
        for rule in _PRICE_RULES:
            reason = rule.trips(risk, at_ms, price, config)
            if reason is not None:
                return EnterSafeMode(rule.name, reason, clears_itself=False)
    return None


def _fold_prices(risk: RiskFlags, trigger: PriceChanged, config: RiskConfig) -> tuple[RiskFlags, EnterSafeMode | None]:
    """Returns the flags after the trigger, and the first halt, even if its cause is over by now.

    It is not known when the skipped prices were current. Each counts as current from the first of them until now, so
    that no jump is missed at the start or the end of the window.
    """
    since_ms = min(trigger.passed_since_ms, trigger.at_ms) if trigger.passed else trigger.at_ms
    prices = (*trigger.passed, trigger.price)
    halts = [_tripped_by(price, risk, since_ms, config) for price in prices]
    for before, price in enumerate(prices):
        if before:  # the memory now includes the prices before it
            halts.append(_tripped_by(price, risk, trigger.at_ms, config))
        for rule in _PRICE_RULES:
            risk = rule.remember(risk, trigger.at_ms, price, config)
    return risk, next((halt for halt in halts if halt is not None), None)


def _replaced(facts: Facts) -> RiskFlags:
    """Returns the flags in safe mode; the same object, if no rule replaces the reason of the halt."""
    risk = facts.state.risk
    halt = _tripped(_REPLACING, facts)
    return risk if halt is None or halt.rule is risk.rule else _manual(risk, halt)


def _manual(risk: RiskFlags, halt: EnterSafeMode) -> RiskFlags:
    return replace(risk, rule=halt.rule, reason=halt.reason, clears_itself=False, calm_since_ms=0)


def _recover(facts: Facts, tick: Ticked) -> Verdict:
    risk, config = facts.state.risk, facts.config
    if not risk.clears_itself:
        return Verdict(risk)
    # The conditions are those of all rules, not of the one that began the halt: another would trip right after it.
    if not all(recovery.holds(facts) for recovery in _RECOVERIES):
        return Verdict(risk if risk.calm_since_ms == 0 else replace(risk, calm_since_ms=0))
    if risk.calm_since_ms == 0:
        return Verdict(replace(risk, calm_since_ms=tick.at_ms))
    if tick.at_ms - risk.calm_since_ms < config.calm_ms:
        return Verdict(risk)
    halt = _tripped_by(tick.price, risk, tick.at_ms, config)
    if halt is not None:
        # The market moved while no price was observed: the halt now needs manual recovery.
        return Verdict(_manual(risk, halt))
    return Verdict(risk, ExitSafeMode(f"prices have been current, and no order in doubt, for {config.calm_ms} ms"))

"""The table of risk rules is complete, in its order, and docs/risk-rules.md is what it gives."""

from pathlib import Path

from gridcore.model.state import Rule
from gridcore.risk.rules import RULES
from gridcore.risk.table import AgeRule, PriceRule, StateRule
from gridtesting.risk_page import page

DOCUMENT = Path(__file__).parents[2] / "docs" / "risk-rules.md"


def test_the_page_is_what_the_table_gives() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == page(), "run: python -m gridtesting.risk_page > docs/risk-rules.md"


def test_every_rule_but_the_operators_has_one_row() -> None:
    names = [rule.name.value for rule in RULES]
    assert sorted(names) == sorted(rule.value for rule in Rule if rule not in {Rule.NONE, Rule.OPERATOR})


def test_the_table_is_in_the_order_in_which_a_tick_looks_at_it() -> None:
    places = [(StateRule, AgeRule, PriceRule).index(type(rule)) for rule in RULES]
    assert places == sorted(places)


def test_no_automatic_recovery_hides_a_rule_that_needs_an_operator() -> None:
    automatic = [rule.recovery is not None for rule in RULES if isinstance(rule, StateRule)]
    assert automatic == sorted(automatic)


def test_only_a_rule_with_manual_recovery_replaces_the_reason_of_a_halt() -> None:
    assert not [rule.name for rule in RULES if isinstance(rule, StateRule) and rule.replaces and rule.recovery]

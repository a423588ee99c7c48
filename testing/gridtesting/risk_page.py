"""Generates docs/risk-rules.md from the table of risk rules: `python -m gridtesting.risk_page > docs/risk-rules.md`."""

import sys

from gridcore.model.state import Rule
from gridcore.risk.rules import RULES
from gridcore.risk.table import AgeRule, PriceRule, StateRule

_PAGE = """# Risk rules

What halts a grid: it enters safe mode, in which its opening orders are cancelled and none is placed; closing orders
stay and are placed. The limits are settings, [`[grids.risk]`](configuration.md#the-grids).

| rule | it halts a grid when | looked at | recovery |
|---|---|---|---|
{rules}

- **Automatic** recovery: the grid goes on as soon as all of this has held for `calm_ms`, whichever rule halted it:
  {conditions}.
  A grid that was PAUSED needs manual recovery, and so does one whose price, seen again, trips a rule of prices.
- **Manual** recovery: an operator looks, then `gridwright safe-mode off`. What still holds, as a position that is too
  large, halts the grid again at once.
{replacing} also trips in safe mode and replaces the reason of the halt, which then needs manual recovery.

## Order, and the quiet band

At a tick the rules are looked at in the order of the table, at a price those of prices first; the first that trips
gives the reason. Inside the quiet band `decide` is not called, so a rule says what it leaves of the band:

| looked at | what it leaves of the quiet band |
|---|---|
{bands}

`python -m gridtesting.risk_page` generates this page from `libs/gridcore/risk/rules.py`; a test holds the two together.
"""

_LOOKED_AT: dict[type, tuple[str, str]] = {
    StateRule: ("prices, ticks", "nothing while it trips, otherwise all: it looks at the committed state"),
    AgeRule: ("ticks", "all: it looks at an age, and ticks are decided whatever the price"),
    PriceRule: ("prices, also skipped ones; ticks", "the prices that neither trip it nor change what it remembers"),
}


def page() -> str:
    """Returns the whole page."""
    rows = [(rule.name, rule.when, _LOOKED_AT[type(rule)][0], _recovery(rule)) for rule in RULES]
    rows.append((Rule.OPERATOR, "an operator says so: `gridwright safe-mode on`", "", "manual"))
    recoveries = [rule.recovery for rule in RULES if not isinstance(rule, PriceRule)]
    replacing = [rule.name.value for rule in RULES if isinstance(rule, StateRule) and rule.replaces]
    return _PAGE.format(
        rules="\n".join(
            f"| `{name.value}` | {when} | {looked} | {recovery} |" for name, when, looked, recovery in rows
        ),
        conditions="; ".join(recovery.once for recovery in recoveries if recovery is not None),
        replacing="\n".join(f"- `{name}`" for name in replacing),
        bands="\n".join(f"| {looked} | {left} |" for looked, left in _LOOKED_AT.values()),
    )


def _recovery(rule: StateRule | AgeRule | PriceRule) -> str:
    return "manual" if isinstance(rule, PriceRule) or rule.recovery is None else "automatic"


if __name__ == "__main__":
    sys.stdout.write(page())

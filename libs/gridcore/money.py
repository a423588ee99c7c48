"""Decimals as they are written and rounded. Values are finite; rounding to steps is MarketRules' alone."""

from decimal import Decimal

ZERO = Decimal(0)


def canonical(value: Decimal) -> str:
    """The one way to write a decimal: no exponent, no trailing zeros after the point, zero without a sign."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text

"""Decimals as they are written and rounded. Values are finite; rounding to steps is MarketRules' alone."""

from decimal import Decimal
from functools import lru_cache

ZERO = Decimal(0)


@lru_cache(maxsize=4096)  # the slots' prices are written again and again, as their keys
def canonical(value: Decimal) -> str:
    """The one way to write a decimal: no exponent, no trailing zeros after the point, zero without a sign."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text

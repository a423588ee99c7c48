"""Formatting of decimals. All values are finite. Rounding to the venue's steps is in MarketRules."""

from decimal import Decimal
from functools import lru_cache

ZERO = Decimal(0)


@lru_cache(maxsize=4096)  # slot prices are formatted repeatedly, as slot keys
def canonical(value: Decimal) -> str:
    """Formats a decimal canonically: no exponent, no trailing zeros after the point, zero without a sign."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text

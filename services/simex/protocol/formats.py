"""Formats numbers and symbols as Binance does."""

from decimal import Decimal

Json = dict[str, object]

STEP = Decimal("1E-8")
ZERO = "0.00000000"


def amount(value: Decimal) -> str:
    """A number with eight decimals as Binance formats it; more decimals only if a digit would be lost."""
    return f"{value.quantize(STEP):f}" if not value % STEP else f"{value:f}"


def market_id(symbol: str) -> str:
    """`BTC/USDT` as Binance writes it."""
    return symbol.replace("/", "")

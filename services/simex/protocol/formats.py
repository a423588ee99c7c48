"""How Binance writes numbers and symbols, for all that simex answers."""

from decimal import Decimal

Json = dict[str, object]

STEP = Decimal("1E-8")
ZERO = "0.00000000"


def amount(value: Decimal) -> str:
    """A number as Binance writes it, with eight decimals; more only where fewer would lose a digit."""
    return f"{value.quantize(STEP):f}" if not value % STEP else f"{value:f}"


def market_id(symbol: str) -> str:
    """`BTC/USDT` as Binance writes it."""
    return symbol.replace("/", "")

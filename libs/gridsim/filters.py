"""Exchange filters beyond the steps and the minimum notional, and a symbol's trading status: plain values.

Source: filters.md and enums.md of binance/binance-spot-api-docs, July 2026.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class TradingStatus(Enum):
    """Trading status of a symbol. Only TRADING accepts new orders; cancels are accepted in every status."""

    TRADING = "TRADING"
    HALT = "HALT"
    BREAK = "BREAK"


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of a symbol. Bounds that are None follow from the steps (see SymbolRules). Multipliers apply to the last
    price.

    `min_to_market`, `max_to_market`: whether NOTIONAL's two bounds apply to MARKET orders. `legacy`: the symbol has
    MIN_NOTIONAL and PERCENT_PRICE in place of NOTIONAL and PERCENT_PRICE_BY_SIDE. Trailing deltas are in basis points.
    """

    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    max_market_quantity: Decimal | None = None
    max_notional: Decimal | None = None
    min_to_market: bool = True
    max_to_market: bool = False
    bid_up: Decimal = Decimal(5)
    bid_down: Decimal = Decimal("0.2")
    ask_up: Decimal = Decimal(5)
    ask_down: Decimal = Decimal("0.2")
    max_position: Decimal | None = None
    max_algo_orders: int = 5
    max_order_lists: int = 20
    iceberg_parts: int = 10
    min_trailing_above: int = 10
    max_trailing_above: int = 2_000
    min_trailing_below: int = 10
    max_trailing_below: int = 2_000
    legacy: bool = False

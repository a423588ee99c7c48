"""Converts a ccxt market to MarketRules: steps, and every limit that can refuse an order of ours.

Binance's filters are read directly, since ccxt ignores most of them. For other exchanges ccxt's unified limits are
used.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from executor.venue.ccxt.convert import money
from executor.venue.ccxt.fees import Fees
from gridcore.model.market_rules import MarketRules, PriceRange

_TRADING = "TRADING"


def market_rules(market: Any, fees: Fees) -> MarketRules:
    """Converts a market. Raises KeyError, TypeError, ValueError or ArithmeticError if it cannot be read."""
    limits, precision, filters = market["limits"], market["precision"], _filters(market)
    amount, cost, price = (limits.get(each) or {} for each in ("amount", "cost", "price"))
    lot, notional, prices = filters.get("LOT_SIZE", {}), filters.get("NOTIONAL", {}), filters.get("PRICE_FILTER", {})
    buys, sells = _ranges(filters)
    return MarketRules(
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        tick_size=money(precision["price"]),
        lot_size=money(precision["amount"]),
        min_quantity=money(amount.get("min") or 0),
        min_notional=money(cost.get("min") or 0),
        maker_fee=fees.maker,
        taker_fee=fees.taker,
        max_quantity=_limit(lot.get("maxQty"), amount.get("max")),
        max_notional=_limit(notional.get("maxNotional"), cost.get("max")),
        min_price=_limit(prices.get("minPrice"), price.get("min")),
        max_price=_limit(prices.get("maxPrice"), price.get("max")),
        max_position=_limit(filters.get("MAX_POSITION", {}).get("maxPosition")),
        max_orders=_max_orders(filters),
        buy_range=buys,
        sell_range=sells,
        halted=_is_halted(market),
    )


def _filters(market: Any) -> dict[str, Mapping[str, Any]]:
    info = market.get("info")
    listed = info.get("filters") if isinstance(info, Mapping) else None
    found = listed if isinstance(listed, list) else []
    return {str(each["filterType"]): each for each in found if isinstance(each, Mapping) and "filterType" in each}


def _limit(*told: object) -> Decimal | None:
    """Returns the first limit that is set. Binance disables a limit by 0."""
    for each in told:
        if each is not None and each != "":
            return money(each) or None
    return None


def _max_orders(filters: Mapping[str, Mapping[str, Any]]) -> int:
    it = filters.get("MAX_NUM_ORDERS", {})
    return int(it.get("maxNumOrders") or it.get("limit") or 0)


def _ranges(filters: Mapping[str, Mapping[str, Any]]) -> tuple[PriceRange, PriceRange]:
    both = filters.get("PERCENT_PRICE")
    if both is not None:
        span = PriceRange(_limit(both.get("multiplierDown")), _limit(both.get("multiplierUp")))
        return span, span
    sides = filters.get("PERCENT_PRICE_BY_SIDE", {})
    return (
        PriceRange(_limit(sides.get("bidMultiplierDown")), _limit(sides.get("bidMultiplierUp"))),
        PriceRange(_limit(sides.get("askMultiplierDown")), _limit(sides.get("askMultiplierUp"))),
    )


def _is_halted(market: Any) -> bool:
    info = market.get("info")
    status = info.get("status") if isinstance(info, Mapping) and _filters(market) else None
    return market.get("active") is False or (status is not None and status != _TRADING)

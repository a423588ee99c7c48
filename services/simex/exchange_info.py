"""GET exchangeInfo, key for key as Binance answers it: what is listed and which rules orders must keep."""

from collections.abc import Iterable, Sequence

from gridsim.orders import SelfTrade
from gridsim.rules import PERCENT_DOWN, PERCENT_UP, SymbolRules
from simex.payloads import Json, amount, market_id

PERMISSION = "SPOT"


def exchange_info(
    rules: Iterable[SymbolRules], rate_limits: Sequence[Json], now_ms: int, *, permission_sets: bool = True
) -> Json:
    """The answer, with the permission sets told or left empty."""
    sets = [[PERMISSION]] if permission_sets else []
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": list(rate_limits),
        "exchangeFilters": [],
        "symbols": [_symbol(each, sets) for each in rules],
    }


def _symbol(rules: SymbolRules, permission_sets: list[list[str]]) -> Json:
    return {
        "symbol": market_id(rules.symbol),
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": permission_sets,
        "defaultSelfTradePreventionMode": SelfTrade.EXPIRE_MAKER.value,
        "allowedSelfTradePreventionModes": [mode.value for mode in SelfTrade],
    }


def _filters(rules: SymbolRules) -> list[Json]:
    lots: Json = {
        "minQty": amount(rules.lot_size),
        "maxQty": amount(rules.max_quantity),
        "stepSize": amount(rules.lot_size),
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(rules.tick_size),
            "maxPrice": amount(rules.max_price),
            "tickSize": amount(rules.tick_size),
        },
        {"filterType": "LOT_SIZE"} | lots,
        {"filterType": "MARKET_LOT_SIZE"} | lots,
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": str(PERCENT_UP),
            "bidMultiplierDown": str(PERCENT_DOWN),
            "askMultiplierUp": str(PERCENT_UP),
            "askMultiplierDown": str(PERCENT_DOWN),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(rules.max_price * rules.max_quantity),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
    ]

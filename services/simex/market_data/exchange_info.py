"""GET exchangeInfo, key for key as Binance answers it: the listed symbols and the rules for orders."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from gridsim.orders import OrderType, SelfTrade
from gridsim.rules import SymbolRules
from simex.protocol.formats import Json, amount, market_id

PERMISSION = "SPOT"


def exchange_info(
    rules: Iterable[SymbolRules], rate_limits: Sequence[Json], now_ms: int, *, permission_sets: bool = True
) -> Json:
    """The answer, with the permission sets included or left empty."""
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
        "status": rules.status.value,
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [kind.value for kind in OrderType],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
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


def exchange_filters(most_open: int) -> list[Json]:
    """The filters of all symbols together."""
    return [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": most_open}] if most_open else []


def _filters(rules: SymbolRules) -> list[Json]:
    filters = rules.filters
    lots: Json = {"minQty": amount(rules.min_quantity), "stepSize": amount(rules.lot_size)}
    told: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(rules.min_price),
            "maxPrice": amount(rules.max_price),
            "tickSize": amount(rules.tick_size),
        },
        {"filterType": "LOT_SIZE", **lots, "maxQty": amount(rules.max_quantity)},
        {"filterType": "ICEBERG_PARTS", "limit": filters.iceberg_parts},
        {"filterType": "MARKET_LOT_SIZE", **lots, "maxQty": amount(rules.max_market_quantity)},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": filters.min_trailing_above,
            "maxTrailingAboveDelta": filters.max_trailing_above,
            "minTrailingBelowDelta": filters.min_trailing_below,
            "maxTrailingBelowDelta": filters.max_trailing_below,
        },
        *(_legacy(rules) if filters.legacy else _present(rules)),
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": filters.max_order_lists},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.max_algo_orders},
    ]
    if filters.max_position is not None:
        told.append({"filterType": "MAX_POSITION", "maxPosition": amount(filters.max_position)})
    return told


def _present(rules: SymbolRules) -> list[Json]:
    """The current filters of the price's distance and of the notional. `avgPriceMins` 0: relative to the last price."""
    filters = rules.filters
    return [
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": _plain(filters.bid_up),
            "bidMultiplierDown": _plain(filters.bid_down),
            "askMultiplierUp": _plain(filters.ask_up),
            "askMultiplierDown": _plain(filters.ask_down),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(rules.min_notional),
            "applyMinToMarket": filters.min_to_market,
            "maxNotional": amount(rules.max_notional),
            "applyMaxToMarket": filters.max_to_market,
            "avgPriceMins": 0,
        },
    ]


def _legacy(rules: SymbolRules) -> list[Json]:
    """The same in the form used until 2022, and still on Binance US."""
    return [
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": _plain(rules.filters.bid_up),
            "multiplierDown": _plain(rules.filters.bid_down),
            "avgPriceMins": 0,
        },
        {
            "filterType": "MIN_NOTIONAL",
            "minNotional": amount(rules.min_notional),
            "applyToMarket": rules.filters.min_to_market,
            "avgPriceMins": 0,
        },
    ]


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"

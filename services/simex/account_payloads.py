"""What simex answers about the account over REST, key for key as Binance answers it: orders, trades, balances."""

import zlib
from collections.abc import Iterable

from gridsim.account import Balance
from gridsim.orders import Order, OrderStatus, Side, Trade
from gridsim.rules import SymbolRules
from simex.endings import PreventedMatch, expiry_reason, prevented_match_id
from simex.order_entry import Detail
from simex.payloads import ZERO, Json, amount, market_id

_DISCOUNT: Json = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "BNB",
    "discount": ZERO,
}


def order(it: Order) -> Json:
    """GET order, openOrders, allOrders."""
    return {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": it.client_order_id,
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": it.created_ms,
        "updateTime": it.updated_ms,
        "isWorking": True,
        "workingTime": it.created_ms,
        "origQuoteOrderQty": amount(it.quote_quantity),
        "selfTradePreventionMode": it.self_trade.value,
        **_conditional(it),
    }


def new_order(it: Order, trades: Iterable[Trade], prevented: Iterable[PreventedMatch], detail: Detail) -> Json:
    """POST order."""
    ack: Json = {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": it.client_order_id,
        "transactTime": it.updated_ms,
    }
    if detail is Detail.ACK:
        return ack
    result = ack | _state(it) | {"workingTime": it.created_ms} | _conditional(it)
    if detail is Detail.RESULT:
        return result
    fills = [
        {
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "commission": amount(trade.commission),
            "commissionAsset": trade.commission_asset,
            "tradeId": trade.trade_id,
        }
        for trade in trades
    ]
    matches = [_prevented(each) for each in prevented]
    return result | {"fills": fills} | ({"preventedMatches": matches} if matches else {})


def cancelled(it: Order, client_order_id: str) -> Json:
    """DELETE order, openOrders; `client_order_id` is the cancel's own."""
    return {
        "symbol": market_id(it.symbol),
        "origClientOrderId": it.client_order_id,
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": client_order_id,
        "transactTime": it.updated_ms,
        **_state(it),
        **_conditional(it),
    }


def _state(it: Order) -> Json:
    """What answers to a new order and to a cancel tell alike."""
    return {
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "origQuoteOrderQty": amount(it.quote_quantity),
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "selfTradePreventionMode": it.self_trade.value,
    }


def _conditional(it: Order) -> Json:
    """The fields that appear only where they apply."""
    fields: Json = {}
    if it.strategy_id is not None:
        fields["strategyId"] = it.strategy_id
    if it.strategy_type is not None:
        fields["strategyType"] = it.strategy_type
    if it.status is OrderStatus.EXPIRED_IN_MATCH:
        fields |= {"preventedMatchId": prevented_match_id(it), "preventedQuantity": amount(it.remaining)}
    reason = expiry_reason(it)
    return fields | ({"expiryReason": reason} if reason else {})


def _prevented(it: PreventedMatch) -> Json:
    """What did not trade, as the answer to the order that would have taken it tells it."""
    fields: Json = {
        "preventedMatchId": it.match_id,
        "makerOrderId": it.maker.order_id,
        "price": amount(it.maker.price),
    }
    if it.taker_expired:
        fields["takerPreventedQuantity"] = amount(it.taker.remaining)
    if it.maker_expired:
        fields["makerPreventedQuantity"] = amount(it.maker.remaining)
    return fields


def prevented_match(it: PreventedMatch) -> Json:
    """GET myPreventedMatches. simex knows no groups of accounts: -1."""
    return {
        "symbol": market_id(it.maker.symbol),
        "takerOrderId": it.taker.order_id,
        "makerSymbol": market_id(it.maker.symbol),
        "tradeGroupId": -1,
        "selfTradePreventionMode": it.taker.self_trade.value,
        "transactTime": it.time_ms,
        **_prevented(it),
    }


def my_trade(it: Trade) -> Json:
    """GET myTrades."""
    return {
        "symbol": market_id(it.symbol),
        "id": it.trade_id,
        "orderId": it.order_id,
        "orderListId": -1,
        "price": amount(it.price),
        "qty": amount(it.quantity),
        "quoteQty": amount(it.price * it.quantity),
        "commission": amount(it.commission),
        "commissionAsset": it.commission_asset,
        "time": it.time_ms,
        "isBuyer": it.side is Side.BUY,
        "isMaker": it.maker,
        "isBestMatch": True,
    }


def commission(rules: SymbolRules) -> Json:
    """GET account/commission: of the standard kind alone; nobody is taxed, and no BNB is held to pay less."""
    none = {"maker": ZERO, "taker": ZERO, "buyer": ZERO, "seller": ZERO}
    return {
        "symbol": market_id(rules.symbol),
        "standardCommission": none | _rates(rules),
        "specialCommission": none,
        "taxCommission": none,
        "discount": _DISCOUNT,
    }


def order_commission(rules: SymbolRules) -> Json:
    """POST order/test with computeCommissionRates."""
    none = {"maker": ZERO, "taker": ZERO}
    return {
        "standardCommissionForOrder": _rates(rules),
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": _DISCOUNT,
    }


def _rates(rules: SymbolRules) -> dict[str, str]:
    return {"maker": amount(rules.maker_fee), "taker": amount(rules.taker_fee)}


def cancel_id(it: Order) -> str:
    """How a cancel is known that was not given a name."""
    return f"simex-cancel-{it.order_id}"


def account(name: str, rules: SymbolRules, balances: Iterable[Balance], updated_ms: int) -> Json:
    """GET account. Binance has one fee schedule per account here: that of the first market stands for it."""
    return {
        "makerCommission": int(rules.maker_fee * 10_000),
        "takerCommission": int(rules.taker_fee * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {**_rates(rules), "buyer": ZERO, "seller": ZERO},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": updated_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": each.asset, "free": amount(each.free), "locked": amount(each.locked)} for each in balances
        ],
        "permissions": ["SPOT"],
        "uid": zlib.crc32(name.encode()),
    }

"""What simex answers about the account over REST, key for key as Binance answers it: orders, trades, balances."""

from collections.abc import Iterable, Sequence

from gridsim.account import Balance
from gridsim.orders import Order, Side, Trade
from gridsim.rules import SymbolRules
from simex.payloads import SELF_TRADE_PREVENTION, ZERO, Json, amount, market_id


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
        "origQuoteOrderQty": ZERO,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }


def new_order(it: Order, trades: Sequence[Trade], detail: str) -> Json:
    """POST order; `detail` is ACK, RESULT or FULL."""
    ack: Json = {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": it.client_order_id,
        "transactTime": it.updated_ms,
    }
    if detail == "ACK":
        return ack
    result = ack | {
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "origQuoteOrderQty": ZERO,
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "workingTime": it.created_ms,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }
    if detail == "RESULT":
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
    return result | {"fills": fills}


def cancelled(it: Order, client_order_id: str) -> Json:
    """DELETE order, openOrders; `client_order_id` is the cancel's own."""
    return {
        "symbol": market_id(it.symbol),
        "origClientOrderId": it.client_order_id,
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": client_order_id,
        "transactTime": it.updated_ms,
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "origQuoteOrderQty": ZERO,
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
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


def account(rules: SymbolRules, balances: Iterable[Balance], updated_ms: int) -> Json:
    """GET account. Binance has one fee schedule per account here: that of the first market stands for it."""
    return {
        "makerCommission": int(rules.maker_fee * 10_000),
        "takerCommission": int(rules.taker_fee * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(rules.maker_fee),
            "taker": amount(rules.taker_fee),
            "buyer": ZERO,
            "seller": ZERO,
        },
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
        "uid": 1,
    }

"""REST answers about the account, key for key as Binance's: orders, trades, balances."""

import zlib
from collections.abc import Iterable

from gridsim.account import Balance
from gridsim.fees import Commission, Discount, Rates
from gridsim.orders import Order, OrderStatus, Side, Trade
from simex.exchange.end_reasons import PreventedMatch, expiry_reason, prevented_match_id
from simex.protocol.formats import ZERO, Json, amount, market_id
from simex.protocol.order_entry import Detail


def order(it: Order) -> Json:
    """GET order, openOrders, allOrders."""
    return {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": it.list_id,
        "clientOrderId": it.client_order_id,
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "stopPrice": amount(it.stop_price),
        "icebergQty": ZERO,
        "time": it.created_ms,
        "updateTime": it.updated_ms,
        "isWorking": not it.waits,
        "workingTime": _working_ms(it),
        "origQuoteOrderQty": amount(it.quote_quantity),
        "selfTradePreventionMode": it.self_trade.value,
        **{key: value for key, value in _conditional(it).items() if key != "stopPrice"},
    }


def new_order(it: Order, trades: Iterable[Trade], prevented: Iterable[PreventedMatch], detail: Detail) -> Json:
    """POST order."""
    ack: Json = {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": it.list_id,
        "clientOrderId": it.client_order_id,
        "transactTime": it.updated_ms,
    }
    if detail is Detail.ACK:
        return ack
    result = ack | _state(it) | {"workingTime": _working_ms(it)} | _conditional(it)
    if detail is Detail.RESULT:
        return result
    fills = [
        {
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "commission": amount(trade.commission),
            "commissionAsset": trade.commission_asset or None,
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
        "orderListId": it.list_id,
        "clientOrderId": client_order_id,
        "transactTime": it.updated_ms,
        **_state(it),
        **_conditional(it),
    }


def _state(it: Order) -> Json:
    """The fields that answers to a new order and to a cancel share."""
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
    if it.type.is_algo:
        fields["stopPrice"] = amount(it.stop_price)
    if it.trailing_delta:
        fields |= {"trailingDelta": it.trailing_delta, "trailingTime": it.trailing_ms or -1}
    if it.strategy_id is not None:
        fields["strategyId"] = it.strategy_id
    if it.strategy_type is not None:
        fields["strategyType"] = it.strategy_type
    if it.status is OrderStatus.EXPIRED_IN_MATCH:
        fields |= {"preventedMatchId": prevented_match_id(it), "preventedQuantity": amount(it.remaining)}
    reason = expiry_reason(it)
    return fields | ({"expiryReason": reason} if reason else {})


def _working_ms(it: Order) -> int:
    return -1 if it.waits else it.working_ms or it.created_ms


def _prevented(it: PreventedMatch) -> Json:
    """A prevented match, in the answer to the order that would have been the taker."""
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
    """GET myPreventedMatches. simex has no trade groups: -1."""
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
        "commissionAsset": it.commission_asset or None,
        "time": it.time_ms,
        "isBuyer": it.side is Side.BUY,
        "isMaker": it.maker,
        "isBestMatch": True,
    }


def commission(symbol: str, it: Commission) -> Json:
    """GET account/commission."""
    return {
        "symbol": market_id(symbol),
        "standardCommission": _rates(it.standard),
        "specialCommission": _rates(it.special),
        "taxCommission": _rates(it.tax),
        "discount": _discount(it.discount),
    }


def order_commission(it: Commission, side: Side) -> Json:
    """POST order/test with computeCommissionRates: both rates already include what buyers or sellers pay."""
    found: Json = {"discount": _discount(it.discount)}
    for kind, rates in (("standard", it.standard), ("special", it.special), ("tax", it.tax)):
        found[f"{kind}CommissionForOrder"] = {
            "maker": amount(rates.of(side, maker=True)), "taker": amount(rates.of(side, maker=False)),
        }  # fmt: skip
    return found


def _rates(it: Rates) -> dict[str, str]:
    return {
        "maker": amount(it.maker), "taker": amount(it.taker), "buyer": amount(it.buyer), "seller": amount(it.seller),
    }  # fmt: skip


def _discount(it: Discount) -> Json:
    return {
        "enabledForAccount": it.for_account,
        "enabledForSymbol": it.for_symbol,
        "discountAsset": it.asset,
        "discount": amount(it.rate),
    }


def cancel_id(it: Order) -> str:
    """The client id of a cancel that was not given one."""
    return f"simex-cancel-{it.order_id}"


def account(name: str, commission: Commission, balances: Iterable[Balance], updated_ms: int) -> Json:
    """GET account. Binance has one fee schedule per account here: the first market's represents it."""
    standard = commission.standard
    return {
        "makerCommission": int(standard.maker * 10_000),
        "takerCommission": int(standard.taker * 10_000),
        "buyerCommission": int(standard.buyer * 10_000),
        "sellerCommission": int(standard.seller * 10_000),
        "commissionRates": _rates(standard),
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

"""ccxt's dictionaries as our values. They go no further than here."""

from decimal import Decimal
from typing import Any

from executor.ports import OutcomeUnknownError, ReadFailedError, VenueBalance, VenueOrder, VenueTrade
from gridcore.actions import Fill
from gridcore.market import MarketRules
from gridcore.orders import OrderStatus, Side

STATUSES = {
    "open": OrderStatus.OPEN,
    "canceling": OrderStatus.OPEN,  # Binance's PENDING_CANCEL: not ended yet
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "expired_in_match": OrderStatus.EXPIRED,  # self-trade prevention
    "rejected": OrderStatus.REJECTED,
}
"""ccxt's unified order status → ours."""


def placed_order(reply: object) -> VenueOrder:
    """The order that a create answered with. Raises OutcomeUnknownError for a reply that is none (HTML, no id)."""
    try:
        return order(reply)
    except ReadFailedError as error:
        raise OutcomeUnknownError(f"the reply to a create is no order: {error}") from error


def order(raw: Any) -> VenueOrder:
    """An order. Raises ReadFailedError where it lacks what every order has."""
    try:
        status = STATUSES.get(raw["status"] or "open")
        if not raw["id"] or status is None:
            raise ReadFailedError(f"an order with id {raw['id']!r} and status {raw['status']!r}")
        return VenueOrder(
            symbol=str(raw["symbol"]),
            client_order_id=str(raw["clientOrderId"] or ""),
            exchange_order_id=str(raw["id"]),
            side=Side(raw["side"].upper()),
            price=money(raw["price"]),
            quantity=money(raw["amount"]),
            executed=money(raw["filled"] or 0),
            status=status,
            created_ms=int(raw["timestamp"] or 0),
            updated_ms=int(raw["lastUpdateTimestamp"] or raw["lastTradeTimestamp"] or raw["timestamp"] or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ReadFailedError(f"an order that cannot be read: {type(error).__name__}: {error}") from error


def trade(raw: Any) -> VenueTrade:
    """A trade of the account. Raises ReadFailedError where it lacks what every trade has."""
    try:
        fee = raw["fee"]
        return VenueTrade(
            symbol=str(raw["symbol"]),
            exchange_order_id=str(raw["order"]),
            side=Side(raw["side"].upper()),
            fill=Fill(
                trade_id=str(raw["id"]),
                price=money(raw["price"]),
                quantity=money(raw["amount"]),
                fee=money(fee["cost"]),  # one that is not told is no zero: the books would be wrong in silence
                fee_asset=str(fee["currency"]),
                maker=raw["takerOrMaker"] == "maker",
            ),
            time_ms=int(raw["timestamp"] or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ReadFailedError(f"a trade that cannot be read: {type(error).__name__}: {error}") from error


def balances(raw: Any) -> list[VenueBalance]:
    """The assets that are not zero."""
    found = [
        VenueBalance(asset, money(raw["free"].get(asset) or 0), money(raw["used"].get(asset) or 0))
        for asset in sorted(raw["total"])
    ]
    return [balance for balance in found if balance.free or balance.locked]


def time_ms(told: object) -> int:
    """The venue's time. Raises ReadFailedError where none was told."""
    if not isinstance(told, int):
        raise ReadFailedError(f"{told!r} is no time")
    return told


def market_rules(market: Any, account: Any) -> MarketRules:
    """Steps and minimums of a market with the account's fees; the market's own where the account tells none."""
    limits, precision = market["limits"], market["precision"]
    rates = (account.get("info") or {}).get("commissionRates") or {}
    return MarketRules(
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        tick_size=money(precision["price"]),
        lot_size=money(precision["amount"]),
        min_quantity=money(limits["amount"]["min"] or 0),
        min_notional=money(limits["cost"]["min"] or 0),
        maker_fee=money(rates.get("maker") or market["maker"] or 0),
        taker_fee=money(rates.get("taker") or market["taker"] or 0),
    )


def money(value: object) -> Decimal:
    """A decimal from ccxt's text or Decimal. Raises TypeError for a float: digits would be made up."""
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; ccxt was to give decimals")
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number

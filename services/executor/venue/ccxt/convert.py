"""Converts ccxt's dictionaries to the executor's values. They are not passed on from here."""

import logging
from decimal import Decimal
from typing import Any

from executor.venue.ccxt.tolerant_parsing import UNREADABLE
from executor.venue.port import (
    OutcomeUnknownError,
    ReadFailedError,
    UnreadableError,
    VenueBalance,
    VenueOrder,
    VenueTrade,
)
from gridcore.model.actions import Fill
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Side

STATUSES = {
    "open": OrderStatus.OPEN,
    "canceling": OrderStatus.OPEN,  # Binance's PENDING_CANCEL: not ended yet
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "expired_in_match": OrderStatus.EXPIRED,  # self-trade prevention
    "rejected": OrderStatus.REJECTED,
}
"""ccxt's unified order status → ours. Any other status means that the order has not ended."""

_ODD = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
_LONGEST_REASON = 200
_log = logging.getLogger(__name__)


def placed_order(reply: object) -> VenueOrder:
    """Converts the reply to a create. Raises OutcomeUnknownError for a reply that is not an order (HTML, no id)."""
    try:
        return order(reply)
    except ReadFailedError as error:
        raise OutcomeUnknownError(f"the reply to a create is no order: {error}") from error


def order(raw: Any) -> VenueOrder:
    """Converts an order. Raises UnreadableError if a mandatory field is missing."""
    found = listed_order(raw)
    if found.unreadable:
        raise UnreadableError(found)
    return found


def listed_order(raw: Any) -> VenueOrder:
    """Converts an order of a list; marks it unreadable if a mandatory field is missing.

    An unknown status (PENDING_NEW) means that the order has not ended. A stop order without a price has its trigger
    price.
    """
    try:
        _refuse_husk(raw)
        return VenueOrder(
            symbol=_text(raw, "symbol"),
            client_order_id=str(raw["clientOrderId"] or ""),
            exchange_order_id=_text(raw, "id"),
            side=Side(raw["side"].upper()),
            price=money(raw["price"] or raw.get("triggerPrice") or raw.get("stopPrice")),
            quantity=money(raw["amount"]),
            executed=money(raw["filled"] or 0),
            status=STATUSES.get(raw["status"] or "open", OrderStatus.OPEN),
            created_ms=int(raw["timestamp"] or 0),
            updated_ms=int(raw["lastUpdateTimestamp"] or raw["lastTradeTimestamp"] or raw["timestamp"] or 0),
        )
    except _ODD as error:
        return VenueOrder(
            symbol=_text_or_empty(raw, "symbol"),
            client_order_id=_text_or_empty(raw, "clientOrderId"),
            exchange_order_id=_text_or_empty(raw, "id"),
            side=Side.BUY,
            price=ZERO,
            quantity=ZERO,
            executed=ZERO,
            status=OrderStatus.OPEN,
            unreadable=_why(error),
        )


def trade(raw: Any) -> VenueTrade:
    """Converts a trade of the account; marks it unreadable if a mandatory field is missing."""
    try:
        _refuse_husk(raw)
        fee, fee_asset = _fee(raw["fee"])
        return VenueTrade(
            symbol=_text(raw, "symbol"),
            exchange_order_id=_text(raw, "order"),
            side=Side(raw["side"].upper()),
            fill=Fill(
                trade_id=_text(raw, "id"),
                price=money(raw["price"]),
                quantity=money(raw["amount"]),
                fee=fee,
                fee_asset=fee_asset,
                maker=raw["takerOrMaker"] == "maker",
            ),
            time_ms=int(raw["timestamp"] or 0),
        )
    except _ODD as error:
        time_ms = raw.get("timestamp") if isinstance(raw, dict) else 0
        return VenueTrade(
            symbol=_text_or_empty(raw, "symbol"),
            exchange_order_id=_text_or_empty(raw, "order"),
            side=Side.BUY,
            fill=Fill(_text_or_empty(raw, "id"), ZERO, ZERO, ZERO, "", maker=False),
            time_ms=time_ms if isinstance(time_ms, int) else 0,
            unreadable=_why(error),
        )


def _fee(told: Any) -> tuple[Decimal, str]:
    """Converts a fee.

    A missing fee is an error, not zero: the accounts would silently be wrong. A zero needs no asset.
    """
    cost, asset = money(told["cost"]), told["currency"]
    if asset is None and cost:
        raise ValueError(f"a fee of {cost} in no asset")
    return cost, str(asset or "")


def _refuse_husk(raw: Any) -> None:
    if raw.get(UNREADABLE):
        raise ValueError(raw[UNREADABLE])


def _text(raw: Any, field: str) -> str:
    """Returns a mandatory field. An absent value is not the text "None"."""
    if raw[field] is None or raw[field] == "":
        raise ValueError(f"no {field}")
    return str(raw[field])


def _text_or_empty(raw: Any, field: str) -> str:
    value = raw.get(field) if isinstance(raw, dict) else None
    return "" if value is None else str(value)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


def balances(raw: Any) -> list[VenueBalance]:
    """Returns the assets that are not zero; an unreadable one is left out."""
    found = [_balance(raw, asset) for asset in sorted(raw["total"])]
    return [balance for balance in found if balance is not None and (balance.free or balance.locked)]


def _balance(raw: Any, asset: str) -> VenueBalance | None:
    try:
        return VenueBalance(asset, money(raw["free"].get(asset) or 0), money(raw["used"].get(asset) or 0))
    except _ODD as error:
        _log.debug("the balance of %s cannot be read: %s", asset, _why(error))
        return None


def time_ms(told: object) -> int:
    """Returns the venue's time. Raises ReadFailedError if the reply has none."""
    if not isinstance(told, int):
        raise ReadFailedError(f"{told!r} is not a time")
    return told


def money(value: object) -> Decimal:
    """Converts ccxt's text or Decimal. Raises TypeError for a float, which has invented digits."""
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; ccxt was to give decimals")
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number

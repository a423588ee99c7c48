"""Parses commissions, as the control RPC sends them and the book on disk stores them."""

from decimal import Decimal, InvalidOperation

from gridrpc.errors import InvalidArgument
from gridsim.fees import Commission, Discount, Rates
from gridwright.v1 import simex_pb2

_DISCOUNT = "0.75"  # Binance's own: 25 % less


def commission_from_proto(message: simex_pb2.Commission) -> Commission:
    """Parses an account's commission. Raises InvalidArgument for a rate that is no fraction."""
    given = message.discount
    return Commission(
        standard=_rates("standard", message.standard),
        special=_rates("special", message.special),
        tax=_rates("tax", message.tax),
        discount=Discount(
            for_account=given.enabled_for_account,
            for_symbol=given.enabled_for_symbol,
            asset=given.asset or "BNB",
            rate=_fraction("discount.rate", given.rate or _DISCOUNT),
        ),
    )


def _rates(name: str, message: simex_pb2.CommissionRates) -> Rates:
    rates = (getattr(message, each) for each in ("maker", "taker", "buyer", "seller"))
    return Rates(*(_fraction(name, text or "0") for text in rates))


def _fraction(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= 1:
        raise InvalidArgument(f'commission.{name} = {text!r}: give fractions from 0 to 1, such as "0.001" for 0.1 %')
    return value

"""Converts a price to protobuf."""

from decimal import Decimal

from gridwright.v1 import models_pb2
from pricemon.board import Outgoing
from pricemon.clock import Moment


def price_change(outgoing: Outgoing, now: Moment) -> models_pb2.PriceChange:
    """The message, with the price's age at `now`."""
    price = outgoing.price
    return models_pb2.PriceChange(
        symbol=price.symbol,
        price=_text(price.price),
        bid=_text(price.bid),
        ask=_text(price.ask),
        seq=price.seq,
        venue_time_ms=price.venue_time_ms,
        received_time_ms=price.received_time_ms,
        age_ms=price.age_ms(now),
        skipped=outgoing.skipped,
        heartbeat=outgoing.heartbeat,
        skipped_prices=map(_text, outgoing.extremes),
        skipped_age_ms=max(0, now.steady_ms - outgoing.skipped_since_ms) if outgoing.extremes else 0,
    )


def _text(number: Decimal | None) -> str:
    """Digits without an exponent and trailing zeros; empty if unknown."""
    return "" if number is None else f"{number.normalize():f}"

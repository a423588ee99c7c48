"""ccxt calls of the measurements beyond the executor's adapter: prices, ccxt's claims, and malformed requests."""

from decimal import Decimal
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt import errors as outcomes
from executor.venue.ccxt.convert import money
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.port import ReadFailedError, VenueOrder
from gridcore.model.actions import PlaceOrder
from gridservice.clock import now_ms

VERSION: str = ccxt.__version__
_HOUR_MS = 3_600_000
_WINDOWS_HOURS = (24, 24 * 7, 24 * 30, 24 * 90)
_PAGE = 10


class MalformingVenue(CcxtVenue):
    """Replaces parameters of a place, and does not check the steps first."""

    def __init__(self, client: Any, request_window_ms: int | None, bends: dict[str, str]) -> None:
        super().__init__(client, request_window_ms)
        self._bends = bends

    def _refuse_rounding(self, symbol: str, order: PlaceOrder) -> None:
        del symbol, order

    def _signed(self, timestamp_ms: int) -> dict[str, Any]:
        return super()._signed(timestamp_ms) | self._bends


async def best_ask(client: Any, symbol: str) -> Decimal:
    """Returns the current price for a buyer. Raises ReadFailedError."""
    try:
        return money((await client.fetch_ticker(symbol))["ask"])
    except (ccxt.BaseError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ReadFailedError(f"the price of {symbol} cannot be read: {outcomes.sentence(error)}") from error


def claimed_batch(client: Any) -> int:
    """Returns how many places fit one call according to ccxt; 1 if it has no such call. Its `has` is wrong about it."""
    claim = ((client.features or {}).get("spot") or {}).get("createOrders") or {}
    return int(claim.get("max") or 1)


async def trades_tell_client_id(client: Any, order: VenueOrder) -> bool | None:
    """Returns whether a trade of the order carries its client id in the raw reply. None if there is no trade."""
    try:
        trades = await client.fetch_my_trades(order.symbol, now_ms() - _HOUR_MS)
    except ccxt.BaseError:
        return None
    own = [trade["info"] for trade in trades if str(trade["order"]) == order.exchange_order_id]
    return any(order.client_order_id in map(str, info.values()) for info in own) if own else None


async def history_hours(client: Any, symbol: str, now_ms: int) -> int | None:
    """Returns the longest accepted window of the order history: a day, a week, 30 or 90 days."""
    longest = None
    for hours in _WINDOWS_HOURS:
        try:
            await client.fetch_orders(symbol, now_ms - hours * _HOUR_MS, _PAGE, {"until": now_ms})
        except ccxt.BaseError:
            break
        longest = hours
    return longest

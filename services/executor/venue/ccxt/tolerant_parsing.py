"""Makes ccxt parse each element of a list separately, so that a bad element does not hide the others.

ccxt's parsers raise at a single odd element, and the whole list is lost. Here such an element is replaced by a stub of
its readable fields; `convert` turns the stub into an unreadable order or trade.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

UNREADABLE = "unreadable"
"""Key of a stub that holds the reason."""

_IDS = ("orderId", "order_id", "ordId", "id", "i")
_CLIENT_IDS = ("clientOrderId", "client_order_id", "origClientOrderId", "clOrdId", "cl_ord_id", "c")
_SYMBOLS = ("symbol", "instId", "currency_pair", "s")
_TIMES = ("time", "timestamp", "transactTime", "updateTime", "T")


def tolerate(client: Any) -> None:
    """Wraps the client's parsers of orders and trades."""

    def symbol_of(fields: Mapping[str, Any]) -> str | None:
        name = _first(fields, _SYMBOLS)
        if not isinstance(name, str):
            return None
        try:
            return str(client.safe_symbol(name, None, None, "spot"))
        except Exception:  # noqa: BLE001  # as the parsers
            return None

    client.parse_order = _sortable(_each(client.parse_order, symbol_of))
    client.parse_trade = _sortable(_each(client.parse_trade, symbol_of))
    if client.id.startswith("binance"):
        client.parse_balance_custom = _of_numbers(client.parse_balance_custom)


def _each(parse: Callable[..., Any], symbol_of: Callable[[Mapping[str, Any]], str | None]) -> Callable[..., Any]:
    def parse_or_husk(raw: Any, market: Any = None, *rest: Any) -> Any:
        try:
            return parse(raw, market, *rest)
        except Exception as error:  # noqa: BLE001  # parsers raise any error for a malformed reply
            fields: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
            # In a list of the whole account, only the element itself names its market.
            symbol = market["symbol"] if market else symbol_of(fields)
            return _husk(raw, fields, symbol, f"{type(error).__name__}: {error}")

    return parse_or_husk


def _sortable(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Adds a time and an id where they are missing: ccxt sorts by them and would fail for the whole list."""

    def parse_sortable(*arguments: Any) -> Any:
        parsed = parse(*arguments)
        return {**parsed, "timestamp": parsed.get("timestamp") or 0, "id": parsed.get("id") or ""}

    return parse_sortable


def _of_numbers(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves out assets whose amounts are not numbers: ccxt would fail for all the others too."""

    def parse_balances(reply: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(reply, Mapping) and isinstance(reply.get("balances"), list):
            reply = {**reply, "balances": [asset for asset in reply["balances"] if _is_balance(asset)]}
        return parse(reply, *rest, **named)

    return parse_balances


def _is_balance(asset: Any) -> bool:
    try:
        return Decimal(asset["free"]).is_finite() and Decimal(asset["locked"]).is_finite() and bool(asset["asset"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return False


def _husk(raw: Any, fields: Mapping[str, Any], symbol: str | None, why: str) -> dict[str, Any]:
    number = _first(fields, _IDS)
    time = _first(fields, _TIMES)
    return {
        UNREADABLE: why,
        "info": raw,
        "id": None if number is None else str(number),
        "order": None if number is None else str(number),
        "clientOrderId": _first(fields, _CLIENT_IDS),
        "symbol": symbol,
        "timestamp": int(time) if isinstance(time, int) or str(time).isdecimal() else None,
    }


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)

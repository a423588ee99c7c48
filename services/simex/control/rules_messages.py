"""Converts a symbol's rules to and from protobuf, as the control RPC sends them and the book on disk stores them."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf.json_format import MessageToDict

from gridrpc.errors import InvalidArgument
from gridsim.filters import TradingStatus
from gridsim.rules import SymbolRules
from gridwright.v1 import simex_pb2
from simex.control.messages import plain
from simex.protocol.formats import STEP

_LARGEST = Decimal(10) ** 18  # above every limit that an exchange publishes; `%` needs a bound
_STATUS = "TRADING_STATUS_"
# Fields of the message grouped by the object that has them, with the attribute's name if it differs.
_OF_SYMBOL = ("tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee", "max_orders")
_OF_FILTERS = {
    "min_price": "", "max_price": "", "min_quantity": "", "max_quantity": "", "max_market_quantity": "",
    "max_notional": "", "min_to_market": "", "max_to_market": "", "bid_multiplier_up": "bid_up",
    "bid_multiplier_down": "bid_down", "ask_multiplier_up": "ask_up", "ask_multiplier_down": "ask_down",
    "max_algo_orders": "", "max_order_lists": "", "max_position": "", "min_trailing_above": "",
    "max_trailing_above": "", "min_trailing_below": "", "max_trailing_below": "", "legacy": "",
}  # fmt: skip
_STEPS = frozenset({"tick_size", "lot_size"})
_FEES = frozenset({"maker_fee", "taker_fee"})


def rules_to_proto(rules: SymbolRules) -> simex_pb2.VenueRules:
    """All of a symbol's rules."""
    message = simex_pb2.VenueRules(
        status=simex_pb2.TradingStatus.Value(_STATUS + rules.status.value), listed=rules.listed
    )
    for name in _OF_SYMBOL:
        setattr(message, name, _shown(getattr(rules, name)))
    for name, attribute in _OF_FILTERS.items():
        derived = getattr(rules, name) if hasattr(rules, name) else None
        value = getattr(rules.filters, attribute or name) if derived is None else derived
        setattr(message, name, _shown(Decimal(0) if value is None else value))
    return message


def changed_rules(rules: SymbolRules, message: simex_pb2.VenueRules) -> SymbolRules:
    """The rules with the fields of a message applied. Raises InvalidArgument for a value that no exchange has."""
    given = {field.name for field, _ in message.ListFields()}
    own: dict[str, Any] = {name: _read(message, name) for name in _OF_SYMBOL if name in given}
    bounds: dict[str, Any] = {
        attribute or name: _read(message, name) for name, attribute in _OF_FILTERS.items() if name in given
    }
    if bounds.get("max_position") == 0:
        bounds["max_position"] = None
    status = _status(message.status) if "status" in given else rules.status
    listed = message.listed if "listed" in given else rules.listed
    filters = replace(rules.filters, **bounds)
    then = replace(rules, **own, filters=filters, status=status, listed=listed)
    _check(then)
    return then


def differences(now: SymbolRules, configured: SymbolRules) -> dict[str, object]:
    """The message, as JSON, that turns the configured rules into the current ones."""
    told: dict[str, object] = MessageToDict(rules_to_proto(now), preserving_proto_field_name=True)
    same = [name for name in _OF_SYMBOL if getattr(now, name) == getattr(configured, name)]
    same += [
        name
        for name, attribute in _OF_FILTERS.items()
        if getattr(now.filters, attribute or name) == getattr(configured.filters, attribute or name)
    ]
    return {name: value for name, value in told.items() if name not in same}


def _shown(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def _read(message: simex_pb2.VenueRules, name: str) -> object:
    value = getattr(message, name)
    return _decimal(name, value) if isinstance(value, str) else value


def _decimal(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value > _LARGEST or not _suits(name, value):
        remedies = dict.fromkeys(_STEPS, "above 0 with at most 8 decimals") | dict.fromkeys(_FEES, "from 0 to below 1")
        remedy = remedies.get(name, "of at least 0")
        raise InvalidArgument(f"rules.{name} = {text[:40]!r}: give a decimal {remedy}, not above {_LARGEST:f}")
    return value.normalize()


def _suits(name: str, value: Decimal) -> bool:
    if name in _STEPS:
        return value >= STEP and not value % STEP
    return 0 <= value < 1 if name in _FEES else value >= 0


def _status(value: simex_pb2.TradingStatus.ValueType) -> TradingStatus:
    try:
        return TradingStatus(simex_pb2.TradingStatus.Name(value).removeprefix(_STATUS))
    except ValueError:
        known = ", ".join(_STATUS + each.value for each in TradingStatus)
        raise InvalidArgument(f"rules.status = {value}: give one of {known}") from None


def _check(rules: SymbolRules) -> None:
    for low, high in (("min_price", "max_price"), ("min_quantity", "max_quantity"), ("min_notional", "max_notional")):
        if getattr(rules, low) > getattr(rules, high):
            raise InvalidArgument(f"rules.{low} = {getattr(rules, low)}: give at most {high} {getattr(rules, high)}")

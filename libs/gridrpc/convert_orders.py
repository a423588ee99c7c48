"""Converts core values of orders and markets to and from protobuf: actions, results, order updates, market rules.

Reading validates: a malformed decimal or an unknown enum value raises InvalidArgument with field, value and remedy.
"""

import re
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, assert_never

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.market_rules import MarketRules, PriceRange
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridcore.model.slots import SlotOrder
from gridrpc.errors import InvalidArgument
from gridwright.v1 import executor_pb2, models_pb2

E = TypeVar("E", bound=Enum)

_ANY_PRICE = PriceRange()
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)


class EnumMap(Generic[E]):
    """Maps a core enum to its proto enum, whose values are named `<prefix>_<member>`; 0 maps to no member."""

    def __init__(self, kind: type[E], wrapper: Any, prefix: str) -> None:
        self._prefix = prefix
        self._to: dict[E, Any] = {member: wrapper.Value(f"{prefix}_{member.name}") for member in kind}
        self._from: dict[int, E] = {number: member for member, number in self._to.items()}

    def to_proto(self, member: E) -> Any:
        """The member's number in the proto enum."""
        return self._to[member]

    def from_proto(self, number: int, field: str) -> E:
        """The member with this number. Raises InvalidArgument naming the field."""
        try:
            return self._from[number]
        except KeyError:
            known = ", ".join(f"{self._prefix}_{member.name}" for member in self._to)
            raise InvalidArgument(f"{field} = {number}: give one of {known}", field=field) from None


SIDES = EnumMap(Side, models_pb2.Side, "SIDE")
ROLES = EnumMap(Role, models_pb2.Role, "ROLE")
ORDER_TYPES = EnumMap(OrderType, models_pb2.OrderType, "ORDER_TYPE")
ORDER_STATUSES = EnumMap(OrderStatus, models_pb2.OrderStatus, "ORDER_STATUS")
OUTCOMES = EnumMap(Outcome, models_pb2.Outcome, "OUTCOME")


def parse_decimal(text: str, field: str) -> Decimal:
    """Parses a finite decimal without an exponent. Raises InvalidArgument naming the field."""
    if _DECIMAL.fullmatch(text) is None:
        raise InvalidArgument(f"{field} = {text!r}: give a decimal such as 0.01, without exponent", field=field)
    return Decimal(text)


def _positive(text: str, field: str) -> Decimal:
    value = parse_decimal(text, field)
    if value <= 0:
        raise InvalidArgument(f"{field} = {text!r}: give a decimal above 0", field=field)
    return value


def _named(text: str, field: str) -> str:
    if not text:
        raise InvalidArgument(f"{field} is empty: give it", field=field)
    return text


def action_to_proto(action: Action) -> models_pb2.Action:
    """Converts a place or a cancel."""
    match action:
        case PlaceOrder():
            return models_pb2.Action(
                place=models_pb2.PlaceOrder(
                    client_order_id=action.client_order_id,
                    side=SIDES.to_proto(action.side),
                    role=ROLES.to_proto(action.role),
                    type=ORDER_TYPES.to_proto(action.type),
                    price=canonical(action.price),
                    quantity=canonical(action.quantity),
                    not_after_ms=action.not_after_ms,
                    slot=action.slot,
                )
            )
        case CancelOrder():
            return models_pb2.Action(
                cancel=models_pb2.CancelOrder(
                    client_order_id=action.client_order_id,
                    exchange_order_id=action.exchange_order_id,
                    slot=action.slot,
                )
            )
        case _:
            assert_never(action)


def action_from_proto(message: models_pb2.Action, field: str = "action") -> Action:
    """Parses an action. A place has a price and quantity above 0. Raises InvalidArgument naming the field."""
    match message.WhichOneof("kind"):
        case "place":
            return _place(message.place, f"{field}.place")
        case "cancel":
            cancel = message.cancel
            return CancelOrder(
                client_order_id=_named(cancel.client_order_id, f"{field}.cancel.client_order_id"),
                exchange_order_id=cancel.exchange_order_id,
                slot=cancel.slot,
            )
        case _:
            raise InvalidArgument(f"{field} is empty: give place or cancel", field=field)


def _place(place: models_pb2.PlaceOrder, field: str) -> PlaceOrder:
    return PlaceOrder(
        client_order_id=_named(place.client_order_id, f"{field}.client_order_id"),
        side=SIDES.from_proto(place.side, f"{field}.side"),
        role=ROLES.from_proto(place.role, f"{field}.role"),
        type=ORDER_TYPES.from_proto(place.type, f"{field}.type"),
        price=_positive(place.price, f"{field}.price"),
        quantity=_positive(place.quantity, f"{field}.quantity"),
        not_after_ms=place.not_after_ms,
        slot=place.slot,
    )


def result_to_proto(result: ActionResult) -> models_pb2.ActionResult:
    """Converts the ledger's recorded result of an action."""
    return models_pb2.ActionResult(
        index=result.index,
        client_order_id=result.client_order_id,
        outcome=OUTCOMES.to_proto(result.outcome),
        exchange_order_id=result.exchange_order_id,
        reason=result.reason,
        message=result.message,
        recorded_time_ms=result.recorded_time_ms,
    )


def result_from_proto(message: models_pb2.ActionResult, field: str = "result") -> ActionResult:
    """Parses a result. Raises InvalidArgument for an unknown outcome."""
    return ActionResult(
        index=message.index,
        client_order_id=message.client_order_id,
        outcome=OUTCOMES.from_proto(message.outcome, f"{field}.outcome"),
        exchange_order_id=message.exchange_order_id,
        reason=message.reason,
        message=message.message,
        recorded_time_ms=message.recorded_time_ms,
    )


def fill_to_proto(fill: Fill) -> models_pb2.Fill:
    """Converts a fill."""
    return models_pb2.Fill(
        trade_id=fill.trade_id,
        price=canonical(fill.price),
        quantity=canonical(fill.quantity),
        fee=canonical(fill.fee),
        fee_asset=fill.fee_asset,
        maker=fill.maker,
    )


def fill_from_proto(message: models_pb2.Fill, field: str = "fill") -> Fill:
    """Parses a fill. Raises InvalidArgument naming the field."""
    return Fill(
        trade_id=_named(message.trade_id, f"{field}.trade_id"),
        price=_positive(message.price, f"{field}.price"),
        quantity=_positive(message.quantity, f"{field}.quantity"),
        fee=parse_decimal(message.fee, f"{field}.fee"),
        fee_asset=message.fee_asset,
        maker=message.maker,
    )


def update_to_proto(update: OrderUpdate) -> models_pb2.OrderUpdate:
    """Converts an entry of the update log."""
    message = models_pb2.OrderUpdate(
        symbol=update.symbol,
        offset=update.offset,
        client_order_id=update.client_order_id,
        exchange_order_id=update.exchange_order_id,
        side=SIDES.to_proto(update.side),
        venue_time_ms=update.venue_time_ms,
        recorded_time_ms=update.recorded_time_ms,
    )
    match update.news:
        case Fill() as fill:
            message.fill.CopyFrom(fill_to_proto(fill))
        case OrderStatus() as status:
            message.status = ORDER_STATUSES.to_proto(status)
        case _:
            assert_never(update.news)
    return message


def update_from_proto(message: models_pb2.OrderUpdate, field: str = "update") -> OrderUpdate:
    """Parses an entry of the update log. Raises InvalidArgument naming the field."""
    match message.WhichOneof("kind"):
        case "fill":
            news: Fill | OrderStatus = fill_from_proto(message.fill, f"{field}.fill")
        case "status":
            news = ORDER_STATUSES.from_proto(message.status, f"{field}.status")
        case _:
            raise InvalidArgument(f"{field} is empty: give fill or status", field=field)
    return OrderUpdate(
        symbol=message.symbol,
        offset=message.offset,
        client_order_id=message.client_order_id,
        exchange_order_id=message.exchange_order_id,
        side=SIDES.from_proto(message.side, f"{field}.side"),
        news=news,
        venue_time_ms=message.venue_time_ms,
        recorded_time_ms=message.recorded_time_ms,
    )


def order_from_ledger(message: executor_pb2.LedgerOrder, field: str = "order") -> SlotOrder:
    """Parses an order of the ledger into a slot's order. Raises InvalidArgument naming the field."""
    return SlotOrder(
        client_order_id=_named(message.client_order_id, f"{field}.client_order_id"),
        exchange_order_id=message.exchange_order_id,
        role=ROLES.from_proto(message.role, f"{field}.role"),
        side=SIDES.from_proto(message.side, f"{field}.side"),
        price=_positive(message.price, f"{field}.price"),
        quantity=_positive(message.quantity, f"{field}.quantity"),
        executed=parse_decimal(message.executed, f"{field}.executed"),
        status=ORDER_STATUSES.from_proto(message.status, f"{field}.status"),
        decided_ms=message.sent_time_ms,
    )


def rules_to_proto(rules: MarketRules) -> models_pb2.MarketRules:
    """Converts a market's rules."""
    return models_pb2.MarketRules(
        symbol=rules.symbol,
        base=rules.base,
        quote=rules.quote,
        tick_size=canonical(rules.tick_size),
        lot_size=canonical(rules.lot_size),
        min_quantity=canonical(rules.min_quantity),
        min_notional=canonical(rules.min_notional),
        maker_fee=canonical(rules.maker_fee),
        taker_fee=canonical(rules.taker_fee),
        max_quantity=_limit_to_proto(rules.max_quantity),
        max_notional=_limit_to_proto(rules.max_notional),
        min_price=_limit_to_proto(rules.min_price),
        max_price=_limit_to_proto(rules.max_price),
        max_position=_limit_to_proto(rules.max_position),
        max_orders=rules.max_orders,
        buy_range=_range_to_proto(rules.buy_range),
        sell_range=_range_to_proto(rules.sell_range),
        halted=rules.halted,
    )


def rules_from_proto(message: models_pb2.MarketRules, field: str = "rules") -> MarketRules:
    """Parses market rules; both step sizes must be above 0. Raises InvalidArgument naming the field."""
    return MarketRules(
        symbol=_named(message.symbol, f"{field}.symbol"),
        base=message.base,
        quote=message.quote,
        tick_size=_positive(message.tick_size, f"{field}.tick_size"),
        lot_size=_positive(message.lot_size, f"{field}.lot_size"),
        min_quantity=parse_decimal(message.min_quantity, f"{field}.min_quantity"),
        min_notional=parse_decimal(message.min_notional, f"{field}.min_notional"),
        maker_fee=parse_decimal(message.maker_fee, f"{field}.maker_fee"),
        taker_fee=parse_decimal(message.taker_fee, f"{field}.taker_fee"),
        max_quantity=_limit_from_proto(message.max_quantity, f"{field}.max_quantity"),
        max_notional=_limit_from_proto(message.max_notional, f"{field}.max_notional"),
        min_price=_limit_from_proto(message.min_price, f"{field}.min_price"),
        max_price=_limit_from_proto(message.max_price, f"{field}.max_price"),
        max_position=_limit_from_proto(message.max_position, f"{field}.max_position"),
        max_orders=message.max_orders,
        buy_range=_range_from_proto(message.buy_range, f"{field}.buy_range"),
        sell_range=_range_from_proto(message.sell_range, f"{field}.sell_range"),
        halted=message.halted,
    )


def _limit_to_proto(limit: Decimal | None) -> str:
    return "" if limit is None else canonical(limit)


def _limit_from_proto(text: str, field: str) -> Decimal | None:
    return parse_decimal(text, field) if text else None


def _range_to_proto(prices: PriceRange) -> models_pb2.PriceRange | None:
    if prices == _ANY_PRICE:
        return None
    return models_pb2.PriceRange(lowest=_limit_to_proto(prices.lowest), highest=_limit_to_proto(prices.highest))


def _range_from_proto(message: models_pb2.PriceRange, field: str) -> PriceRange:
    return PriceRange(
        _limit_from_proto(message.lowest, f"{field}.lowest"), _limit_from_proto(message.highest, f"{field}.highest")
    )

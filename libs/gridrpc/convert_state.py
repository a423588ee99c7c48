"""Converts the state and its parts to and from protobuf and stored JSON; computes the digest of a state.

`convert_plan` converts triggers and plans. Reading validates: a value that does not fit raises InvalidArgument with
field and value.
"""

import hashlib

from gridcore.model.money import canonical
from gridcore.model.slots import InventorySlot, PositionStatus, SlotOrder, SlotRefusal, SlotStatus
from gridcore.model.state import ForeignOrders, Funds, Mode, PriceAnchor, RiskFlags, Rule, State, StateRebuilt, Totals
from gridrpc.convert_orders import (
    ORDER_STATUSES,
    ROLES,
    SIDES,
    EnumMap,
    parse_decimal,
    rules_from_proto,
    rules_to_proto,
)
from gridrpc.errors import InvalidArgument
from gridrpc.json_encoding import from_json, to_json
from gridwright.v1 import models_pb2

SLOT_STATUSES = EnumMap(SlotStatus, models_pb2.SlotStatus, "SLOT_STATUS")
POSITION_STATUSES = EnumMap(PositionStatus, models_pb2.PositionStatus, "POSITION_STATUS")
_NOBODY = ForeignOrders()
MODES = EnumMap(Mode, models_pb2.Mode, "MODE")


def state_to_proto(state: State) -> models_pb2.State:
    """Converts a state."""
    return models_pb2.State(
        slots={key: slot_to_proto(slot) for key, slot in state.slots.items()},
        last_price="" if state.last_price is None else canonical(state.last_price),
        last_update_time=state.last_update_time,
        symbol=state.symbol,
        seq=state.seq,
        epoch=state.epoch,
        event_offset=state.event_offset,
        risk=risk_to_proto(state.risk),
        totals=_totals_to_proto(state.totals),
        birth_id=state.birth_id,
        ledger_birth_id=state.ledger_birth_id,
        grid=state.grid,
        foreign=None if state.foreign == _NOBODY else foreign_to_proto(state.foreign),
        rebuilt=None if state.rebuilt is None else rebuilt_to_proto(state.rebuilt),
        rules=None if state.rules is None else rules_to_proto(state.rules),
        funds=None if state.funds is None else funds_to_proto(state.funds),
    )


def state_from_proto(message: models_pb2.State) -> State:
    """Parses a state. Raises InvalidArgument naming the field, also for a slot that is not under its own key."""
    slots = {key: slot_from_proto(slot, f"state.slots[{key}]") for key, slot in message.slots.items()}
    for key, slot in slots.items():
        if slot.key != key:
            raise InvalidArgument(f"state.slots[{key}].price = {slot.key!r}: a slot's key is its price")
    return State(
        symbol=message.symbol,
        birth_id=message.birth_id,
        grid=message.grid,
        slots=slots,
        last_price=parse_decimal(message.last_price, "state.last_price") if message.last_price else None,
        last_update_time=message.last_update_time,
        seq=message.seq,
        epoch=message.epoch,
        event_offset=message.event_offset,
        risk=risk_from_proto(message.risk),
        totals=_totals_from_proto(message.totals),
        ledger_birth_id=message.ledger_birth_id,
        rebuilt=rebuilt_from_proto(message.rebuilt) if message.HasField("rebuilt") else None,
        foreign=foreign_from_proto(message.foreign, "state.foreign") if message.HasField("foreign") else _NOBODY,
        rules=rules_from_proto(message.rules, "state.rules") if message.HasField("rules") else None,
        funds=funds_from_proto(message.funds, "state.funds") if message.HasField("funds") else None,
    )


def foreign_to_proto(foreign: ForeignOrders) -> models_pb2.Foreign:
    """Converts the amounts of foreign orders."""
    return models_pb2.Foreign(
        orders=foreign.orders, buying=canonical(foreign.buying), selling=canonical(foreign.selling)
    )


def foreign_from_proto(message: models_pb2.Foreign, field: str = "foreign") -> ForeignOrders:
    """Parses the amounts of foreign orders. Raises InvalidArgument naming the field."""
    return ForeignOrders(
        orders=message.orders,
        buying=parse_decimal(message.buying, f"{field}.buying"),
        selling=parse_decimal(message.selling, f"{field}.selling"),
    )


def funds_to_proto(funds: Funds) -> models_pb2.Funds:
    """Converts the account's available funds."""
    return models_pb2.Funds(base=canonical(funds.base), quote=canonical(funds.quote))


def funds_from_proto(message: models_pb2.Funds, field: str = "funds") -> Funds:
    """Parses the account's available funds. Raises InvalidArgument naming the field."""
    return Funds(
        base=parse_decimal(message.base, f"{field}.base"), quote=parse_decimal(message.quote, f"{field}.quote")
    )


def state_json(state: State) -> str:
    """Serialises a state as protobuf JSON with the original field names, sorted keys and every field present.

    The text of a state is unique, so its digest identifies the state.
    """
    return to_json(state_to_proto(state))


def state_from_json(text: str) -> State:
    """Parses a stored state. Raises InvalidArgument if the text is malformed."""
    return state_from_proto(from_json(text, models_pb2.State(), "state"))


def digest(state: State) -> str:
    """The SHA-256 of the state's JSON, in hexadecimal."""
    return digest_of_json(state_json(state))


def digest_of_json(text: str) -> str:
    """The same for a state that is already serialised."""
    return hashlib.sha256(text.encode()).hexdigest()


def slot_to_proto(slot: InventorySlot) -> models_pb2.InventorySlot:
    """Converts a slot."""
    return models_pb2.InventorySlot(
        price=slot.key,
        level=slot.level,
        opening_side=SIDES.to_proto(slot.opening_side),
        closing_price=canonical(slot.closing_price),
        status=SLOT_STATUSES.to_proto(slot.status),
        position_status=POSITION_STATUSES.to_proto(slot.position_status),
        position=canonical(slot.position),
        cost=canonical(slot.cost),
        order=None if slot.order is None else _order_to_proto(slot.order),
        round=slot.round,
        retry_after_ms=slot.retry_after_ms,
        retiring=slot.retiring,
        refusal=None if slot.refusal is None else _refusal_to_proto(slot.refusal),
    )


def slot_from_proto(message: models_pb2.InventorySlot, field: str = "slot") -> InventorySlot:
    """Parses a slot. Its status is not read: it follows from the order. Raises InvalidArgument naming the field."""
    return InventorySlot(
        price=parse_decimal(message.price, f"{field}.price"),
        level=message.level,
        opening_side=SIDES.from_proto(message.opening_side, f"{field}.opening_side"),
        closing_price=parse_decimal(message.closing_price, f"{field}.closing_price"),
        position=parse_decimal(message.position, f"{field}.position"),
        cost=parse_decimal(message.cost, f"{field}.cost"),
        position_status=POSITION_STATUSES.from_proto(message.position_status, f"{field}.position_status"),
        order=_order_from_proto(message.order, f"{field}.order") if message.HasField("order") else None,
        round=message.round,
        retry_after_ms=message.retry_after_ms,
        retiring=message.retiring,
        refusal=_refusal_from_proto(message.refusal) if message.HasField("refusal") else None,
    )


def _refusal_to_proto(refusal: SlotRefusal) -> models_pb2.SlotRefusal:
    return models_pb2.SlotRefusal(
        reason=refusal.reason,
        count=refusal.count,
        since_ms=refusal.since_ms,
        message=refusal.message,
        last_ms=refusal.last_ms,
    )


def _refusal_from_proto(message: models_pb2.SlotRefusal) -> SlotRefusal:
    return SlotRefusal(message.reason, message.count, message.since_ms, message.message, message.last_ms)


def _order_to_proto(order: SlotOrder) -> models_pb2.SlotOrder:
    return models_pb2.SlotOrder(
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        role=ROLES.to_proto(order.role),
        side=SIDES.to_proto(order.side),
        price=canonical(order.price),
        quantity=canonical(order.quantity),
        executed=canonical(order.executed),
        status=ORDER_STATUSES.to_proto(order.status),
        decided_ms=order.decided_ms,
    )


def _order_from_proto(message: models_pb2.SlotOrder, field: str) -> SlotOrder:
    return SlotOrder(
        client_order_id=message.client_order_id,
        exchange_order_id=message.exchange_order_id,
        role=ROLES.from_proto(message.role, f"{field}.role"),
        side=SIDES.from_proto(message.side, f"{field}.side"),
        price=parse_decimal(message.price, f"{field}.price"),
        quantity=parse_decimal(message.quantity, f"{field}.quantity"),
        executed=parse_decimal(message.executed, f"{field}.executed"),
        status=ORDER_STATUSES.from_proto(message.status, f"{field}.status"),
        decided_ms=message.decided_ms,
    )


def risk_to_proto(risk: RiskFlags) -> models_pb2.RiskFlags:
    """Converts the mode with its reason and the memory of the risk rules."""
    return models_pb2.RiskFlags(
        mode=MODES.to_proto(risk.mode),
        reason=risk.reason,
        rule=risk.rule.value,
        by=risk.by,
        since_ms=risk.since_ms,
        clears_itself=risk.clears_itself,
        calm_since_ms=risk.calm_since_ms,
        anchors=[models_pb2.PriceAnchor(price=canonical(a.price), until_ms=a.until_ms) for a in risk.anchors],
        rejects=risk.rejects,
        stray_order=risk.stray_order,
    )


def risk_from_proto(message: models_pb2.RiskFlags, field: str = "risk") -> RiskFlags:
    """Parses the risk flags. Raises InvalidArgument naming the field."""
    return RiskFlags(
        mode=MODES.from_proto(message.mode, f"{field}.mode"),
        rule=parse_rule(message.rule, f"{field}.rule"),
        reason=message.reason,
        by=message.by,
        since_ms=message.since_ms,
        clears_itself=message.clears_itself,
        calm_since_ms=message.calm_since_ms,
        anchors=tuple(
            PriceAnchor(parse_decimal(anchor.price, f"{field}.anchors[{number}].price"), anchor.until_ms)
            for number, anchor in enumerate(message.anchors)
        ),
        rejects=message.rejects,
        stray_order=message.stray_order,
    )


def rebuilt_to_proto(rebuilt: StateRebuilt) -> models_pb2.StateRebuilt:
    """Converts the reason and extent of a rebuild."""
    return models_pb2.StateRebuilt(
        at_ms=rebuilt.at_ms, why=rebuilt.why, lost=rebuilt.lost, end_offset=rebuilt.end_offset
    )


def rebuilt_from_proto(message: models_pb2.StateRebuilt) -> StateRebuilt:
    """Parses the reason and extent of a rebuild."""
    return StateRebuilt(message.at_ms, message.why, tuple(message.lost), message.end_offset)


def parse_rule(text: str, field: str) -> Rule:
    """Parses a rule's name, NONE if it is empty. Raises InvalidArgument naming the field."""
    try:
        return Rule(text)
    except ValueError:
        known = ", ".join(rule.value for rule in Rule if rule.value)
        raise InvalidArgument(f"{field} = {text!r}: give one of {known}, or nothing", field=field) from None


def _totals_to_proto(totals: Totals) -> models_pb2.Totals:
    return models_pb2.Totals(
        position=canonical(totals.position),
        quote_flow=canonical(totals.quote_flow),
        realised_pnl=canonical(totals.realised_pnl),
        fees={asset: canonical(fee) for asset, fee in totals.fees.items()},
        fills=totals.fills,
        rounds=totals.rounds,
    )


def _totals_from_proto(message: models_pb2.Totals) -> Totals:
    return Totals(
        position=parse_decimal(message.position, "totals.position"),
        quote_flow=parse_decimal(message.quote_flow, "totals.quote_flow"),
        realised_pnl=parse_decimal(message.realised_pnl, "totals.realised_pnl"),
        fees={asset: parse_decimal(fee, f"totals.fees[{asset}]") for asset, fee in message.fees.items()},
        fills=message.fills,
        rounds=message.rounds,
    )

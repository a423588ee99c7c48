"""Converts triggers, plans and results to and from protobuf and stored JSON.

Reading validates: a value that does not fit raises InvalidArgument with field and value.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never

from google.protobuf import json_format

from gridcore.model.actions import ActionResult
from gridcore.model.events import Cause, ConditionsSeen, ModeChanged, OrdersUpdated, Plan, PriceChanged, Ticked
from gridcore.model.money import canonical
from gridcore.model.state import StateRebuilt
from gridrpc.convert_orders import (
    action_from_proto,
    action_to_proto,
    parse_decimal,
    result_from_proto,
    result_to_proto,
    rules_from_proto,
    rules_to_proto,
    update_from_proto,
    update_to_proto,
)
from gridrpc.convert_state import (
    MODES,
    foreign_from_proto,
    foreign_to_proto,
    funds_from_proto,
    funds_to_proto,
    parse_rule,
    rebuilt_from_proto,
    rebuilt_to_proto,
    risk_from_proto,
    risk_to_proto,
    slot_from_proto,
    slot_to_proto,
)
from gridrpc.errors import InvalidArgument
from gridrpc.json_encoding import from_json, to_dict, to_json
from gridwright.v1 import models_pb2


def trigger_to_proto(trigger: Cause) -> models_pb2.Trigger:
    """Converts a step's trigger."""
    match trigger:
        case PriceChanged():
            price = models_pb2.PriceTrigger(
                at_ms=trigger.at_ms,
                price=canonical(trigger.price),
                passed=map(canonical, trigger.passed),
                passed_since_ms=trigger.passed_since_ms,
            )
            return models_pb2.Trigger(price_change=price)
        case Ticked():
            tick = models_pb2.Tick(at_ms=trigger.at_ms, price_heard_ms=trigger.price_heard_ms)
            tick.price = "" if trigger.price is None else canonical(trigger.price)
            return models_pb2.Trigger(tick=tick)
        case OrdersUpdated():
            batch = models_pb2.OrderUpdatesTrigger(
                at_ms=trigger.at_ms,
                price="" if trigger.price is None else canonical(trigger.price),
                price_heard_ms=trigger.price_heard_ms,
                updates=[update_to_proto(update) for update in trigger.updates],
            )
            return models_pb2.Trigger(order_updates=batch)
        case ModeChanged():
            change = models_pb2.ModeChange(
                at_ms=trigger.at_ms,
                mode=MODES.to_proto(trigger.mode),
                rule=trigger.rule.value,
                reason=trigger.reason,
                by=trigger.by,
                clears_itself=trigger.clears_itself,
            )
            return models_pb2.Trigger(mode_change=change)
        case ConditionsSeen():
            return models_pb2.Trigger(conditions_seen=_conditions_to_proto(trigger))
        case StateRebuilt():
            return models_pb2.Trigger(state_rebuilt=rebuilt_to_proto(trigger))
        case _:
            assert_never(trigger)


def trigger_from_proto(message: models_pb2.Trigger, field: str = "trigger") -> Cause:
    """Parses a trigger. Raises InvalidArgument naming the field."""
    match message.WhichOneof("kind"):
        case "price_change":
            return _price_from_proto(message.price_change, f"{field}.price_change")
        case "tick":
            tick = message.tick
            price = parse_decimal(tick.price, f"{field}.tick.price") if tick.price else None
            return Ticked(tick.at_ms, price, tick.price_heard_ms)
        case "order_updates":
            return _updates_from_proto(message.order_updates, f"{field}.order_updates")
        case "mode_change":
            return _mode_change_from_proto(message.mode_change, f"{field}.mode_change")
        case "conditions_seen":
            return _conditions_from_proto(message.conditions_seen, f"{field}.conditions_seen")
        case "state_rebuilt":
            return rebuilt_from_proto(message.state_rebuilt)
        case _:
            raise InvalidArgument(f"{field} is empty: give one of its kinds", field=field)


def _conditions_to_proto(seen: ConditionsSeen) -> models_pb2.ConditionsSeen:
    return models_pb2.ConditionsSeen(
        at_ms=seen.at_ms,
        foreign=foreign_to_proto(seen.foreign),
        funds=None if seen.funds is None else funds_to_proto(seen.funds),
        rules=None if seen.rules is None else rules_to_proto(seen.rules),
        looked_until_ms=seen.looked_until_ms,
    )


def _conditions_from_proto(message: models_pb2.ConditionsSeen, field: str) -> ConditionsSeen:
    return ConditionsSeen(
        at_ms=message.at_ms,
        foreign=foreign_from_proto(message.foreign, f"{field}.foreign"),
        funds=funds_from_proto(message.funds, f"{field}.funds") if message.HasField("funds") else None,
        rules=rules_from_proto(message.rules, f"{field}.rules") if message.HasField("rules") else None,
        looked_until_ms=message.looked_until_ms,
    )


def _price_from_proto(message: models_pb2.PriceTrigger, field: str) -> PriceChanged:
    return PriceChanged(
        at_ms=message.at_ms,
        price=parse_decimal(message.price, f"{field}.price"),
        passed=tuple(parse_decimal(price, f"{field}.passed[{n}]") for n, price in enumerate(message.passed)),
        passed_since_ms=message.passed_since_ms,
    )


def _updates_from_proto(message: models_pb2.OrderUpdatesTrigger, field: str) -> OrdersUpdated:
    return OrdersUpdated(
        at_ms=message.at_ms,
        price=parse_decimal(message.price, f"{field}.price") if message.price else None,
        price_heard_ms=message.price_heard_ms,
        updates=tuple(update_from_proto(update, f"{field}.updates[{n}]") for n, update in enumerate(message.updates)),
    )


def _mode_change_from_proto(message: models_pb2.ModeChange, field: str) -> ModeChanged:
    return ModeChanged(
        at_ms=message.at_ms,
        mode=MODES.from_proto(message.mode, f"{field}.mode"),
        rule=parse_rule(message.rule, f"{field}.rule"),
        reason=message.reason,
        by=message.by,
        clears_itself=message.clears_itself,
    )


def plan_to_proto(plan: Plan, state_digest: str = "") -> models_pb2.Plan:
    """Converts a plan. Its fields `procedure` and `changes` are for the decider only and are left out."""
    return models_pb2.Plan(
        request_id=plan.request_id,
        symbol=plan.symbol,
        seq=plan.seq,
        epoch=plan.epoch,
        trigger=trigger_to_proto(plan.trigger),
        actions=[action_to_proto(action) for action in plan.actions],
        risk=risk_to_proto(plan.risk),
        state_digest=state_digest,
        new_slots=[slot_to_proto(slot) for slot in plan.new_slots],
        dropped_slots=plan.dropped_slots,
        flipped_slots=plan.flipped_slots,
        retry_at_ms=plan.retry_at_ms,
    )


def plan_from_proto(message: models_pb2.Plan) -> Plan:
    """Parses a plan. Raises InvalidArgument naming the field."""
    return Plan(
        symbol=message.symbol,
        request_id=message.request_id,
        seq=message.seq,
        epoch=message.epoch,
        trigger=trigger_from_proto(message.trigger, "plan.trigger"),
        risk=risk_from_proto(message.risk, "plan.risk"),
        actions=tuple(action_from_proto(action, f"plan.actions[{n}]") for n, action in enumerate(message.actions)),
        new_slots=tuple(slot_from_proto(slot, f"plan.new_slots[{n}]") for n, slot in enumerate(message.new_slots)),
        dropped_slots=tuple(message.dropped_slots),
        flipped_slots=tuple(message.flipped_slots),
        retry_at_ms=message.retry_at_ms,
    )


@lru_cache(maxsize=16)  # each plan is serialised twice: for its workflow's input and for the journal
def plan_json(plan: Plan) -> str:
    """Serialises a plan for the workflow's input and the journal."""
    return to_json(plan_to_proto(plan))


def plan_from_json(text: str) -> Plan:
    """Parses a stored plan. Raises InvalidArgument if the text is malformed."""
    return plan_from_proto(from_json(text, models_pb2.Plan(), "plan"))


def results_json(results: Sequence[ActionResult]) -> str:
    """Serialises the ledger's results for the journal, as a JSON array."""
    return json.dumps([to_dict(result_to_proto(result)) for result in results], sort_keys=True, ensure_ascii=False)


def results_from_json(text: str) -> tuple[ActionResult, ...]:
    """Parses stored results. Raises InvalidArgument if the text is malformed."""
    try:
        rows = json.loads(text)
        messages = [json_format.ParseDict(row, models_pb2.ActionResult()) for row in rows]
    except (ValueError, TypeError, json_format.ParseError) as error:
        raise InvalidArgument(f"results are not readable: {error}", field="results") from error
    return tuple(result_from_proto(message, f"results[{n}]") for n, message in enumerate(messages))

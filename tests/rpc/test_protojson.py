"""The JSON at rest is protobuf's own, to the letter."""

import random  # noqa: TID251  # seeded, and a failure names the seed

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gridrpc.json_encoding import from_json, to_dict, to_json
from gridwright.v1 import executor_pb2, models_pb2, orchestrator_pb2

KINDS: list[type[Message]] = [
    models_pb2.State, models_pb2.Plan, models_pb2.ActionResult, models_pb2.OrderUpdate, models_pb2.InventorySlot,
    models_pb2.PriceChange, executor_pb2.BatchExecuteRequest, executor_pb2.Batch, models_pb2.MarketRules,
    orchestrator_pb2.GetStateResponse, orchestrator_pb2.Workflow,
]  # fmt: skip


def own_json(message: Message) -> dict[str, object]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def fill(message: Message, chance: random.Random, depth: int = 4) -> None:
    """Sets some of the fields to something, nested ones too, unknown enum numbers among it."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.3:
            continue
        for _ in range(chance.randint(1, 3) if field.is_repeated else 1):
            set_field(message, field, chance, depth)


def set_field(message: Message, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    here = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        if value.message_type is None:
            here[str(chance.random())] = scalar(value, chance)
        else:
            fill(here[str(chance.random())], chance, depth - 1)
    elif field.message_type is not None:
        if depth:
            child = here.add() if field.is_repeated else here
            child.SetInParent()
            fill(child, chance, depth - 1)
    elif field.is_repeated:
        here.append(scalar(field, chance))
    else:
        setattr(message, field.name, scalar(field, chance))


def scalar(field: FieldDescriptor, chance: random.Random) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return chance.choice(["", "0.01", 'ünï "cöde"\n', "60000"])
        case FieldDescriptor.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.CPPTYPE_ENUM:
            return chance.choice([0, 1, 2, 77])
        case _:
            return chance.choice([0, 1, 2**31 - 1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_the_json_is_that_of_protobuf_itself(kind: type[Message]) -> None:
    for seed in range(40):
        message = kind()
        fill(message, random.Random(seed))
        assert to_dict(message) == own_json(message), f"seed {seed}"


def test_an_absent_message_stays_absent_and_an_empty_one_stays_there() -> None:
    slot = models_pb2.InventorySlot()
    assert "order" not in to_dict(slot)
    slot.order.SetInParent()
    assert to_dict(slot)["order"] == own_json(slot)["order"]
    assert from_json(to_json(slot), models_pb2.InventorySlot(), "slot") == slot

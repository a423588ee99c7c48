"""Requests that no caller would send: bytes that are no message, and messages with senseless field values."""

import os
import random  # noqa: TID251  # one of the seeded generators
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

SEED = "GRIDWRIGHT_SEED"
Chance = random.Random
_EXTREMES = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**64 - 1)
_TEXTS = ("", "BTC/USDT", "x", "BTC/USDT\0", "NaN", "1e999999999", "-1", "9" * 400, "币安人生/USDT")


def fresh_chance() -> Chance:
    """A random generator that prints its seed; GRIDWRIGHT_SEED repeats a run."""
    seed = int(os.environ.get(SEED) or random.randrange(2**32))  # noqa: S311
    print(f"seed {seed}: {SEED}={seed} repeats it")  # noqa: T201  # shown where the test fails
    return Chance(seed)


def random_bytes(chance: Chance, request: type[Message]) -> bytes:
    """Random bytes that do not decode as this message."""
    while True:
        data = chance.randbytes(chance.randint(1, 60))
        try:
            request.FromString(data)
        except DecodeError:
            return data


def random_message(chance: Chance, request: type[Message], depth: int = 3) -> Message:
    """A message of the right type with senseless values."""
    message: Any = request()
    for field in request.DESCRIPTOR.fields:
        if chance.random() < 0.3:
            continue
        values = [_value(chance, field, depth) for _ in range(chance.randint(1, 2) if field.is_repeated else 1)]
        for value in values:
            _put(message, field, value)
    made: Message = message
    return made


def _put(message: Any, field: Any, value: Any) -> None:
    try:
        if field.message_type is not None:
            target = getattr(message, field.name)
            (target.add() if field.is_repeated else target).CopyFrom(value)
        elif field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    except (ValueError, OverflowError, AttributeError, TypeError):
        return  # a value that does not fit this field, or a map


def _value(chance: Chance, field: Any, depth: int) -> Any:
    if field.message_type is not None:
        kind = GetMessageClass(field.message_type)
        return random_message(chance, kind, depth - 1) if depth else kind()
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return chance.choice(_TEXTS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return chance.choice((float("nan"), float("inf"), -1.0, 1e308))
        case _:
            return chance.choice(_EXTREMES)

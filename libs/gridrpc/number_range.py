"""Checks that the unsigned numbers of a request fit the signed 64-bit columns of SQLite and Postgres.

A `uint64` of the contract goes up to 2^64 - 1, a database's integer up to 2^63 - 1. Without this check a larger number
raises OverflowError deep in a query, and the caller gets UNKNOWN.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gridrpc.errors import InvalidArgument

MAX_STORED = 2**63 - 1


def check_numbers(request: Message) -> None:
    """Raises InvalidArgument for the first uint64 above 2^63 - 1, at any depth, naming its field and value."""
    _check(request, "")


def _check(message: Message, path: str) -> None:
    for field in _fields_to_check(message.DESCRIPTOR):
        for value in _values(message, field):
            if isinstance(value, Message):
                _check(value, f"{path}{field.name}.")
            elif isinstance(value, int) and value > MAX_STORED:
                raise InvalidArgument(
                    f"{path}{field.name} = {value}: numbers go up to {MAX_STORED}; give one that a service has reported"
                )


def _values(message: Message, field: FieldDescriptor) -> Iterable[object]:
    value: Any = getattr(message, field.name)
    if _is_map(field):
        return list(value.values())
    if field.is_repeated:
        return list(value)
    return [value] if field.message_type is None or message.HasField(field.name) else []


@cache
def _fields_to_check(kind: Descriptor) -> tuple[FieldDescriptor, ...]:
    """The uint64 fields of a message type, and its message fields that contain some."""
    return tuple(field for field in kind.fields if _holds_uint64(field, (kind,)))


def _holds_uint64(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> bool:
    kind = field.message_type
    if kind is None:
        return bool(field.cpp_type == FieldDescriptor.CPPTYPE_UINT64)
    if kind in above:
        return True  # a recursive message: walk it
    return any(_holds_uint64(inner, (*above, kind)) for inner in kind.fields)  # a map's entry is a message as well


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)

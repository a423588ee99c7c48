"""Serialises protobuf messages as canonical JSON: one text per message, so that digests and diffs are meaningful.

The JSON is protobuf's own. `google.protobuf.json_format` writes the same, but took a tenth of a trading step; this
module inspects the fields of each message type only once. It rejects field types that our contract does not use.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gridrpc.errors import InvalidArgument

M = TypeVar("M", bound=Message)
_ToJson = Callable[[Any], object]

_PLAIN = frozenset({FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_INT32,
                    FieldDescriptor.CPPTYPE_UINT32})  # fmt: skip
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_LONG = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})  # JSON has them as strings


def to_dict(message: Message) -> dict[str, object]:
    """Converts a message to JSON values by its original field names; only unset optional fields are left out."""
    values: dict[str, object] = {}
    for name, may_be_absent, to_json_value in _fields(message.DESCRIPTOR):
        if not may_be_absent or message.HasField(name):
            values[name] = to_json_value(getattr(message, name))
    return values


def to_json(message: Message) -> str:
    """Serialises a message as text with sorted keys; the text is unique."""
    return _encode(to_dict(message))


def from_json(text: str, into: M, field: str) -> M:
    """Fills `into` from the text and returns it. Raises InvalidArgument, naming `field`, if the text does not fit."""
    try:
        return json_format.Parse(text, into)
    except json_format.ParseError as error:
        raise InvalidArgument(f"{field} is not readable: {str(error).splitlines()[0]}", field=field) from error


@lru_cache(maxsize=256)
def _fields(descriptor: Descriptor) -> tuple[tuple[str, bool, _ToJson], ...]:
    """For each field its name, whether it may be absent, and the function that converts its value to JSON."""
    return tuple((field.name, field.has_presence, _field(field)) for field in descriptor.fields)


def _field(field: FieldDescriptor) -> _ToJson:
    if not field.is_repeated:
        return _value(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of_entry = _value(field.message_type.fields_by_name["value"])
        return lambda entries: {str(key): of_entry(entries[key]) for key in entries}
    of_item = _value(field)
    return lambda items: [of_item(item) for item in items]


def _value(field: FieldDescriptor) -> _ToJson:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return to_dict
    if field.enum_type is not None:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number, number)
    if field.cpp_type in _LONG:
        return str
    if field.cpp_type in _PLAIN and field.type != FieldDescriptor.TYPE_BYTES:
        return _itself
    raise TypeError(f"{field.full_name}: this kind of field has no JSON at rest")


def _itself(value: object) -> object:
    return value

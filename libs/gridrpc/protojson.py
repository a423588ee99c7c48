"""Protobuf messages as JSON at rest: one text per message, so that digests and diffs mean something."""

import json
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from gridrpc.faults import InvalidArgument

M = TypeVar("M", bound=Message)


def to_dict(message: Message) -> dict[str, object]:
    """The message as JSON values under the original field names, every field present."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def to_json(message: Message) -> str:
    """The same as text with sorted keys: one message, one text."""
    return json.dumps(to_dict(message), sort_keys=True, ensure_ascii=False)


def from_json(text: str, into: M, field: str) -> M:
    """Fills `into` from the text and returns it. Raises InvalidArgument, naming `field`, where it does not fit."""
    try:
        return json_format.Parse(text, into)
    except json_format.ParseError as error:
        raise InvalidArgument(f"{field} is not readable: {str(error).splitlines()[0]}", field=field) from error

"""A state's JSON in pieces: a header and one text per slot. An unchanged slot keeps its text.

The assembled pieces equal `state_json` exactly, so a state has the same digest in every store.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from gridcore.model.slots import InventorySlot
from gridcore.model.state import State
from gridrpc.convert_state import digest_of_json, slot_to_proto, state_from_json, state_to_proto
from gridrpc.json_encoding import to_json


@dataclass(frozen=True)
class StatePieces:
    """The stored form of one state. Create it with `pieces_of`, from the pieces of the previous state."""

    seq: int  # of the state; -1 before the first one
    header: str  # JSON of the state without its slots
    slots: Mapping[str, str]  # JSON by key
    _entries: Mapping[str, str] = field(repr=False)  # `"key": json` by key, in the order of writing
    _sources: Mapping[str, InventorySlot] = field(repr=False)

    @cached_property
    def text(self) -> str:
        """The whole state's JSON; empty for NOTHING."""
        return _whole(self.header, self._entries.values()) if self.header else ""

    @cached_property
    def digest(self) -> str:
        """The state's digest, equal to `convert_state.digest`."""
        return digest_of_json(self.text)

    def changed_since(self, before: "StatePieces") -> dict[str, str]:
        """Returns the slots that are new or have another text."""
        old = before.slots
        return {key: text for key, text in self.slots.items() if old.get(key) != text}

    def gone_since(self, before: "StatePieces") -> list[str]:
        """Returns the keys of the removed slots."""
        return [key for key in before.slots if key not in self.slots]


NOTHING = StatePieces(-1, "", {}, {}, {})


def pieces_of(state: State, before: StatePieces = NOTHING) -> StatePieces:
    """Returns the state's pieces. Slots that are the same objects as in `before` keep their text."""
    header = to_json(state_to_proto(replace(state, slots={})))
    old = before._sources  # noqa: SLF001  # same class
    changed = {key: to_json(slot_to_proto(slot)) for key, slot in state.slots.items() if old.get(key) is not slot}
    entries = {key: _entry(key, text) for key, text in changed.items()}
    if state.slots.keys() == old.keys():  # the usual case: no sorting needed
        slots, entries = {**before.slots, **changed}, {**before._entries, **entries}  # noqa: SLF001
    else:
        slots = {key: changed.get(key) or before.slots[key] for key in sorted(state.slots)}
        entries = {key: entries.get(key) or before._entries[key] for key in slots}  # noqa: SLF001
    return StatePieces(state.seq, header, slots, entries, state.slots)


def state_from_pieces(header: str, slots: Mapping[str, str]) -> State:
    """Parses a stored state. Raises InvalidArgument, or ValueError if the header is no JSON."""
    return state_from_json(_whole(header, [_entry(key, slots[key]) for key in sorted(slots)]))


def _whole(header: str, entries: Iterable[str]) -> str:
    """Returns the JSON of the whole state, with keys sorted as in `state_json`."""
    values = {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in json.loads(header).items()}
    values["slots"] = f"{{{', '.join(entries)}}}"
    return f"{{{', '.join(_entry(key, values[key]) for key in sorted(values))}}}"


def _entry(key: str, text: str) -> str:
    return f"{json.dumps(key)}: {text}"

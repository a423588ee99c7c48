"""A state's JSON in pieces: a header and one text per slot. A slot that did not change keeps its text.

Put together the pieces are `state_json` to the letter, so a state has one digest whatever store keeps it.
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
    """What is written of one state. Make it with `pieces_of`, each from the one before."""

    seq: int  # of the state; before the first one -1
    header: str  # JSON of the state without its slots
    slots: Mapping[str, str]  # JSON by key
    _entries: Mapping[str, str] = field(repr=False)  # the same with the key before it, in the order of writing
    _sources: Mapping[str, InventorySlot] = field(repr=False)

    @cached_property
    def text(self) -> str:
        """The whole state's JSON; empty for NOTHING."""
        return _whole(self.header, self._entries.values()) if self.header else ""

    @cached_property
    def digest(self) -> str:
        """As `convert_state.digest` of the state."""
        return digest_of_json(self.text)

    def changed_since(self, before: "StatePieces") -> dict[str, str]:
        """The slots that are new or have another text."""
        old = before.slots
        return {key: text for key, text in self.slots.items() if old.get(key) != text}

    def gone_since(self, before: "StatePieces") -> list[str]:
        """The keys of the slots that are no more."""
        return [key for key in before.slots if key not in self.slots]


NOTHING = StatePieces(-1, "", {}, {}, {})


def pieces_of(state: State, before: StatePieces = NOTHING) -> StatePieces:
    """The state's pieces; of slots that `before` was made with, the texts are taken over and not made again."""
    header = to_json(state_to_proto(replace(state, slots={})))
    old = before._sources  # noqa: SLF001  # its own kind
    changed = {key: to_json(slot_to_proto(slot)) for key, slot in state.slots.items() if old.get(key) is not slot}
    entries = {key: _entry(key, text) for key, text in changed.items()}
    if state.slots.keys() == old.keys():  # as most steps leave them: nothing is put in order again
        slots, entries = {**before.slots, **changed}, {**before._entries, **entries}  # noqa: SLF001
    else:
        slots = {key: changed.get(key) or before.slots[key] for key in sorted(state.slots)}
        entries = {key: entries.get(key) or before._entries[key] for key in slots}  # noqa: SLF001
    return StatePieces(state.seq, header, slots, entries, state.slots)


def state_from_pieces(header: str, slots: Mapping[str, str]) -> State:
    """The state that was kept. Raises InvalidArgument, or ValueError for a header that is no JSON."""
    return state_from_json(_whole(header, [_entry(key, slots[key]) for key in sorted(slots)]))


def _whole(header: str, entries: Iterable[str]) -> str:
    """The JSON of the whole state, its keys sorted as `state_json` sorts them."""
    values = {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in json.loads(header).items()}
    values["slots"] = f"{{{', '.join(entries)}}}"
    return f"{{{', '.join(_entry(key, values[key]) for key in sorted(values))}}}"


def _entry(key: str, text: str) -> str:
    return f"{json.dumps(key)}: {text}"

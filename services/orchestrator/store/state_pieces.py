"""A state's JSON in pieces: a header and one text per slot. A slot that did not change keeps its text.

Put together the pieces are `state_json` to the letter, so a state has one digest whatever store keeps it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from gridcore.slots import InventorySlot
from gridcore.state import State
from gridrpc.convert_state import digest_of_json, slot_to_proto, state_from_json, state_to_proto
from gridrpc.protojson import to_json


@dataclass(frozen=True)
class StatePieces:
    """What is written of one state. Make it with `pieces_of`, each from the one before."""

    seq: int  # of the state; before the first one -1
    header: str  # JSON of the state without its slots
    slots: Mapping[str, str]  # JSON by key
    _sources: Mapping[str, InventorySlot] = field(repr=False)

    @cached_property
    def text(self) -> str:
        """The whole state's JSON; empty for NOTHING."""
        return "".join(_written(self.header, self.slots)) if self.header else ""

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


NOTHING = StatePieces(-1, "", {}, {})


def pieces_of(state: State, before: StatePieces = NOTHING) -> StatePieces:
    """The state's pieces; of slots that `before` was made with, the texts are taken over and not made again."""
    header = to_json(state_to_proto(replace(state, slots={})))
    old, texts = before._sources, before.slots  # noqa: SLF001  # its own kind
    slots = {
        key: texts[key] if old.get(key) is slot else to_json(slot_to_proto(slot)) for key, slot in state.slots.items()
    }
    return StatePieces(state.seq, header, slots, state.slots)


def state_from_pieces(header: str, slots: Mapping[str, str]) -> State:
    """The state that was kept. Raises InvalidArgument, or ValueError for a header that is no JSON."""
    return state_from_json("".join(_written(header, slots)))


def _written(header: str, slots: Mapping[str, str]) -> Iterator[str]:
    """The JSON of the whole state in the order of writing, its keys sorted as `state_json` sorts them."""
    values = {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in json.loads(header).items()}
    comma = "{"
    for key in sorted({*values, "slots"}):
        yield f"{comma}{_quoted(key)}: "
        comma = ", "
        if key == "slots":
            yield from _object(slots)
        else:
            yield values[key]
    yield "}"


def _object(texts: Mapping[str, str]) -> Iterator[str]:
    comma = ""
    yield "{"
    for key in sorted(texts):
        yield f"{comma}{_quoted(key)}: {texts[key]}"
        comma = ", "
    yield "}"


@lru_cache(maxsize=4096)  # a large grid's keys are most of the work, and always the same
def _quoted(key: str) -> str:
    return json.dumps(key)

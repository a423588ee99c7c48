"""Client order ids: never reused, and sufficient to reconstruct the grid from the venue's open orders.

Layout, 28 characters of [0-9A-Za-z], the length that nearly every venue accepts:

    prefix 6 | role 1 | level 5 | epoch 5 | seq 8 | index 3

Numbers are base 36 and padded. The level is offset so that negative ones fit. The prefix is a digest of bot and symbol.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from gridcore.model.errors import CoreError
from gridcore.model.orders import Role

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LEVEL_OFFSET = 36**5 // 2
_ROLES = {Role.OPENING: "O", Role.CLOSING: "C"}
_ROLE_OF = {letter: role for role, letter in _ROLES.items()}
PREFIX_LENGTH = 6
LENGTH = 28
ALPHABET = frozenset(_DIGITS) | frozenset(_ROLE_OF)
"""The characters of our ids. A venue must accept all of them."""
# Checked before int(), which also accepts signs, blanks, underscores and non-ASCII digits, as none of our ids has.
_LAYOUT = re.compile(r"[0-9A-Za-z]{6}[OC][0-9a-z]{21}")


@dataclass(frozen=True, slots=True)
class OrderName:
    """The parts of a client order id."""

    prefix: str
    role: Role
    level: int
    epoch: int
    seq: int
    index: int


def id_prefix(bot: str, symbol: str) -> str:
    """Returns the prefix of all ids of this bot on this symbol: `g` and five characters of a digest."""
    number = int.from_bytes(hashlib.sha256(f"{bot}\n{symbol}".encode()).digest()[:8])
    return "g" + _base36(number % 36**5, 5)


def client_order_id(prefix: str, role: Role, level: int, epoch: int, seq: int, index: int) -> str:
    """Returns the id of the order that action `index` of step `seq` under `epoch` places for the slot at `level`."""
    return (
        prefix
        + _ROLES[role]
        + _base36(level + _LEVEL_OFFSET, 5)
        + _base36(epoch, 5)
        + _base36(seq, 8)
        + _base36(index, 3)
    )


def parse_client_order_id(text: str) -> OrderName | None:
    """Parses a client order id. Returns None if it does not have our layout."""
    if _LAYOUT.fullmatch(text) is None:
        return None
    level, epoch, seq, index = (int(text[start:end], 36) for start, end in ((7, 12), (12, 17), (17, 25), (25, 28)))
    return OrderName(text[:PREFIX_LENGTH], _ROLE_OF[text[PREFIX_LENGTH]], level - _LEVEL_OFFSET, epoch, seq, index)


@lru_cache(maxsize=4096)  # a step's orders share epoch and seq, a slot's orders the level
def _base36(number: int, width: int) -> str:
    if not 0 <= number < 36**width:
        raise CoreError(f"{number} does not fit {width} base-36 digits of a client order id")
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))

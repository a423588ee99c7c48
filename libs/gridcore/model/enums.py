"""Enum base class with identity hashing: enum members are dictionary keys on the hot path."""

from enum import Enum


class FastEnum(Enum):
    """An Enum that hashes by identity. Enum's own hash is Python code, which costs a call per dictionary look-up."""

    __hash__ = object.__hash__

"""What the core's enums are: words that tables are asked by, hundreds of times in a step."""

from enum import Enum


class FastEnum(Enum):
    """An Enum with the hash of an object: Enum's own is a call of Python code at each look into a table."""

    __hash__ = object.__hash__

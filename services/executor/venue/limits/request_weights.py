"""Request weights, from the table of the venue's profile.

A key is the method and the path, if needed with a parameter: `GET openOrders`, `GET openOrders without symbol`, `GET
myTrades with orderId`. A request that is not in the table weighs 1; so does every request without a table.
"""

from collections.abc import Mapping
from typing import Any

_RULES = {"with": True, "without": False}


class RequestWeights:
    """Looks up weights. Raises ValueError for a malformed key."""

    def __init__(self, table: Mapping[str, int]) -> None:
        self._plain: dict[str, int] = {}
        self._special: dict[str, list[tuple[str, bool, int]]] = {}
        for key, weight in table.items():
            words = key.split()
            if len(words) == 2:
                self._plain[key] = weight
            elif len(words) == 4 and words[2] in _RULES:
                self._special.setdefault(" ".join(words[:2]), []).append((words[3], _RULES[words[2]], weight))
            else:
                raise ValueError(f"{key!r} is not `METHOD path` or `METHOD path with parameter`")

    def __bool__(self) -> bool:
        """Returns whether there is a table at all."""
        return bool(self._plain or self._special)

    def of(self, method: str, path: str, params: Mapping[str, Any]) -> int:
        """Returns the weight of a request; 1 if the table has no row for it."""
        name = f"{method} {path}"
        for parameter, present, weight in self._special.get(name, ()):
            if (parameter in params) is present:
                return weight
        return self._plain.get(name, 1)

    def knows(self, key: str) -> bool:
        """Returns whether the table has exactly this key."""
        words = key.split()
        if len(words) == 2:
            return key in self._plain
        special = self._special.get(" ".join(words[:2]), ())
        return any((parameter, present) == (words[3], _RULES[words[2]]) for parameter, present, _ in special)

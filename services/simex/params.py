"""A request's parameters, checked one by one as Binance checks them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from simex.errors import ApiError, illegal, missing

E = TypeVar("E", bound=Enum)

_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_INTEGER = re.compile(r"[0-9]{1,18}")  # what an id or a time can be, and a column of the book can hold
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_DECIMALS = 8


class Params:
    """Reads raise ApiError with the code that Binance uses. An empty value is a missing one."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    def text(self, name: str) -> str:
        """A value that must be there."""
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """A value that may be absent."""
        return self._values.get(name) or None

    def whole(self, name: str) -> int:
        """A whole number that must be there."""
        text = self.text(name)
        if not _INTEGER.fullmatch(text):
            raise illegal(name, "^[0-9]{1,18}$")
        return int(text)

    def optional_whole(self, name: str) -> int | None:
        """A whole number that may be absent."""
        return self.whole(name) if name in self else None

    def limit(self, default: int, most: int) -> int:
        """The number of rows asked for; more than the most is the most."""
        limit = self.optional_whole("limit")
        if limit == 0:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(default if limit is None else limit, most)

    def amount(self, name: str) -> Decimal:
        """A decimal that must be there, with no more decimals than the API carries."""
        text = self.text(name)
        if not _DECIMAL.fullmatch(text):
            raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        value = Decimal(text)
        if value % Decimal(1).scaleb(-_DECIMALS):
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return value

    def client_id(self, name: str) -> str:
        """A client order id, empty where absent."""
        value = self.optional(name) or ""
        if value and not _CLIENT_ID.fullmatch(value):
            raise illegal(name, "^[a-zA-Z0-9-_]{1,36}$")
        return value

    def word(self, name: str, kind: type[E], code: int, message: str) -> E:
        """A member of an enum that must be there; anything else is the error given."""
        text = self.text(name)
        try:
            return kind(text)
        except ValueError:
            raise ApiError(code, message) from None

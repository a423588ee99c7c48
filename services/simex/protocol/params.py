"""Reads and checks a request's parameters one by one, as Binance does."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from simex.protocol.errors import ApiError, empty, illegal, invalid, missing

E = TypeVar("E", bound=Enum)

_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_INTEGER = re.compile(r"[0-9]{1,20}")
_WINDOW = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_DECIMALS = 8
_LARGEST = 2**63 - 1  # the maximum of the book's columns and of Binance's LONG
_MICROSECONDS = 10**15  # larger times must be in microseconds: in milliseconds this is the year 33,658

Pairs = Iterable[tuple[str, str]]


class Params:
    """Each read raises ApiError with the code that Binance uses. An empty value counts as missing."""

    def __init__(self, values: Mapping[str, str], *, repeated: bool = False) -> None:
        self._values = values
        self._repeated = repeated

    @classmethod
    def of(cls, query: Pairs, body: Pairs = ()) -> "Params":
        """Combines a query string and a form body; if both have a name, the query's value is used."""
        query, body = tuple(query), tuple(body)
        by_query, by_body = dict(query), dict(body)
        repeated = len(by_query) < len(query) or len(by_body) < len(body)
        return cls(by_body | by_query, repeated=repeated)

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    def check(self, accepted: frozenset[str]) -> None:
        """Raises ApiError for a name that is duplicate, has no value, or is not accepted."""
        if self._repeated:
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        for name, value in self._values.items():
            if not value:
                raise empty(name)
        sent, read = len(self._values), sum(name in accepted for name in self._values)
        if read == sent:
            return
        if not accepted:
            raise ApiError(-1101, f"Too many parameters; expected '0' and received '{sent}'.")
        raise ApiError(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")

    def text(self, name: str) -> str:
        """A required value."""
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """The value as text; None if it is absent or empty."""
        return self._values.get(name) or None

    def whole(self, name: str) -> int:
        """A required whole number."""
        text = self.text(name)
        if not _INTEGER.fullmatch(text):
            raise illegal(name, "^[0-9]{1,20}$")
        if int(text) > _LARGEST:
            raise ApiError(-1108, f"Parameter '{name}' overflowed.")
        return int(text)

    def optional_whole(self, name: str) -> int | None:
        """As `whole`; None if it is absent."""
        return self.whole(name) if name in self else None

    def time_ms(self, name: str) -> int:
        """A required time in milliseconds or microseconds; returned in milliseconds."""
        time = self.whole(name)
        return time // 1000 if time >= _MICROSECONDS else time

    def optional_time_ms(self, name: str) -> int | None:
        """As `time_ms`; None if it is absent."""
        return self.time_ms(name) if name in self else None

    def window_ms(self, name: str, default: int) -> Decimal:
        """A duration in milliseconds with up to three decimals."""
        text = self.optional(name)
        if text is None:
            return Decimal(default)
        if not _WINDOW.fullmatch(text):
            raise illegal(name, r"^[0-9]{1,9}(\.[0-9]{1,3})?$")
        return Decimal(text)

    def limit(self, default: int, most: int) -> int:
        """The number of rows requested, at most `most`."""
        limit = self.optional_whole("limit")
        if limit == 0:
            raise invalid("limit")
        return min(default if limit is None else limit, most)

    def amount(self, name: str) -> Decimal:
        """A required decimal with no more decimals than the API carries."""
        text = self.text(name)
        if not _DECIMAL.fullmatch(text):
            raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        value = Decimal(text)
        if value % Decimal(1).scaleb(-_DECIMALS):
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return value

    def client_id(self, name: str) -> str:
        """A client order id, empty if absent."""
        value = self.optional(name) or ""
        if value and not _CLIENT_ID.fullmatch(value):
            raise illegal(name, "^[a-zA-Z0-9-_]{1,36}$")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false if absent."""
        value = self.optional(name)
        if value is None:
            return False
        if value.lower() not in {"true", "false"}:
            raise invalid(name)
        return value.lower() == "true"

    def word(self, name: str, kind: type[E], otherwise: ApiError | None = None) -> E:
        """A required enum member. Anything else raises `otherwise`, or -1130 if that is not given."""
        text = self.text(name)
        try:
            return kind(text)
        except ValueError:
            raise otherwise or invalid(name) from None

    def optional_word(self, name: str, kind: type[E], default: E, otherwise: ApiError | None = None) -> E:
        """The same with a default for an absent value."""
        return self.word(name, kind, otherwise) if name in self else default

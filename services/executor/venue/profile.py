"""Venue profile: what a venue does where venues differ, measured by `gridwright conformance` or documented.

The packaged profiles are in `venues/`. `profile_policy` derives the executor's settings from a profile, `profile_page`
renders the profiles, `conformance` measures them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from executor.venue.limits.rate_limit import LimitKind, RateLimit
from executor.venue.limits.request_weights import RequestWeights
from gridservice.config_file import ConfigError, Table, read_toml


class Source(Enum):
    """Source of a profile's facts."""

    MEASURED = "measured"
    DOCUMENTED = "documented"


class Repeat(Enum):
    """Behaviour for an order whose client id was used before."""

    REFUSED = "refused"
    ACCEPTED = "accepted"  # it is a second order and can trade again
    RETURNS_FIRST = "returns_first"  # the reply is the earlier order, and nothing is placed


@dataclass(frozen=True, slots=True)
class RepeatedId:
    """Behaviour by the state of the earlier order. None: not known."""

    open: Repeat | None = None
    filled: Repeat | None = None
    cancelled: Repeat | None = None


@dataclass(frozen=True, slots=True)
class ClientIds:
    """Client ids that a venue accepts and returns unchanged.

    `alphabet` is a list of single characters and ranges: `A-Z a-z 0-9 _ -`.
    """

    min_length: int
    max_length: int
    alphabet: str

    @property
    def characters(self) -> frozenset[str]:
        """Returns each character of the alphabet.

        Raises ValueError for an item that is neither a character nor a range.
        """
        return frozenset(character for word in self.alphabet.split() for character in _spelt_out(word))


@dataclass(frozen=True, slots=True)
class Delay:
    """Time (ms) from the reply to a place until the beginning of the first look-up that showed the order."""

    look_up: str
    median_ms: int
    worst_ms: int
    samples: int
    missed: int = 0  # of the samples: not shown in time


@dataclass(frozen=True, slots=True)
class RefusalSeen:
    """A provoked refusal: ccxt's class and text, and how the executor read it."""

    provoked: str
    ccxt_class: str  # empty if the venue did not refuse it
    read_as: str
    text: str


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """Profile of one venue. None and empty: not known."""

    venue: str  # name of the profile; a venue of another kind behind the same `exchange` has another name
    exchange: str  # ccxt's id
    source: Source
    as_of: str  # the day of the measurement, or of the documents
    ccxt: str = ""  # the version that measured
    documents: str = ""  # which documents
    requests_expire: bool | None = None  # refused once older than recvWindow; evidence of absence needs it
    visibility_lag_ms: int | None = None
    batch_size: int | None = None  # places per call, as ccxt claims; 1: no such call
    fee_of_buy: str = ""  # base, quote, or another asset by its name
    trades_carry_client_id: bool | None = None
    history_hours: int | None = None  # the longest window of the order history that the venue accepted
    repeated_id: RepeatedId = RepeatedId()
    client_id: ClientIds | None = None
    delays: tuple[Delay, ...] = ()
    refusals: tuple[RefusalSeen, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)  # as `request_weights` reads them; empty: 1 per request
    rate_limits: tuple[RateLimit, ...] = ()


def packaged_profiles() -> list[VenueProfile]:
    """Returns the packaged profiles by name."""
    return [_read(Table(tomllib.loads(each.read_text(encoding="utf-8")))) for each in _packaged()]


def packaged_profile(name: str) -> VenueProfile | None:
    """Returns the packaged profile with this name, None if there is none."""
    return next((row for row in packaged_profiles() if row.venue == name), None)


def read_profile(path: Path) -> VenueProfile:
    """Reads a profile from a file. Raises ConfigError."""
    return _read(read_toml(path))


def profile_values(row: VenueProfile) -> dict[str, Any]:
    """Returns the profile as the TOML values that `read_profile` reads; unknown facts are left out."""
    values = {name: getattr(row, name) for name in _SCALARS if getattr(row, name) not in (None, "")}
    repeated = {
        name: each.value for name in ("open", "filled", "cancelled") if (each := getattr(row.repeated_id, name))
    }
    tables = {
        "repeated_id": repeated,
        "client_id": {} if row.client_id is None else _fields(row.client_id),
        "delays": [_fields(delay) for delay in row.delays],
        "refusals": [_fields(refusal) for refusal in row.refusals],
        "weights": dict(row.weights),
        "rate_limits": [
            {"kind": limit.kind.name.lower(), "window_ms": limit.window_ms, "most": limit.most}
            for limit in row.rate_limits
        ],
    }
    return values | {"source": row.source.value} | {name: table for name, table in tables.items() if table}


_SCALARS = (
    "venue", "exchange", "as_of", "ccxt", "documents", "requests_expire", "visibility_lag_ms", "batch_size",
    "fee_of_buy", "trades_carry_client_id", "history_hours",
)  # fmt: skip


def _fields(value: Delay | RefusalSeen | ClientIds) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _packaged() -> Iterator[Traversable]:
    folder = files("executor") / "venues"
    yield from sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)


def _read(table: Table) -> VenueProfile:
    row = VenueProfile(
        venue=table.text("venue"),
        exchange=table.text("exchange"),
        source=table.choice("source", Source),
        as_of=table.text("as_of"),
        ccxt=table.text("ccxt", ""),
        documents=table.text("documents", ""),
        requests_expire=table.flag("requests_expire") if "requests_expire" in table.names() else None,
        visibility_lag_ms=_whole(table, "visibility_lag_ms"),
        batch_size=_whole(table, "batch_size"),
        fee_of_buy=table.text("fee_of_buy", ""),
        trades_carry_client_id=table.flag("trades_carry_client_id")
        if "trades_carry_client_id" in table.names()
        else None,
        history_hours=_whole(table, "history_hours"),
        repeated_id=_repeated_id(table.table("repeated_id")),
        client_id=_client_ids(table.table("client_id")),
        delays=tuple(_delay(each) for each in table.tables("delays")),
        refusals=tuple(_refusal(each) for each in table.tables("refusals")),
        weights=_weights(table.table("weights")),
        rate_limits=tuple(_rate_limit(each) for each in table.tables("rate_limits")),
    )
    table.refuse_unread()
    return row


def _whole(table: Table, key: str) -> int | None:
    return table.integer(key, least=0) if key in table.names() else None


def _repeated_id(table: Table) -> RepeatedId:
    found = {key: table.choice(key, Repeat) for key in ("open", "filled", "cancelled") if key in table.names()}
    table.refuse_unread()
    return RepeatedId(**found)


def _client_ids(table: Table) -> ClientIds | None:
    if not table.names():
        return None
    found = ClientIds(
        table.integer("min_length", 1, least=1), table.integer("max_length", least=1), table.text("alphabet")
    )
    table.refuse_unread()
    try:
        _ = found.characters
    except ValueError as error:
        raise ConfigError(table.field("alphabet"), found.alphabet, f"{error}; write it like A-Z a-z 0-9 _") from None
    return found


def _delay(table: Table) -> Delay:
    delay = Delay(
        look_up=table.text("look_up"),
        median_ms=table.integer("median_ms", least=0),
        worst_ms=table.integer("worst_ms", least=0),
        samples=table.integer("samples", least=1),
        missed=table.integer("missed", 0, least=0),
    )
    table.refuse_unread()
    return delay


def _refusal(table: Table) -> RefusalSeen:
    seen = RefusalSeen(table.text("provoked"), table.text("ccxt_class"), table.text("read_as"), table.text("text"))
    table.refuse_unread()
    return seen


def _weights(table: Table) -> dict[str, int]:
    found = {key: table.integer(key, least=0) for key in table.names()}
    try:
        RequestWeights(found)
    except ValueError as error:
        raise ConfigError("weights", sorted(found), f"{error}; write it like GET openOrders without symbol") from None
    return found


def _rate_limit(table: Table) -> RateLimit:
    limit = RateLimit(
        table.choice("kind", LimitKind), table.integer("window_ms", least=1_000), table.integer("most", least=1)
    )
    table.refuse_unread()
    return limit


def _spelt_out(word: str) -> Iterator[str]:
    if len(word) == 1:
        yield word
    elif len(word) == 3 and word[1] == "-" and word[0] <= word[2]:
        yield from map(chr, range(ord(word[0]), ord(word[2]) + 1))
    else:
        raise ValueError(f"{word!r} is no character and no range")

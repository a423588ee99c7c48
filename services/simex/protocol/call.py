"""Requests, answers and endpoints, independent of the transport."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from simex.protocol.params import Params
from simex.protocol.rate_intervals import Usage, Wait

_SIGNED = frozenset({"timestamp", "recvWindow", "signature"})


class Security(Enum):
    """Who may call, by Binance's names: anyone, a key that may read, a key that may trade."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was read: `signed` is the text that its signature covers."""

    params: Params
    api_key: str = field(repr=False)
    signed: str = field(repr=False)
    ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP status, or its websocket equivalent, and the JSON; with the usage of the limits that it touched."""

    status: int
    body: object
    usage: tuple[Usage, ...] = ()
    wait: Wait | None = None  # for a client that exceeded a limit
    reached: bool = False  # whether the endpoint has run: all access checks passed

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers about the limits."""
        told = {name: value for usage in self.usage for name, value in usage.headers.items()}
        return told if self.wait is None else told | self.wait.headers

    @property
    def ok(self) -> bool:
        """Whether the body is the result, not an error `{"code": …, "msg": …}`."""
        return self.status == 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has passed the access checks. `account` is that of its key, empty if the endpoint needs none.

    `charge` counts the orders that an endpoint is about to place, or raises ApiError if there are too many.
    """

    params: Params
    now_ms: int  # the venue's clock
    account: str = ""
    charge: Callable[[], None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. `method` and `path` name it over REST, `ws` over the websocket API; empty: not available there.

    `run` returns the answer's JSON, or raises Refused or ApiError with nothing changed. Only an error with status 409
    reports a partial success. `takes` lists the parameters besides those of the signature.
    """

    method: str
    path: str
    run: Callable[[Call], object]
    security: Security = Security.NONE
    ws: str = ""
    takes: str = ""

    @property
    def accepted(self) -> frozenset[str]:
        """The names of all accepted parameters."""
        return _names(self.takes, signed=self.security is not Security.NONE)

    @property
    def name(self) -> str:
        """Its name in logs, limits and faults, the same over both transports: `POST order`."""
        return f"{self.method} {self.path}"


@cache
def _names(takes: str, *, signed: bool) -> frozenset[str]:
    return frozenset(takes.split()) | (_SIGNED if signed else frozenset())

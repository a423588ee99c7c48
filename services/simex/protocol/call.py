"""A request as an endpoint sees it, and an endpoint as the gateway sees it: what both transports have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from simex.protocol.params import Params

_SIGNED = frozenset({"timestamp", "recvWindow", "signature"})


class Security(Enum):
    """Who may call, in Binance's words: anyone, a key that may read, a key that may trade."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in. `account` is whose key signed it, empty where none is asked for.

    `charge` counts the order that an endpoint is about to place, or raises ApiError where there are too many.
    """

    params: Params
    now_ms: int  # the venue's clock
    account: str = ""
    charge: Callable[[], None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What can be asked for. `method` and `path` name it over REST, `ws` over the websocket API; empty: not there.

    `run` gives the answer's JSON, or raises Refused or ApiError with nothing changed; only one of status 409 tells of
    something half done. `takes` names the parameters beside those of the signature.
    """

    method: str
    path: str
    run: Callable[[Call], object]
    security: Security = Security.NONE
    ws: str = ""
    takes: str = ""

    @property
    def accepted(self) -> frozenset[str]:
        """The names of all parameters that may be sent."""
        return _names(self.takes, signed=self.security is not Security.NONE)

    @property
    def name(self) -> str:
        """What logs, limits and faults call it, the same over both transports: `POST order`."""
        return f"{self.method} {self.path}"


@cache
def _names(takes: str, *, signed: bool) -> frozenset[str]:
    return frozenset(takes.split()) | (_SIGNED if signed else frozenset())

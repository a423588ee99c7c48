"""A request as an endpoint sees it, and an endpoint as the gateway sees it: what both transports have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from simex.params import Params


class Security(Enum):
    """Who may call, in Binance's words: anyone, a key that may read, a key that may trade."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in. `account` is whose key signed it, empty where none is asked for."""

    params: Params
    now_ms: int  # the venue's clock
    account: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What can be asked for. `method` and `path` name it over REST, `ws` over the websocket API; empty: not there.

    `run` gives the answer's JSON, or raises Refused or ApiError with nothing changed.
    """

    method: str
    path: str
    run: Callable[[Call], object]
    security: Security = Security.NONE
    ws: str = ""

    @property
    def name(self) -> str:
        """What logs, limits and faults call it, the same over both transports: `POST order`."""
        return f"{self.method} {self.path}"

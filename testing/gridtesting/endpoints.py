"""simex's table of endpoints without an exchange: the endpoints and their parameters."""

from typing import Any

from simex.api.endpoints import list_endpoints, private_endpoints, public_endpoints, trading_endpoints
from simex.protocol.call import Endpoint
from simex.streams.user_stream import UserStream


class _Anything:
    """Has every method that the table names, and runs none."""

    def __getattr__(self, _name: str) -> "_Anything":
        return self

    def __call__(self, *_arguments: object) -> "_Anything":
        return self


def every_endpoint() -> tuple[Endpoint, ...]:
    """The whole table. No endpoint can be run."""
    anything: Any = _Anything()
    return (
        *public_endpoints(anything),
        *trading_endpoints(anything),
        *private_endpoints(anything),
        *list_endpoints(anything),
    )


def endpoints_of_sockets() -> tuple[Endpoint, ...]:
    """The endpoints that only a socket of the websocket API has. None can be run."""
    anything: Any = _Anything()
    return tuple(UserStream.endpoints(anything, anything).values())

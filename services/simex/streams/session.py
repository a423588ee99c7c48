"""One socket of the websocket API: its account, its subscriptions, and the form of its answers."""

from simex.protocol.errors import ApiError
from simex.protocol.formats import Json
from simex.streams.connection import Connection


class Session:
    """A socket and its subscriptions, numbered from 0, each for the account whose key signed it.

    `tells_limits`: answers carry `rateLimits` unless a request disables it.
    """

    def __init__(self, connection: Connection, ip: str, connected_ms: int, *, tells_limits: bool = True) -> None:
        self.connection = connection
        self.ip = ip
        self.tells_limits = tells_limits
        self.subscriptions: dict[int, str] = {}
        self._connected_ms = connected_ms
        self._next = 0

    def subscribe(self, account: str) -> int:
        """Adds a subscription and returns its number. Raises ApiError if the account already has one."""
        if account in self.subscriptions.values():
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number, self._next = self._next, self._next + 1
        self.subscriptions[number] = account
        return number

    def unsubscribe(self, number: int | None) -> list[int]:
        """Ends one subscription, or all if none is named; returns which. Raises ApiError if it does not exist."""
        ended = list(self.subscriptions) if number is None else [number]
        if not self.subscriptions.keys() >= set(ended):
            raise ApiError(-2036, "User Data Stream subscription not active.")
        for each in ended:
            del self.subscriptions[each]
        return ended

    def status(self, now_ms: int) -> Json:
        """The answer of session.status. No session is logged on: that needs an Ed25519 key; simex has HMAC keys."""
        return {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self.tells_limits,
            "serverTime": now_ms,
            "userDataStream": bool(self.subscriptions),
        }

"""API keys with their permissions and allowed addresses, and their HMAC-SHA256 signatures."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from simex.protocol.call import Security
from simex.protocol.errors import ApiError

_BAD_FORMAT = ApiError(-2014, "API-key format invalid.", 401)
_DENIED = ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key pair of an account. Reading is always permitted; empty `ips` allow every address."""

    account: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    may_trade: bool = True
    ips: frozenset[str] = frozenset()

    def check_signature(self, payload: str, signature: str) -> None:
        """Raises ApiError unless the signature matches the payload as it was sent."""
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise ApiError(-1022, "Signature for this request is not valid.")


class Keys:
    """The API keys by name, and which of them are refused at the moment."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = {each.key: each for each in keys}
        self._refused: dict[str, tuple[ApiError, int]] = {}

    def of(self, account: str) -> list[str]:
        """The names of an account's keys, including those that are refused."""
        return [each.key for each in self._keys.values() if each.account == account]

    def refuse(self, key: str, code: int, until_ms: int = 0) -> None:
        """Refuses a key with -2014 or -2015 until a time of the venue's clock, 0: for good. Code 0 accepts it again."""
        self._refused.pop(key, None)
        if code:
            self._refused[key] = (_BAD_FORMAT if code == _BAD_FORMAT.code else _DENIED, until_ms)

    def owner(self, key: str) -> str:
        """The account of a key, empty if there is no such key."""
        found = self._keys.get(key)
        return found.account if found else ""

    def let_in(self, key: str, ip: str, security: Security, now_ms: int) -> ApiKey:
        """Returns the key if it exists and permits this request from this address. Raises ApiError."""
        if not key:
            raise _BAD_FORMAT
        found = self._keys.get(key)
        if found is None or (found.ips and ip not in found.ips):
            raise _DENIED
        refusal, until_ms = self._refused.get(key, (None, 0))
        if refusal is not None and (not until_ms or now_ms < until_ms):
            raise refusal
        if security is Security.TRADE and not found.may_trade:
            raise _DENIED
        return found

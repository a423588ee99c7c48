"""The venue that the executor trades on: server, keys and time windows. No text shows the keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from executor.venue.limits.rate_limit import RateLimit
from executor.venue.profile_policy import find_profile, policy, profile_name
from gridcore.model.setting import Setting
from gridservice.config_file import MISSING, ConfigError, Table, variable_or_file
from gridservice.settings import read_section
from gridservice.shared_settings import Venue

_KEY, _SECRET = "GRIDWRIGHT_API_KEY", "GRIDWRIGHT_API_SECRET"  # names of variables
_LOCAL_LAG_MS, _REAL_LAG_MS = 2_000, 10_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """API keys of the account; neither is in its repr."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)

    def struck_from(self, text: str) -> str:
        """Returns the text without the keys: a venue may repeat a key that it refuses."""
        return text.replace(self.secret, "***").replace(self.api_key, "***")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings(Venue):
    """The venue's server, the keys, and how long requests and replies may take."""

    recv_window_ms: Annotated[
        int,
        Setting(
            "how long after its timestamp the venue may still accept a request. Longer means that an order in doubt "
            "stays in doubt for longer. Binance allows at most 60000. The ledger keeps the window that each request "
            "was signed with, so a change here holds for new requests only",
            least=100,
        ),
    ] = 5_000
    visibility_lag_ms: Annotated[
        int,
        Setting(
            "how long the venue's look-ups may lag behind its book. An order that is not found counts as never placed "
            "only once `recv_window_ms` and this have passed. Too small, and an order may be forgotten; too large only "
            "costs time",
            least=0,
            default=f"`{_REAL_LAG_MS}`; `{_LOCAL_LAG_MS}` where `base_url` is this machine; more where the [venue "
            "profile](venues.md) says more",
        ),
    ]
    request_timeout_ms: Annotated[
        int, Setting("how long one request may take before its outcome counts as unknown", least=100)
    ] = 10_000
    requests_expire: bool  # once they are older than recv_window_ms
    credentials: Credentials
    known_from: str = ""  # the sentence that says what is known of the venue, and its source
    weights: Mapping[str, int] = field(default_factory=dict)  # of its requests; empty: unknown, each weighs 1
    rate_limits: tuple[RateLimit, ...] = ()  # until the venue reports its own

    @property
    def request_window_ms(self) -> int | None:
        """How long (ms) after its timestamp a request can still be accepted; None if requests do not expire."""
        return self.recv_window_ms if self.requests_expire else None


def read_venue(venue: Table, environment: Mapping[str, str], chosen_profile: str = "") -> VenueSettings:
    """Reads the table `venue` together with the venue's profile. Raises ConfigError."""
    server = read_section(Venue, venue)
    name = profile_name(server.exchange, sandbox=server.sandbox, moved=bool(server.base_url), local=server.local)
    known = policy(find_profile(chosen_profile, name, server.exchange), server.exchange)
    return read_section(
        VenueSettings,
        venue,
        visibility_lag_ms=max(_LOCAL_LAG_MS if server.local else _REAL_LAG_MS, known.least_lag_ms),
        requests_expire=known.requests_expire,
        credentials=_credentials(environment, local=server.local),
        known_from=known.sentence,
        weights=known.weights,
        rate_limits=known.rate_limits,
    )


def _credentials(environment: Mapping[str, str], *, local: bool) -> Credentials:
    """Reads the keys from the variable, or from the file that its _FILE twin names.

    A venue on this machine has a default.
    """
    key, secret = (variable_or_file(environment, name) for name in (_KEY, _SECRET))
    if key and secret:
        return Credentials(key, secret)
    if local and not key and not secret:
        return Credentials("simex", "simex")
    missing = _SECRET if key else _KEY
    raise ConfigError(f"environment variable {missing}", MISSING, f"set it, or {missing}_FILE to the path of its file")

"""Selects the profile of the configured venue and derives the executor's settings from it.

A profile sets the default of the visibility lag, whether requests expire, and whether our client ids fit. It also has
the request weights and rate limits that apply until the venue reports its own. Nothing else of it changes what the
executor does.

A profile alone is never evidence. A measured lag shows how late a venue has been, not that it is never later: it raises
the default and cannot lower it. Requests expire only if a profile, or Binance's documents, say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor.venue.limits.rate_limit import RateLimit
from executor.venue.profile import VenueProfile, packaged_profile, packaged_profiles, read_profile
from gridcore.model.ids import ALPHABET, LENGTH
from gridservice.config_file import ConfigError

ROW_FIELD = "executor.venue_profile"
SIMEX = "simex"


@dataclass(frozen=True, slots=True)
class VenuePolicy:
    """Settings derived from a profile. `sentence` is logged at startup and says what they are based on."""

    requests_expire: bool
    least_lag_ms: int  # lower bound of the default visibility lag
    sentence: str
    weights: Mapping[str, int] = field(default_factory=dict)
    rate_limits: tuple[RateLimit, ...] = ()  # until the venue reports its own


def profile_name(exchange: str, *, sandbox: bool, moved: bool, local: bool) -> str:
    """Returns the name of a venue's profile; empty if `base_url` points to a server that could be anything.

    A test network has its own profile. A server on this machine in Binance's place is simex.
    """
    if moved:
        return SIMEX if local and exchange == "binance" else ""
    return f"{exchange}-sandbox" if sandbox else exchange


def find_profile(chosen: str, name: str, exchange: str) -> VenueProfile | None:
    """Returns the profile that the config names, by file or by name, else the packaged one of that name, or None.

    Raises ConfigError for a named profile that does not exist or is another exchange's.
    """
    if not chosen:
        return packaged_profile(name)
    row = read_profile(Path(chosen)) if chosen.endswith(".toml") else packaged_profile(chosen)
    if row is None:
        known = ", ".join(each.venue for each in packaged_profiles())
        raise ConfigError(ROW_FIELD, chosen, f"no such profile; give the path of a .toml file, or one of {known}")
    if row.exchange != exchange:
        raise ConfigError(ROW_FIELD, chosen, f"that profile is of {row.exchange}, and venue.exchange is {exchange}")
    return row


def policy(row: VenueProfile | None, exchange: str) -> VenuePolicy:
    """Derives the settings from the profile. Raises ConfigError for a venue that cannot take our client ids."""
    binance = exchange.startswith("binance")
    if row is None:
        how = "to expire as Binance's do" if binance else "never to expire, so UNKNOWN orders end only by being found"
        sentence = f"no profile for {exchange} here: cautious defaults, and requests are taken {how}"
        sentence += "; `gridwright conformance` measures one"
        return VenuePolicy(binance, 0, sentence, *_limits(row, exchange))
    _refuse_ids(row)
    expire = binance if row.requests_expire is None else row.requests_expire
    sentence = f"profile {row.venue}, {row.source.value}, as of {row.as_of}"
    return VenuePolicy(expire, row.visibility_lag_ms or 0, sentence, *_limits(row, exchange))


def _limits(row: VenueProfile | None, exchange: str) -> tuple[Mapping[str, int], tuple[RateLimit, ...]]:
    """Returns the profile's limits; if it has none (test network, measured), those of the exchange's packaged one."""
    if row is None or not row.weights:
        row = packaged_profile(exchange)
    return ({}, ()) if row is None else (row.weights, row.rate_limits)


def _refuse_ids(row: VenueProfile) -> None:
    ids = row.client_id
    if ids is None:
        return
    if not ids.min_length <= LENGTH <= ids.max_length:
        span = f"{ids.min_length} to {ids.max_length}"
        raise ConfigError(
            "venue.exchange", row.exchange, f"its client ids have {span} characters and ours {LENGTH}{_WAY}"
        )
    strange = "".join(sorted(ALPHABET - ids.characters))
    if strange:
        raise ConfigError("venue.exchange", row.exchange, f"its client ids cannot hold our {strange!r}{_WAY}")


_WAY = f": no grid can run there; choose another venue, or an {ROW_FIELD} that was measured again"

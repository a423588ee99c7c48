"""Rates, intervals and retention times of the executor. Most are settings of `[executor]`."""

from dataclasses import dataclass
from typing import Annotated, Any

from executor.venue.limits.rate_limit import DEFAULT_SHARE, LARGEST_SHARE, LEAST_SHARE, RateLimit
from gridcore.model.setting import Setting
from gridservice.config_file import Table
from gridservice.settings import read_section, read_setting

_REQUESTS_PER_SECOND = 10
_HOUR_MS = 3_600_000
_LEAST_GONE_MS, _LEAST_GONE_LOCAL_MS = 60_000, 10_000  # lower for a simex on this machine: it drops orders on command


def _share(percent: int) -> int:
    if percent > LARGEST_SHARE:
        raise ValueError(f"at most {LARGEST_SHARE}: others use the address too, and going over the limit ends in a ban")
    return percent


@dataclass(frozen=True, slots=True)
class ExecutorLimits:
    """Request rates, and how late the venue's replies may be."""

    poll_interval_ms: Annotated[
        int,
        Setting(
            "between two polls of the account's open orders, one for all symbols where the exchange allows it; trades "
            "are read where an order has moved. Ten times as long while the user stream is proven by news of our own "
            "orders; longer where request weight is short",
            least=10,
        ),
    ] = 1_000
    order_gone_after_ms: Annotated[
        int,
        Setting(
            "how long the venue has to show an open order of ours nowhere before `gridwright resolve-order ORDER "
            "--gone` may end it. Venues have been seen to forget an order for half an hour",
            allowed=f"at least {_LEAST_GONE_MS}; with a venue on this machine {_LEAST_GONE_LOCAL_MS}",
        ),
    ] = _HOUR_MS
    requests_per_second: Annotated[
        int | None,
        Setting(
            "how many requests a second. Cancels go before closings, closings before openings, openings before reads, "
            "polls last. See [limits of the venue](operations.md#limits-of-the-venue)",
            least=1,
            default=f"`{_REQUESTS_PER_SECOND}`; none where the exchange's request weights are known (Binance, simex)",
        ),
    ] = _REQUESTS_PER_SECOND  # None: as fast as the venue's limits allow
    burst: Annotated[
        int, Setting("how many of them may be saved up", least=1, default="twice `requests_per_second`")
    ] = 2 * _REQUESTS_PER_SECOND
    weight_share_percent: Annotated[
        int,
        Setting(
            "how much of the address's request weight the executor may use, whatever the other settings say",
            least=LEAST_SHARE,
            parse=_share,
            allowed=f"{LEAST_SHARE} to {LARGEST_SHARE}",
        ),
    ] = DEFAULT_SHARE
    keep_finished_ms: Annotated[
        int,
        Setting(
            "how long finished requests and orders are kept. A floor stays behind them, so that a request that was "
            "pruned is refused and never run. The update log's entries are kept as long, and until the orchestrator "
            "has acknowledged them",
            key="keep_finished_hours",
            least=1,
            times=_HOUR_MS,
        ),
    ] = 72 * _HOUR_MS
    visibility_lag_ms: int = 10_000
    rate_limits: tuple[RateLimit, ...] = ()
    resolve_pause_ms: int = 250  # before the second look-up of an UNKNOWN order; it doubles from there
    close_grace_seconds: float = 3.0
    markets_interval_ms: int = 0  # between two reads of the venue's list of markets; 0: as often as the venue allows
    listing_interval_ms: int = 10_000  # the same while a symbol is missing in the list, or its polls fail


def read_limits(own: Table, *, weighted: bool, local: bool, **values: Any) -> ExecutorLimits:
    """Reads the limits; `values` are those that are no settings. Raises ConfigError.

    `weighted`: the weights of requests are known; then there is no request rate, unless the config sets one. `local`:
    the venue is on this machine.
    """
    rate = None if weighted else _REQUESTS_PER_SECOND
    burst = 2 * (read_setting(ExecutorLimits, "requests_per_second", own, rate) or 1)
    limits = read_section(ExecutorLimits, own, requests_per_second=rate, burst=burst, **values)
    least = _LEAST_GONE_LOCAL_MS if local else _LEAST_GONE_MS
    if limits.order_gone_after_ms < least:
        raise own.refusal("order_gone_after_ms", f"give a whole number of at least {least}")
    return limits

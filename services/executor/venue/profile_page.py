"""Renders docs/venues.md from the profiles: `python -m executor.venue.profile_page > docs/venues.md`."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from executor.venue.profile import Delay, Repeat, VenueProfile, packaged_profiles

_PAGE = """\
# Venues

Exchanges differ in what a bot that must never send twice has to know. A venue profile says what a venue does; these
profiles come with Gridwright, in `services/executor/venues`. This page is generated from them by
`python -m executor.venue.profile_page`; a test compares the two. **measured** means that `gridwright conformance`
traded there and saw it, **documented** that only the venue's own documents say so. – is not known.

{facts}

## What a line means for you

{meanings}

## How soon an order is shown

Milliseconds from the answer to a place to the beginning of the first look-up that showed it, by each of the look-ups
of the executor. They are samples of one quiet minute: a measured lag proves that a venue has been so late,
never that it cannot be later. Binance's look-ups were reported to trail by 22 to 62 seconds.

{delays}

## What refusals look like

Each was provoked. *Read as* is what the executor makes of it: `UNKNOWN` of a place has it look the order up for as long
as it takes, `UNKNOWN_ORDER` of a cancel ends nothing by itself, everything else means that nothing was placed. On a
venue whose plain refusals read `UNKNOWN` every mistake costs a slot some seconds.

{refusals}

## What the executor takes from a profile

Which profile counts: the one that `venue_profile` in `[executor]` names, by the path of its file or by its name here;
else the one of the config's `exchange`; with `sandbox = true` the one called `<exchange>-sandbox`; with a `base_url` on
this machine and `exchange = "binance"`, `simex`; with any other `base_url` none.

- *requests expire*: whether an order that is `UNKNOWN` may end because no look-up shows it, `recv_window_ms` and
  `visibility_lag_ms` after it was signed. Where they do not expire it ends by being found, or by your statement.
- *visibility lag*: raises the default of `visibility_lag_ms`, never lowers it. What the config says itself counts.
- *client ids*: a venue that cannot take ours (28 characters of `0-9 a-z C O`) is refused at startup.
- All else is for you to read: the executor never repeats a place, so what a venue does with a repeated id decides
  nothing.

A venue without a profile has cautious defaults, and the executor logs that at startup: requests expire only on Binance,
the lag is 10 seconds, or 2 where `base_url` is this machine.

## Measuring a venue

```sh
gridwright conformance --exchange simex                          # starts its own
gridwright conformance --exchange binance --sandbox --yes        # with keys of its test network
```

Keys come from `GRIDWRIGHT_API_KEY` and `GRIDWRIGHT_API_SECRET`, or the files that their `_FILE` twins name; a simex is
asked with its own default pair. It takes a minute, prints what it found and writes the profile to
`.gridwright/venues/NAME.toml`, or where `--out` says.

It trades. Before anything is sent it shows the worst-case cost, and stops there without `--yes`, and
on a real market without `--mainnet`. It buys once for a tenth more than the venue's least notional; every other order
rests a tenth below the price and is cancelled, also after Ctrl-C or an error. An order that it could not cancel is
named at the end. It touches no order but its own. Let no bot trade on the same account meanwhile: limits of requests
are shared.
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table: its name, its meaning for a trader, and its text for a profile."""

    name: str
    meaning: str
    tell: Callable[[VenueProfile], str]


def _known(value: object) -> str:
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case Repeat():
            return _REPEATS[value]
        case _:
            return str(value)


_REPEATS = {
    Repeat.REFUSED: "refused",
    Repeat.ACCEPTED: "accepted, trades again",
    Repeat.RETURNS_FIRST: "returns the first",
}


def _ids(row: VenueProfile) -> str:
    ids = row.client_id
    return "–" if ids is None else f"{ids.min_length} to {ids.max_length} of `{ids.alphabet}`"


def _lag(row: VenueProfile) -> str:
    return "–" if row.visibility_lag_ms is None else f"{row.visibility_lag_ms} ms"


def _history(row: VenueProfile) -> str:
    return "–" if row.history_hours is None else f"{row.history_hours} h"


def _batch(row: VenueProfile) -> str:
    return "none" if row.batch_size == 1 else _known(row.batch_size)


FACTS = (
    Fact("known by", "Measured by us, or only documented by the venue.", lambda row: row.source.value),
    Fact("as of", "The day of the measurement, or of the documents. Venues change.", lambda row: row.as_of),
    Fact(
        "measured with",
        "The version of ccxt: error classes and claims are its own.",
        lambda row: f"ccxt {row.ccxt}" if row.ccxt else "–",
    ),
    Fact(
        "same client id, first order open",
        "*refused*: a place that is sent twice at once makes one order. *accepted*: two.",
        lambda row: _known(row.repeated_id.open),
    ),
    Fact(
        "… first order filled",
        "*accepted, trades again*: a place repeated after a time-out may buy twice, since the first may have filled.",
        lambda row: _known(row.repeated_id.filled),
    ),
    Fact(
        "… first order cancelled",
        "As above, for an order that somebody has cancelled meanwhile.",
        lambda row: _known(row.repeated_id.cancelled),
    ),
    Fact(
        "requests expire",
        "*yes*: a signed place that reaches the venue later than recvWindow is refused, so an order in doubt can be "
        "proved never placed. *no*: it may land at any time.",
        lambda row: _known(row.requests_expire),
    ),
    Fact(
        "visibility lag",
        "Twice the longest time that a look-up took to show an order. Until then not seeing one proves nothing.",
        _lag,
    ),
    Fact("client ids", "Lengths and characters that are taken and returned unchanged. Ours have 28.", _ids),
    Fact("places in one call", "As ccxt claims it, not tried. The executor sends one by one.", _batch),
    Fact(
        "fee of a buy",
        "*base*: less coin arrives than was bought, and selling all that was bought is refused.",
        lambda row: _known(row.fee_of_buy),
    ),
    Fact(
        "trades have the client id",
        "*no*: a fill is recognised as yours by its order alone, which must be looked up.",
        lambda row: _known(row.trades_carry_client_id),
    ),
    Fact(
        "history in one question",
        "The longest window of a day, a week, 30 and 90 days that is answered.",
        _history,
    ),
)


def page(rows: Sequence[VenueProfile]) -> str:
    """Returns the whole page."""
    return _PAGE.format(
        facts=_table(["", *(row.venue for row in rows)], [[fact.name, *map(fact.tell, rows)] for fact in FACTS]),
        meanings="\n".join(f"- **{fact.name}**: {fact.meaning}" for fact in FACTS),
        delays=_table(
            ["venue", "look-up", "median", "worst", "samples"],
            [[row.venue, delay.look_up, str(delay.median_ms), worst(delay), str(delay.samples)]
             for row in rows for delay in row.delays],
        ),
        refusals=_table(
            ["venue", "provoked", "ccxt's class", "read as", "text"],
            [[row.venue, seen.provoked, f"`{seen.ccxt_class}`" if seen.ccxt_class else "–", f"`{seen.read_as}`",
              seen.text.replace("|", "\\|")]
             for row in rows for seen in row.refusals],
        ),
    )  # fmt: skip


def worst(delay: Delay) -> str:
    """Returns the longest sample; marked as longer if some samples did not show the order at all."""
    return f"more than {delay.worst_ms} ({delay.missed} not shown)" if delay.missed else str(delay.worst_ms)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(page(packaged_profiles()))

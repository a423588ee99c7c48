"""The faults of simex as values: a kind, where, when, and how. Nothing is executed here.

Each kind belongs to one occasion and reads only some of the settings: both are in the table `FORMS`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from typing import Annotated

from gridcore.model.setting import Setting
from simex.protocol.call import Endpoint

ANY = "*"
STREAMS = ("public", "user")
HOLD_MS = 30_000
_OF_SOCKETS = frozenset({"POST userDataStream", "DELETE userDataStream"})  # only available over a websocket
_LONGEST_MS = 86_400_000


class Kind(Enum):
    """Kinds of faults. "Done" means that the endpoint has run with all its effects."""

    ACCEPT_THEN_TIMEOUT = "ACCEPT_THEN_TIMEOUT"  # done, never answered
    TIMEOUT_BEFORE = "TIMEOUT_BEFORE"  # not done, never answered
    RESET_BEFORE = "RESET_BEFORE"  # not done, the connection is reset
    RESET_AFTER = "RESET_AFTER"  # done, the connection is reset
    CUT_BODY = "CUT_BODY"  # done, half of the answer is sent
    EMPTY_200 = "EMPTY_200"  # done, answered 200 with nothing
    HTML_200 = "HTML_200"  # done, answered 200 with a web page
    STATUS = "STATUS"  # a 5xx with a web page, as a proxy answers it; done or not
    ERROR_CODE = "ERROR_CODE"  # an error code of Binance; done or not
    LATE_ARRIVAL = "LATE_ARRIVAL"  # reaches the exchange late, and is checked against the time of its arrival
    SLOW_ANSWER = "SLOW_ANSWER"  # done at once, answered late
    MAINTENANCE = "MAINTENANCE"  # symbols on BREAK: no new orders, all else as always
    HIDDEN_ORDER = "HIDDEN_ORDER"  # an accepted order that look-ups do not show for a while
    LATE_TRADES = "LATE_TRADES"  # a trade of an account that myTrades and the user stream report late
    CANCEL_CROSSES_FILL = "CANCEL_CROSSES_FILL"  # the market trades the order just before its cancel arrives
    DROP = "DROP"  # a websocket is cut silently
    SILENCE = "SILENCE"  # a websocket stays open and carries nothing for a while
    DUPLICATE = "DUPLICATE"  # an event comes twice
    REORDER = "REORDER"  # an event comes after the one that follows it
    MISSING = "MISSING"  # an event never comes
    REFUSE_CONNECTION = "REFUSE_CONNECTION"  # a new websocket is refused
    NO_FEE = "NO_FEE"  # a fill whose commission is 0 and whose commission asset is null


class Occasion(Enum):
    """The occasions on which the plan is searched for a fault."""

    REQUEST = "REQUEST"  # a request was read: at most one fault applies to it
    ORDER = "ORDER"  # the exchange has accepted an order
    TRADE = "TRADE"  # an account's order has traded
    FEE = "FEE"  # an account's order is trading: its fee is determined
    CANCEL = "CANCEL"  # a cancel is about to reach the exchange
    EVENT = "EVENT"  # an event is about to be sent to a websocket
    CONNECTION = "CONNECTION"  # a client opens a websocket


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault rule.

    Where: `endpoint` ("POST order") or `stream` ("public", "user"), and `account`; "*" is any. When: of all matches the
    first `skip` pass; the others are struck with `probability`; after `count` strikes the rule is spent (0: never);
    from `from_ms` to before `until_ms` by the venue's clock (0: unbounded). Only some kinds read the remaining fields.
    """

    kind: Annotated[
        Kind,
        Setting("see below; in the control RPC in capitals with `FAULT_KIND_` before it", allowed="a kind"),
    ]
    endpoint: Annotated[
        str,
        Setting('method and path, `"POST order"`, for a request over REST and the websocket API alike; `"*"`: any'),
    ] = ANY
    stream: Annotated[
        str,
        Setting("for websockets: `/ws` and `/stream`, `/ws-api/v3`, or both", allowed='`"public"`, `"user"`, `"*"`'),
    ] = ANY
    account: Annotated[
        str,
        Setting(
            "whose key the request names, whose order or trade it is; requests and events that are nobody's match "
            '`"*"` alone'
        ),
    ] = ANY
    skip: Annotated[int, Setting("of all that match, the first so many pass", allowed="at least 0")] = 0
    probability: Annotated[
        Decimal, Setting("of those that follow, a fraction is struck", allowed="above 0, at most 1")
    ] = Decimal(1)
    count: Annotated[int, Setting("after so many it is over; 0: never", allowed="at least 0")] = 0
    from_ms: Annotated[
        int, Setting("only from this time on, by the venue's clock in Unix milliseconds", allowed="at least 0")
    ] = 0
    until_ms: Annotated[int, Setting("only before this time; 0: no bound", allowed="0, or above `from_ms`")] = 0
    delay_ms: Annotated[
        int,
        Setting("how late, how long hidden, silent, or banned (418; `0`: two minutes)", allowed=f"0 to {_LONGEST_MS}"),
    ] = 0
    hold_ms: Annotated[
        int,
        Setting(
            "how long a connection that gets no answer is kept open before it is reset", allowed=f"0 to {_LONGEST_MS}"
        ),
    ] = HOLD_MS
    status: Annotated[int, Setting("an HTTP status", allowed="0, or 400 to 599; 500 to 599 for `status`")] = 0
    code: Annotated[int, Setting("an error code of Binance's", allowed="at most 0")] = 0
    message: Annotated[str, Setting("its text; empty: Binance's own", default='`""`')] = ""
    done: Annotated[bool, Setting("whether the request is done all the same")] = False
    lost: Annotated[bool, Setting("whether what was held back is lost")] = False
    late_events: Annotated[bool, Setting("whether the user stream reports a hidden order as late as it shows")] = False
    fraction: Annotated[Decimal, Setting("how much of an order trades", allowed="above 0, at most 1")] = Decimal(1)


@dataclass(frozen=True, slots=True)
class Form:
    """A kind's occasion, the fields that it reads besides where and when, and which of those are required."""

    occasion: Occasion
    reads: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Places:
    """The places of faults: the names of the endpoints and of the accounts."""

    endpoints: frozenset[str]
    accounts: frozenset[str]

    @classmethod
    def of(cls, endpoints: Iterable[Endpoint], accounts: Iterable[str]) -> "Places":
        """The places of an exchange with these endpoints, plus what its sockets offer."""
        return cls(frozenset(each.name for each in endpoints) | _OF_SOCKETS, frozenset(accounts))


class BadFault(Exception):
    """An unusable fault: the field, its value and the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field} = {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


def _request(*reads: str, needs: Collection[str] = ()) -> Form:
    return Form(Occasion.REQUEST, frozenset({"endpoint", *reads, *needs}), frozenset(needs))


def _event(*reads: str, needs: Collection[str] = ()) -> Form:
    return Form(Occasion.EVENT, frozenset({"stream", *reads, *needs}), frozenset(needs))


_DELAYED = frozenset({"delay_ms"})

FORMS: dict[Kind, Form] = {
    Kind.ACCEPT_THEN_TIMEOUT: _request("hold_ms"),
    Kind.TIMEOUT_BEFORE: _request("hold_ms"),
    Kind.RESET_BEFORE: _request(),
    Kind.RESET_AFTER: _request(),
    Kind.CUT_BODY: _request(),
    Kind.EMPTY_200: _request(),
    Kind.HTML_200: _request(),
    Kind.STATUS: _request("done", needs=["status"]),
    Kind.ERROR_CODE: _request("done", "status", "message", "delay_ms", needs=["code"]),
    Kind.LATE_ARRIVAL: _request("lost", "hold_ms", needs=["delay_ms"]),
    Kind.SLOW_ANSWER: _request(needs=["delay_ms"]),
    Kind.MAINTENANCE: _request(),
    Kind.HIDDEN_ORDER: Form(Occasion.ORDER, _DELAYED | {"late_events"}, _DELAYED),
    Kind.LATE_TRADES: Form(Occasion.TRADE, _DELAYED, _DELAYED),
    Kind.CANCEL_CROSSES_FILL: Form(Occasion.CANCEL, frozenset({"fraction"})),
    Kind.NO_FEE: Form(Occasion.FEE),
    Kind.DROP: _event(),
    Kind.SILENCE: _event("lost", needs=["delay_ms"]),
    Kind.DUPLICATE: _event(),
    Kind.REORDER: _event(),
    Kind.MISSING: _event(),
    Kind.REFUSE_CONNECTION: Form(Occasion.CONNECTION, frozenset({"stream"})),
}

_WHEN = frozenset({"kind", "account", "probability", "skip", "count", "from_ms", "until_ms"})


def check(fault: Fault, places: Places) -> None:
    """Raises BadFault unless the fault has all fields that its kind requires and none that it does not read."""
    form = FORMS[fault.kind]
    for each in fields(Fault):
        given = getattr(fault, each.name) != each.default
        if given and each.name not in form.reads | _WHEN:
            read = ", ".join(sorted(form.reads)) or "no more than where and when"
            remedy = f"{fault.kind.value} does not read it, leave it out; it reads {read}"
            raise BadFault(each.name, _shown(getattr(fault, each.name)), remedy)
        if not given and each.name in form.needs:
            remedy = f"{fault.kind.value} needs one"
            raise BadFault(each.name, _shown(getattr(fault, each.name)), remedy)
    if fault.endpoint not in {ANY, *places.endpoints}:
        remedy = 'give method and path of one that simex offers, such as "POST order", or "*" for any'
        raise BadFault("endpoint", fault.endpoint, remedy)
    if fault.account not in {ANY, *places.accounts}:
        raise BadFault("account", fault.account, f'give one of {", ".join(sorted(places.accounts))}, or "*" for any')
    if fault.stream not in {ANY, *STREAMS}:
        raise BadFault("stream", fault.stream, 'give "public", "user", or "*" for both')
    _check_numbers(fault)


def _check_numbers(fault: Fault) -> None:
    for name in ("probability", "fraction"):
        if not 0 < (part := getattr(fault, name)) <= 1:
            raise BadFault(name, _shown(part), 'give a decimal above 0 and at most 1, such as "0.01"')
    for name in ("skip", "count", "from_ms", "until_ms"):
        if getattr(fault, name) < 0:
            raise BadFault(name, getattr(fault, name), "give a whole number of at least 0")
    for name in ("delay_ms", "hold_ms"):
        if not 0 <= getattr(fault, name) <= _LONGEST_MS:
            raise BadFault(name, getattr(fault, name), f"give milliseconds, at most {_LONGEST_MS}")
    if fault.until_ms and fault.until_ms <= fault.from_ms:
        raise BadFault("until_ms", fault.until_ms, f"give a time after from_ms {fault.from_ms}, or 0 for no end")
    least = 500 if fault.kind is Kind.STATUS else 400
    if fault.status and not least <= fault.status <= 599:
        raise BadFault("status", fault.status, f"give an HTTP status from {least} to 599")
    if fault.code > 0:
        raise BadFault("code", fault.code, "give an error code of Binance's, such as -1006")


def _shown(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value

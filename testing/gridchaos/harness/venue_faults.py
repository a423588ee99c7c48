"""The faults of a venue that change what is known of an order, each as simex is told of it (docs/faults.md).

Each strikes once, at the first request, trade or event that it fits; what it fits says in which phases it can strike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gridwright.v1 import simex_pb2 as simex

REQUEST_TIMEOUT_MS, RECV_WINDOW_MS, LAG_MS = 1_000, 2_000, 300
"""As the config of the house has them: how long a client waits, and what the evidence of absence rests on."""
_UNANSWERED_MS = REQUEST_TIMEOUT_MS + 2_000
_LATE_MS = REQUEST_TIMEOUT_MS + 300
_TOO_LATE_MS = RECV_WINDOW_MS + 200
_HIDDEN_MS = 1_200  # an order that was sent is in doubt for longer than that
_BAN_MS = 11_000  # longer than a cancel waits, shorter than a price may be old; a restart keeps it
_SILENT_MS = 2_000


class Strikes(Enum):
    """What a fault strikes."""

    NOTHING = auto()
    PLACE = auto()
    CANCEL = auto()
    FILL = auto()  # a trade, or the news of it


class VenueFault(Enum):
    """What the venue does, besides. Each is `id` and what simex is told."""

    NONE = "none"
    # A place: done, and its client does not hear of it.
    NO_ANSWER = "no-answer"
    LOST_ANSWER = "lost-answer"
    CUT_ANSWER = "cut-answer"
    EMPTY_ANSWER = "empty-answer"
    HTML_ANSWER = "html-answer"
    DONE_502 = "done-502"
    DONE_1007 = "done-1007"
    HIDDEN = "hidden"
    LATE = "late"
    # A place: not done, and its client cannot know.
    NO_REQUEST = "no-request"
    LOST_REQUEST = "lost-request"
    UNDONE_502 = "undone-502"
    UNDONE_1006 = "undone-1006"
    TOO_LATE = "too-late"
    # A cancel.
    CANCEL_NO_ANSWER = "cancel-no-answer"
    CANCEL_LOST_ANSWER = "cancel-lost-answer"
    CANCEL_DONE_502 = "cancel-done-502"
    CANCEL_NO_REQUEST = "cancel-no-request"
    CANCEL_LOST_REQUEST = "cancel-lost-request"
    CANCEL_UNDONE_502 = "cancel-undone-502"
    CANCEL_BANNED = "cancel-banned"
    CANCEL_CROSSES = "cancel-crosses"
    CANCEL_CROSSES_HALF = "cancel-crosses-half"
    # A fill, and what is told of it.
    LATE_TRADE = "late-trade"
    STREAM_CUT = "stream-cut"
    STREAM_SILENT = "stream-silent"
    EVENT_TWICE = "event-twice"
    EVENTS_REORDERED = "events-reordered"
    EVENT_MISSING = "event-missing"
    # While the process is dead.
    TRADED_AWAY = "traded-away"

    @property
    def strikes(self) -> Strikes:
        """What it strikes; a phase in which there is none of it has no case with this fault."""
        return _TABLE[self].strikes

    @property
    def meaning(self) -> str:
        """One sentence for the report."""
        return _TABLE[self].meaning

    @property
    def faults(self) -> Sequence[simex.Fault]:
        """The faults that simex is given."""
        return _TABLE[self].faults


@dataclass(frozen=True, slots=True)
class _Row:
    meaning: str
    strikes: Strikes
    faults: tuple[simex.Fault, ...] = ()


def _place(meaning: str, fault: simex.Fault) -> _Row:
    return _Row(meaning, Strikes.PLACE, (_once(fault, "POST order"),))


def _cancel(meaning: str, fault: simex.Fault) -> _Row:
    return _Row(meaning, Strikes.CANCEL, (_once(fault, "DELETE order"),))


def _event(meaning: str, fault: simex.Fault) -> _Row:
    return _Row(meaning, Strikes.FILL, (_merged(simex.Fault(stream="user", count=1), fault),))


def _once(fault: simex.Fault, endpoint: str) -> simex.Fault:
    return _merged(simex.Fault(endpoint=endpoint, count=1), fault)


def _merged(where: simex.Fault, what: simex.Fault) -> simex.Fault:
    where.MergeFrom(what)
    return where


_HIDDEN = simex.Fault(kind=simex.FAULT_KIND_HIDDEN_ORDER, count=1, delay_ms=_HIDDEN_MS)
_RESET = simex.Fault(kind=simex.FAULT_KIND_RESET_AFTER, endpoint="POST order", count=1)

_TABLE: dict[VenueFault, _Row] = {
    VenueFault.NONE: _Row("no fault", Strikes.NOTHING),
    VenueFault.NO_ANSWER: _place(
        "placed, never answered", simex.Fault(kind=simex.FAULT_KIND_ACCEPT_THEN_TIMEOUT, hold_ms=_UNANSWERED_MS)
    ),
    VenueFault.LOST_ANSWER: _place("placed, the connection is reset", simex.Fault(kind=simex.FAULT_KIND_RESET_AFTER)),
    VenueFault.CUT_ANSWER: _place("placed, half of the answer is sent", simex.Fault(kind=simex.FAULT_KIND_CUT_BODY)),
    VenueFault.EMPTY_ANSWER: _place("placed, answered 200 with nothing", simex.Fault(kind=simex.FAULT_KIND_EMPTY_200)),
    VenueFault.HTML_ANSWER: _place("placed, answered 200 with a web page", simex.Fault(kind=simex.FAULT_KIND_HTML_200)),
    VenueFault.DONE_502: _place(
        "placed, answered 502", simex.Fault(kind=simex.FAULT_KIND_STATUS, status=502, done=True)
    ),
    VenueFault.DONE_1007: _place(
        "placed, answered -1007", simex.Fault(kind=simex.FAULT_KIND_ERROR_CODE, code=-1007, done=True)
    ),
    VenueFault.HIDDEN: _Row(
        "placed, the connection is reset, and look-ups do not show it for a while", Strikes.PLACE, (_HIDDEN, _RESET)
    ),
    VenueFault.LATE: _place(
        "arrives after its client has given up, in time to be placed",
        simex.Fault(kind=simex.FAULT_KIND_LATE_ARRIVAL, delay_ms=_LATE_MS, lost=True),
    ),
    VenueFault.NO_REQUEST: _place(
        "not placed, never answered", simex.Fault(kind=simex.FAULT_KIND_TIMEOUT_BEFORE, hold_ms=_UNANSWERED_MS)
    ),
    VenueFault.LOST_REQUEST: _place(
        "not placed, the connection is reset", simex.Fault(kind=simex.FAULT_KIND_RESET_BEFORE)
    ),
    VenueFault.UNDONE_502: _place("not placed, answered 502", simex.Fault(kind=simex.FAULT_KIND_STATUS, status=502)),
    VenueFault.UNDONE_1006: _place(
        "not placed, answered -1006", simex.Fault(kind=simex.FAULT_KIND_ERROR_CODE, code=-1006)
    ),
    VenueFault.TOO_LATE: _place(
        "arrives past its window, and nobody is told that it was refused",
        simex.Fault(kind=simex.FAULT_KIND_LATE_ARRIVAL, delay_ms=_TOO_LATE_MS, lost=True),
    ),
    VenueFault.CANCEL_NO_ANSWER: _cancel(
        "cancelled, never answered", simex.Fault(kind=simex.FAULT_KIND_ACCEPT_THEN_TIMEOUT, hold_ms=_UNANSWERED_MS)
    ),
    VenueFault.CANCEL_LOST_ANSWER: _cancel(
        "cancelled, the connection is reset", simex.Fault(kind=simex.FAULT_KIND_RESET_AFTER)
    ),
    VenueFault.CANCEL_DONE_502: _cancel(
        "cancelled, answered 502", simex.Fault(kind=simex.FAULT_KIND_STATUS, status=502, done=True)
    ),
    VenueFault.CANCEL_NO_REQUEST: _cancel(
        "not cancelled, never answered", simex.Fault(kind=simex.FAULT_KIND_TIMEOUT_BEFORE, hold_ms=_UNANSWERED_MS)
    ),
    VenueFault.CANCEL_LOST_REQUEST: _cancel(
        "not cancelled, the connection is reset", simex.Fault(kind=simex.FAULT_KIND_RESET_BEFORE)
    ),
    VenueFault.CANCEL_UNDONE_502: _cancel(
        "not cancelled, answered 502", simex.Fault(kind=simex.FAULT_KIND_STATUS, status=502)
    ),
    VenueFault.CANCEL_BANNED: _cancel(
        "not cancelled, the address is banned for longer than a cancel waits",
        simex.Fault(kind=simex.FAULT_KIND_ERROR_CODE, code=-1003, status=418, delay_ms=_BAN_MS),
    ),
    VenueFault.CANCEL_CROSSES: _Row(
        "filled just before its cancel arrives",
        Strikes.CANCEL,
        (simex.Fault(kind=simex.FAULT_KIND_CANCEL_CROSSES_FILL, count=1),),
    ),
    VenueFault.CANCEL_CROSSES_HALF: _Row(
        "filled by half just before its cancel arrives",
        Strikes.CANCEL,
        (simex.Fault(kind=simex.FAULT_KIND_CANCEL_CROSSES_FILL, count=1, fraction="0.5"),),
    ),
    VenueFault.LATE_TRADE: _Row(
        "told late, by the stream and in the list of trades",
        Strikes.FILL,
        (simex.Fault(kind=simex.FAULT_KIND_LATE_TRADES, count=1, delay_ms=LAG_MS),),
    ),
    VenueFault.STREAM_CUT: _event("the stream is cut in place of its event", simex.Fault(kind=simex.FAULT_KIND_DROP)),
    VenueFault.STREAM_SILENT: _event(
        "the stream says nothing for a while, and what it would have said is lost",
        simex.Fault(kind=simex.FAULT_KIND_SILENCE, delay_ms=_SILENT_MS, lost=True),
    ),
    VenueFault.EVENT_TWICE: _event("its event comes twice", simex.Fault(kind=simex.FAULT_KIND_DUPLICATE)),
    VenueFault.EVENTS_REORDERED: _event("its event comes after the next", simex.Fault(kind=simex.FAULT_KIND_REORDER)),
    VenueFault.EVENT_MISSING: _event("its event never comes", simex.Fault(kind=simex.FAULT_KIND_MISSING)),
    VenueFault.TRADED_AWAY: _Row("the dearest of our buying orders fills while the process is dead", Strikes.NOTHING),
}

"""The life of an action in the ledger: a table of what may happen in each status. A missing key is an error."""

from enum import Enum


class ActionStatus(Enum):
    """How far an action has come."""

    INTENT = "INTENT"  # accepted, nothing was sent
    SENDING = "SENDING"  # in flight, or was when the process died
    UNKNOWN = "UNKNOWN"  # answered UNKNOWN; the resolver looks on
    DONE = "DONE"  # answered, nothing left to find out


class ActionEvent(Enum):
    """What can happen to an action."""

    SEND = "SEND"  # committed before the wire is touched
    WITHDRAW = "WITHDRAW"  # fenced or expired before it was sent
    ANSWER = "ANSWER"  # the outcome is known
    DOUBT = "DOUBT"  # it is not, and the caller is told so
    RESOLVE = "RESOLVE"  # evidence came after the answer UNKNOWN


TRANSITIONS: dict[ActionStatus, dict[ActionEvent, ActionStatus]] = {
    ActionStatus.INTENT: {
        ActionEvent.SEND: ActionStatus.SENDING,
        ActionEvent.WITHDRAW: ActionStatus.DONE,
        ActionEvent.ANSWER: ActionStatus.DONE,  # a cancel of an order that the ledger saw end: answered unsent
    },
    ActionStatus.SENDING: {
        ActionEvent.ANSWER: ActionStatus.DONE,
        ActionEvent.DOUBT: ActionStatus.UNKNOWN,
    },
    ActionStatus.UNKNOWN: {
        ActionEvent.RESOLVE: ActionStatus.DONE,
    },
    ActionStatus.DONE: {},
}


class ImpossibleActionError(Exception):
    """An event that the table does not have: two workers on one action, or a ledger changed by another hand."""


def advance(status: ActionStatus, event: ActionEvent) -> ActionStatus:
    """The status after the event. Raises ImpossibleActionError where the table has none."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        raise ImpossibleActionError(f"an action that is {status.value} cannot take {event.value}") from None

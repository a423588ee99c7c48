"""State machine of an action in the ledger: a table of the events allowed in each status. A missing key is an error."""

from enum import Enum


class ActionStatus(Enum):
    """How far an action of an accepted request has come."""

    INTENT = "INTENT"  # accepted, nothing was sent
    SENDING = "SENDING"  # in flight, or was at the crash
    UNKNOWN = "UNKNOWN"  # the result is UNKNOWN; the resolver continues to look it up
    DONE = "DONE"  # the result is final


class ActionEvent(Enum):
    """What moves an action from one status to the next."""

    SEND = "SEND"  # committed before the request is sent
    WITHDRAW = "WITHDRAW"  # fenced or expired before it was sent
    ANSWER = "ANSWER"  # the outcome is known
    DOUBT = "DOUBT"  # the outcome is not known; the caller gets UNKNOWN
    RESOLVE = "RESOLVE"  # evidence came after the result UNKNOWN


TRANSITIONS: dict[ActionStatus, dict[ActionEvent, ActionStatus]] = {
    ActionStatus.INTENT: {
        ActionEvent.SEND: ActionStatus.SENDING,
        ActionEvent.WITHDRAW: ActionStatus.DONE,
        ActionEvent.ANSWER: ActionStatus.DONE,  # a cancel of an order that has ended in the ledger: not sent
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
    """The table does not allow the event: two workers on one action, or a ledger changed by another program."""


def advance(status: ActionStatus, event: ActionEvent) -> ActionStatus:
    """Returns the status after the event. Raises ImpossibleActionError if the table does not allow it."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        raise ImpossibleActionError(f"an action that is {status.value} cannot take {event.value}") from None

"""The state machine of a grid's mode: a table of the events allowed in each mode. A missing key is an error.

Operator commands and procedures check who may request which change, and when. A change that passed these checks and is
not in the table is a bug. It stops the process, so that a halted grid is not resumed by mistake.
"""

from enum import Enum

from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.state import Mode


class ModeEvent(Enum):
    """Events that change a mode, in the past tense."""

    PAUSED = "PAUSED"  # by an operator
    HALTED = "HALTED"  # by a rule or an operator: entering safe mode has begun
    OPENINGS_ENDED = "OPENINGS_ENDED"  # venue, ledger and state have no opening order left
    RELEASED = "RELEASED"  # by an operator, or by automatic recovery


MODE_TRANSITIONS: dict[Mode, dict[ModeEvent, Mode]] = {
    Mode.RUNNING: {ModeEvent.PAUSED: Mode.PAUSED, ModeEvent.HALTED: Mode.ENTERING},
    Mode.PAUSED: {ModeEvent.RELEASED: Mode.RUNNING, ModeEvent.HALTED: Mode.ENTERING},
    Mode.ENTERING: {
        ModeEvent.HALTED: Mode.ENTERING,  # an operator's reason replaces that of a rule's halt
        ModeEvent.OPENINGS_ENDED: Mode.SAFE,
    },
    Mode.SAFE: {
        ModeEvent.HALTED: Mode.ENTERING,  # the same; the opening orders are checked again, which is cheap
        ModeEvent.RELEASED: Mode.RUNNING,  # never to PAUSED: a pause keeps opening orders, and there are none
    },
}

_EVENT_OF: dict[Mode, ModeEvent] = {
    Mode.PAUSED: ModeEvent.PAUSED,
    Mode.ENTERING: ModeEvent.HALTED,
    Mode.SAFE: ModeEvent.OPENINGS_ENDED,
    Mode.RUNNING: ModeEvent.RELEASED,
}
"""The event that leads to a mode. Each event leads to one mode, from any mode."""


def advance_mode(mode: Mode, then: Mode) -> Mode:
    """Returns `then` if the mode can change to it. Raises ImpossibleTransitionError if the table has no transition."""
    if MODE_TRANSITIONS[mode].get(_EVENT_OF[then]) is then:
        return then
    raise ImpossibleTransitionError(f"a grid that is {mode.value} cannot become {then.value}: no procedure leads there")

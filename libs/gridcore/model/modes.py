"""The life of a mode: a table of what may happen in each. A missing key is an error.

Who may ask for what, and when, is left to the operations and the procedures; a change that passed them all and is not
in the table is a mistake of ours, and stops the process instead of setting a halted grid going.
"""

from enum import Enum

from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.state import Mode


class ModeEvent(Enum):
    """What can happen to a mode, past tense."""

    PAUSED = "PAUSED"  # by an operator
    HALTED = "HALTED"  # by a rule or an operator: the way into safe mode has begun
    OPENINGS_ENDED = "OPENINGS_ENDED"  # venue, ledger and state have no opening order any more
    RELEASED = "RELEASED"  # by an operator, or by a rule that clears itself


MODE_TRANSITIONS: dict[Mode, dict[ModeEvent, Mode]] = {
    Mode.RUNNING: {ModeEvent.PAUSED: Mode.PAUSED, ModeEvent.HALTED: Mode.ENTERING},
    Mode.PAUSED: {ModeEvent.RELEASED: Mode.RUNNING, ModeEvent.HALTED: Mode.ENTERING},
    Mode.ENTERING: {
        ModeEvent.HALTED: Mode.ENTERING,  # an operator's word becomes the reason of a rule's halt
        ModeEvent.OPENINGS_ENDED: Mode.SAFE,
    },
    Mode.SAFE: {
        ModeEvent.HALTED: Mode.ENTERING,  # the same, and looked at once more: it is cheap, and the last word
        ModeEvent.RELEASED: Mode.RUNNING,  # never PAUSED: a pause keeps opening orders, and there are none
    },
}

_EVENT_OF: dict[Mode, ModeEvent] = {
    Mode.PAUSED: ModeEvent.PAUSED,
    Mode.ENTERING: ModeEvent.HALTED,
    Mode.SAFE: ModeEvent.OPENINGS_ENDED,
    Mode.RUNNING: ModeEvent.RELEASED,
}
"""What a change to a mode tells of: each event leads to one mode, whatever it comes from."""


def advance_mode(mode: Mode, then: Mode) -> Mode:
    """`then`, if the mode can change to it. Raises ImpossibleTransitionError where the table has no way."""
    if MODE_TRANSITIONS[mode].get(_EVENT_OF[then]) is then:
        return then
    raise ImpossibleTransitionError(f"a grid that is {mode.value} cannot become {then.value}: no procedure leads there")

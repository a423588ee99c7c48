"""Errors that the core raises. Each message says what is wrong and what to do about it."""


class CoreError(Exception):
    """Base class of the core's errors."""


class GridRefusedError(CoreError):
    """The config describes a grid that cannot trade or would lose money; the message has the numbers."""


class ImpossibleTransitionError(CoreError):
    """The transition table has no entry for this event in this status: something upstream broke its contract."""


class LogMismatchError(CoreError):
    """An order update does not continue this state: there is a gap, or the state never had the order."""

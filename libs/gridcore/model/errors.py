"""What the core refuses. Each error's sentence says what is wrong and what to do about it."""


class CoreError(Exception):
    """Base of the core's refusals."""


class GridRefusedError(CoreError):
    """The config describes a grid that cannot trade or would lose money; the sentence has the numbers."""


class ImpossibleTransitionError(CoreError):
    """An event that the life cycle's table does not have in this status: something upstream broke its contract."""


class LogMismatchError(CoreError):
    """An order update that does not continue this state: a gap, or an order the state has never known."""

"""The base of errors that end a process."""


class StopError(Exception):
    """The process, or the part of it that raises this, must not continue. The message names the remedy."""

    exit_code = 1

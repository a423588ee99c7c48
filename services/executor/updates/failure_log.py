"""Logs a repeated failure once: the first in a row as a warning, the others at debug level."""

import logging


class FailureLog:
    """Log of one operation that is retried until it succeeds. The trouble shows how long the failure lasts."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._failing = False

    def failed(self, message: str, *values: object) -> None:
        """Logs a failure; as a warning only if it is the first in a row."""
        self._log.log(logging.DEBUG if self._failing else logging.WARNING, message, *values)
        self._failing = True

    def succeeded(self) -> None:
        """Ends the row: the next failure is the first."""
        self._failing = False

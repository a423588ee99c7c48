"""Logs what fails again and again once: the first failure in a row as a warning, the others where nobody looks."""

import logging


class FailureLog:
    """Of one thing that is tried for ever. How long it lasts, and its end, is shown by the trouble that it is."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._failing = False

    def failed(self, message: str, *values: object) -> None:
        """It has failed (again)."""
        self._log.log(logging.DEBUG if self._failing else logging.WARNING, message, *values)
        self._failing = True

    def succeeded(self) -> None:
        """The next failure is the first."""
        self._failing = False

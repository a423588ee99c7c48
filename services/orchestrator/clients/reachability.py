"""Tracks whether a peer answered the last call."""

import logging
import time

import grpc

log = logging.getLogger(__name__)

_QUIET_SECONDS = 60.0  # minimum interval of the log line: for hours some calls may succeed while others fail


class Reachability:
    """Callers report each call's result, from any thread. A lost connection is logged at most once a minute."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._now = time.monotonic
        self._told_at = -_QUIET_SECONDS
        self.reachable = False

    def answered(self) -> None:
        """The peer answered, possibly with an error."""
        self.reachable = True

    def lost(self, rpc: str, code: grpc.StatusCode) -> None:
        """The peer did not answer, or answered Unavailable."""
        if self.reachable and self._now() - self._told_at >= _QUIET_SECONDS:
            self._told_at = self._now()
            log.warning("%s lost in %s (%s): retrying until it answers", self._name, rpc, code.name)
        self.reachable = False

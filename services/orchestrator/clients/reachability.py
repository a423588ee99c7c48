"""Whether a peer answers, as the last call to it went."""

import logging
import time

import grpc

log = logging.getLogger(__name__)

_QUIET_SECONDS = 60.0  # between two such lines: some calls may be answered and others not, for hours


class Reachability:
    """Noted by those who call it, from any thread; a loss is told once a minute."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._now = time.monotonic
        self._told_at = -_QUIET_SECONDS
        self.reachable = False

    def answered(self) -> None:
        """It did, be it with a refusal."""
        self.reachable = True

    def lost(self, rpc: str, code: grpc.StatusCode) -> None:
        """It did not, or refused for now."""
        if self.reachable and self._now() - self._told_at >= _QUIET_SECONDS:
            self._told_at = self._now()
            log.warning("%s lost in %s (%s): trying again until it answers", self._name, rpc, code.name)
        self.reachable = False

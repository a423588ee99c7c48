"""Whether a peer answers, as the last call to it went."""

import logging

import grpc

log = logging.getLogger(__name__)


class Peer:
    """Noted by those who call it, from any thread; a loss is told once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.reachable = False

    def answered(self) -> None:
        """It did, be it with a refusal."""
        self.reachable = True

    def lost(self, rpc: str, code: grpc.StatusCode) -> None:
        """It did not."""
        if self.reachable:
            log.warning("%s lost in %s (%s): trying again until it answers", self._name, rpc, code.name)
        self.reachable = False

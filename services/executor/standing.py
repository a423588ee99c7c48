"""Whether this executor may act: ready once recovered, and stopped for good by a sign that it is not alone (P8)."""

import logging

from gridrpc.faults import FailedPrecondition, Unavailable

_log = logging.getLogger(__name__)


class Standing:
    """Starts not ready. `own_order_unknown` is not taken back before a restart."""

    def __init__(self) -> None:
        self.ready = False
        self.trouble = ""

    def own_order_unknown(self, sentence: str) -> None:
        """The venue shows an order of ours that the ledger cannot explain."""
        if not self.trouble:
            _log.error("no more requests are taken: %s", sentence)
            self.trouble = sentence

    def check_ready(self) -> None:
        """Raises Unavailable before the ledger is recovered and the venue was reached: nothing was done."""
        if not self.ready:
            raise Unavailable("the executor recovers its ledger from the venue: call again shortly", reason="STARTING")

    def check_may_act(self) -> None:
        """Raises FailedPrecondition after trouble, Unavailable before readiness."""
        self.check_ready()
        if self.trouble:
            raise FailedPrecondition(
                f"{self.trouble}; find and stop the second bot (or the hand) that uses this prefix, then restart",
                reason="UNKNOWN_OWN_ORDER",
            )

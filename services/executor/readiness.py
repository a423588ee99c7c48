"""Readiness of the executor: ready once recovered, and stopped by a sign that a second bot uses the account (P8)."""

import logging
from collections.abc import Callable

from gridrpc.errors import FailedPrecondition, Unavailable
from gridservice.troubles import Kind, Troubles

_log = logging.getLogger(__name__)


_SECOND_BOT = "find and stop the second bot (or the person) that uses this prefix"


class Readiness:
    """Starts not ready. An unexplained order stops it until a restart, or until the venue's history is imported.

    `away` returns why the ledger's database does not answer. Calls are refused meanwhile, instead of left waiting.
    """

    def __init__(self, troubles: Troubles, away: Callable[[], str] = lambda: "") -> None:
        self._troubles = troubles
        self._away = away
        self.ready = False
        self.trouble = ""
        self._remedy = ""

    def stop_for_unexplained_order(self, sentence: str, remedy: str = _SECOND_BOT) -> None:
        """Stops because the venue shows an order of ours that the ledger cannot explain.

        `remedy` comes before a restart.
        """
        if not self.trouble:
            _log.error("no more requests are taken: %s", sentence)
            self.trouble, self._remedy = sentence, remedy
        self._troubles.begin(Kind.SECOND_BOT, f"{sentence}: no more requests are taken; {remedy}, then restart")

    def own_orders_known(self) -> None:
        """Clears the stop: the ledger has imported the orders that it could not explain."""
        self.trouble = self._remedy = ""
        self._troubles.end(Kind.SECOND_BOT)

    def check_ready(self) -> None:
        """Raises Unavailable before startup is complete, and while the ledger is unreachable. Nothing was done then."""
        if not self.ready:
            raise Unavailable("the executor recovers its ledger from the venue: call again shortly", reason="STARTING")
        if away := self._away():
            raise Unavailable(f"{away}: nothing was done, call again once it can be used", reason="LEDGER_AWAY")

    def check_may_act(self) -> None:
        """Raises FailedPrecondition after an unexplained order, Unavailable before readiness."""
        self.check_ready()
        if self.trouble:
            raise FailedPrecondition(
                f"{self.trouble}; {self._remedy}, then restart",
                reason="UNKNOWN_OWN_ORDER",
            )

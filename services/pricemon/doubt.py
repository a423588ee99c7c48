"""Detects a stale websocket. Pure: it gets the observations of websocket and REST, and decides.

Keep-alives do not help: a socket can answer pings for hours and carry no data. The venue's own data shows that it is
stale: REST shows a movement, and the websocket still has not reported it when REST shows the next one.
"""

from dataclasses import replace
from typing import assert_never

from pricemon.config import FeedTimeouts
from pricemon.ports import Observation, Part, Quote, Ticker, Trade


class StaleFeedDetector:
    """The connection's last reports, and the REST movements that it has not reported. Times are steady milliseconds."""

    def __init__(self, pushes: frozenset[Part], patience: FeedTimeouts) -> None:
        self._pushes = pushes
        self._patience = patience
        self._began_ms = 0
        self._told_ms: dict[tuple[str, Part], int] = {}
        self._owed: set[tuple[str, Part]] = set()

    def connect(self, now_ms: int) -> None:
        """A new connection begins. No report is due."""
        self._began_ms = now_ms
        self._told_ms.clear()
        self._owed.clear()

    def told(self, observation: Observation, now_ms: int) -> None:
        """The websocket reported; its report is no longer due."""
        for part in _parts(observation):
            self._told_ms[observation.symbol, part] = now_ms
            self._owed.discard((observation.symbol, part))

    def news(self, ticker: Ticker, asked_ms: int) -> Ticker:
        """The parts of a REST answer that are not older than the websocket's reports since the request was sent."""
        if self._told_ms.get((ticker.symbol, Part.PRICE), asked_ms - 1) >= asked_ms:
            ticker = replace(ticker, last=None)
        if self._told_ms.get((ticker.symbol, Part.BOOK), asked_ms - 1) >= asked_ms:
            ticker = replace(ticker, bid=None, ask=None)
        return ticker

    def moved(self, symbol: str, part: Part, now_ms: int) -> bool:
        """REST showed a movement. True if the connection is stale: an earlier movement of the part is unreported."""
        if part not in self._pushes:
            return False
        owed = (symbol, part) in self._owed
        self._owed.add((symbol, part))
        return owed and now_ms >= self._due_ms(symbol, part)

    def _due_ms(self, symbol: str, part: Part) -> int:
        # Dozens of subscriptions take a while: a connection must not be found stale while it is still being set up.
        told_ms = self._told_ms.get((symbol, part))
        if told_ms is None:
            return self._began_ms + self._patience.subscribe_ms
        return told_ms + self._patience.stale_after_ms


def _parts(observation: Observation) -> list[Part]:
    match observation:
        case Trade():
            return [Part.PRICE]
        case Quote():
            return [Part.BOOK]
        case Ticker(last=last, bid=bid):
            return [part for part, value in ((Part.PRICE, last), (Part.BOOK, bid)) if value is not None]
        case _:
            assert_never(observation)

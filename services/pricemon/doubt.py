"""When to stop believing a websocket that says nothing. Pure: it is told what websocket and REST said, and judges.

Keep-alives are useless for this: a socket can answer pings for hours and carry no data. What convicts it is the venue
itself, when REST shows movement and the websocket still has not told it by the time REST shows the next.
"""

from dataclasses import replace
from typing import assert_never

from pricemon.config import FeedTimeouts
from pricemon.ports import Observation, Part, Quote, Ticker, Trade


class StaleFeedDetector:
    """What the present connection told last, and what REST showed that it owes. Times are steady milliseconds."""

    def __init__(self, pushes: frozenset[Part], patience: FeedTimeouts) -> None:
        self._pushes = pushes
        self._patience = patience
        self._began_ms = 0
        self._told_ms: dict[tuple[str, Part], int] = {}
        self._owed: set[tuple[str, Part]] = set()

    def connect(self, now_ms: int) -> None:
        """A new connection begins. It owes nothing yet."""
        self._began_ms = now_ms
        self._told_ms.clear()
        self._owed.clear()

    def told(self, observation: Observation, now_ms: int) -> None:
        """The websocket spoke, which pays what it owed."""
        for part in _parts(observation):
            self._told_ms[observation.symbol, part] = now_ms
            self._owed.discard((observation.symbol, part))

    def news(self, ticker: Ticker, asked_ms: int) -> Ticker:
        """What of a REST answer is not older than what the websocket told since the question was sent."""
        if self._told_ms.get((ticker.symbol, Part.PRICE), asked_ms - 1) >= asked_ms:
            ticker = replace(ticker, last=None)
        if self._told_ms.get((ticker.symbol, Part.BOOK), asked_ms - 1) >= asked_ms:
            ticker = replace(ticker, bid=None, ask=None)
        return ticker

    def moved(self, symbol: str, part: Part, now_ms: int) -> bool:
        """REST showed that the part moved. True if that convicts the connection: it owed one already."""
        if part not in self._pushes:
            return False
        owed = (symbol, part) in self._owed
        self._owed.add((symbol, part))
        return owed and now_ms >= self._due_ms(symbol, part)

    def _due_ms(self, symbol: str, part: Part) -> int:
        # Dozens of subscriptions take a while: convicting a connection that is still being set up would never end.
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

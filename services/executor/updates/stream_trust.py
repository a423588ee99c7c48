"""Reliability of the user stream, which decides how often the account is polled.

A report about an order of ours proves the stream. A broken connection ends that, and so does a poll that finds what the
stream did not report; the latter for longer each time. An event that the stream loses is only late: the poll finds
everything.
"""

from collections.abc import Callable

from gridservice.change_signal import ChangeSignal

_FIRST_DISTRUST_SECONDS, _LONGEST_DISTRUST_SECONDS = 60.0, 3_600.0


class StreamTrust:
    """Trust in the user streams of one account. `clock` returns seconds of any steady clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said = False
        self._distrust_seconds = _FIRST_DISTRUST_SECONDS
        self._distrusted_until = 0.0
        self.changes = ChangeSignal()

    @property
    def proven(self) -> bool:
        """Whether the stream is proven, so that polls may be rare."""
        return self._said and self._clock() >= self._distrusted_until

    def said(self) -> None:
        """Reports that the stream carried an order of ours."""
        self._said = True

    def broke(self) -> None:
        """Reports that a connection ended: events of the meantime were lost."""
        if self._said:
            self._said = False
            self.changes.beat()

    def missed(self) -> None:
        """Reports that a poll has found what the stream should have carried."""
        self._said = False
        self._distrusted_until = self._clock() + self._distrust_seconds
        self._distrust_seconds = min(2 * self._distrust_seconds, _LONGEST_DISTRUST_SECONDS)
        self.changes.beat()

"""Resets the exchange like Binance resets its test network: history is deleted and ids begin at 1 again."""

from simex.exchange.venue import Venue
from simex.faults.kinds import STREAMS
from simex.faults.stream_faults import StreamFaults
from simex.faults.visibility import Visibility
from simex.market_data.record import PublicRecord


class Reset:
    """The components that a reset clears together."""

    def __init__(self, venue: Venue, record: PublicRecord, visibility: Visibility, sockets: StreamFaults) -> None:
        self._venue = venue
        self._record = record
        self._visibility = visibility
        self._sockets = sockets

    def wipe(self) -> tuple[int, int]:
        """Clears everything and cuts every websocket; returns how many orders and trades there were."""
        gone = self._venue.wipe()
        self._record.forget()
        self._visibility.forget()
        self._sockets.drop(STREAMS)
        return gone

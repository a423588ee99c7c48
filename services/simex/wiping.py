"""Resets the exchange as Binance resets its test network: what happened is gone, and ids begin with 1 again."""

from simex.faults import STREAMS
from simex.public_record import PublicRecord
from simex.stream_faults import StreamFaults
from simex.venue import Venue
from simex.visibility import Visibility


class Wiping:
    """All that has to forget at once."""

    def __init__(self, venue: Venue, record: PublicRecord, visibility: Visibility, sockets: StreamFaults) -> None:
        self._venue = venue
        self._record = record
        self._visibility = visibility
        self._sockets = sockets

    def wipe(self) -> tuple[int, int]:
        """Forgets, and cuts every websocket; how many orders and trades there were."""
        gone = self._venue.wipe()
        self._record.forget()
        self._visibility.forget()
        self._sockets.drop(STREAMS)
        return gone

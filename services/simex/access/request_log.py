"""The oracle of requests: what simex received, from whom, and what came of it. No keys, no signatures.

It is kept in memory only, and of a long run the latest alone.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice

KEPT = 100_000


@dataclass(slots=True)
class Received:
    """One request. `status` and `code` are what the exchange itself made of it, zero where it never got there or has
    not yet; what a fault then made of the answer is for `fault` to tell.
    """

    seq: int
    time_ms: int  # the venue's clock, as it was read
    ip: str
    account: str  # whose key it names, whether or not it was let in
    transport: str  # REST or WS
    endpoint: str
    client_order_id: str = ""
    order_id: str = ""
    status: int = 0
    code: int = 0
    fault: str = ""
    reached: bool = False  # whether its endpoint has run: all checks at the door were passed


class RequestLog:
    """The latest requests by rising `seq`, which begins at 1 with the process."""

    def __init__(self, kept: int = KEPT) -> None:
        self._requests: deque[Received] = deque(maxlen=kept)
        self.last_seq = 0

    @property
    def first_seq(self) -> int:
        """Of the oldest request that is still known: what came before is forgotten."""
        return self.last_seq - len(self._requests) + 1

    def receive(
        self,
        *,
        time_ms: int,
        ip: str,
        account: str,
        transport: str,
        endpoint: str,
        client_order_id: str = "",
        order_id: str = "",
    ) -> Received:
        """Notes a request. What comes of it is written into what is returned."""
        self.last_seq += 1
        request = Received(self.last_seq, time_ms, ip, account, transport, endpoint, client_order_id, order_id)
        self._requests.append(request)
        return request

    def after(self, seq: int, limit: int) -> list[Received]:
        """Up to `limit` requests that came after the numbered one, oldest first."""
        start = min(max(0, seq - self.first_seq + 1), len(self._requests))
        return list(islice(self._requests, start, start + limit))

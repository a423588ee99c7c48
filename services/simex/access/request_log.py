"""The oracle of requests: what simex received, from which account, and the outcome. No keys, no signatures.

It is in memory only and keeps the newest requests.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice

KEPT = 100_000


@dataclass(slots=True)
class Received:
    """One request. `status` and `code` are the exchange's own result; 0 if the request did not reach it, or not yet.

    `fault` says what a fault then did to the answer.
    """

    seq: int
    time_ms: int  # the venue's clock when it was read
    ip: str
    account: str  # the account of its key, accepted or not
    transport: str  # REST or WS
    endpoint: str
    client_order_id: str = ""
    order_id: str = ""
    status: int = 0
    code: int = 0
    fault: str = ""
    reached: bool = False  # whether its endpoint has run: all access checks passed


class RequestLog:
    """The newest requests by rising `seq`, which begins at 1 in each process."""

    def __init__(self, kept: int = KEPT) -> None:
        self._requests: deque[Received] = deque(maxlen=kept)
        self.last_seq = 0

    @property
    def first_seq(self) -> int:
        """The number of the oldest kept request; older ones are dropped."""
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
        """Records a request. The caller writes its result into the returned object."""
        self.last_seq += 1
        request = Received(self.last_seq, time_ms, ip, account, transport, endpoint, client_order_id, order_id)
        self._requests.append(request)
        return request

    def after(self, seq: int, limit: int) -> list[Received]:
        """Up to `limit` requests after the numbered one, oldest first."""
        start = min(max(0, seq - self.first_seq + 1), len(self._requests))
        return list(islice(self._requests, start, start + limit))

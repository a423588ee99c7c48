"""Detects orders that the venue no longer shows, and venues that were reset.

One order that is open in the ledger and not shown by the venue is a trouble; after a stated time an operator may end
it. Three signs mean another exchange, or one that was reset: all orders of a symbol are gone at once, an exchange id
belongs to another order, or trade ids decrease. Then nothing is recorded or sent for the symbol until its orders are
shown again.
"""

from collections.abc import Callable, Collection, Sequence

from executor.ledger.orders import OrderRecord
from executor.venue.port import VenueOrder, VenueTrade
from gridrpc.errors import Unavailable
from gridservice.troubles import Kind, Troubles

_SHOWN_AFTER_MS = 10_000  # a shorter absence may be the venue's visibility lag
_ASK_AGAIN_MS = 10_000  # a missing order is not looked up at every poll
_FEWEST = 2  # one missing order says nothing about the others

_BEGIN_ANEW = (
    "nothing is booked or sent for it; if that is so, stop the services and begin anew with `gridwright db begin-anew`"
)


class ForgottenOrders:
    """Per symbol: the orders that the venue does not show, since when, and whether it was reset. Times are local."""

    def __init__(self, troubles: Troubles, now_ms: Callable[[], int], gone_after_ms: int, lag_ms: int) -> None:
        self._troubles = troubles
        self._now_ms = now_ms
        self._gone_after_ms = gone_after_ms
        self._patience_ms = max(_SHOWN_AFTER_MS, lag_ms)
        self._since: dict[str, dict[str, int]] = {}  # by symbol and client id
        self._asked: dict[str, int] = {}  # by client id
        self._reset: dict[str, str] = {}  # by symbol: the sentence
        self._for_good: set[str] = set()  # symbols whose reset is proved

    def is_due(self, symbol: str, name: str) -> bool:
        """Returns whether to look the order up now."""
        denied = name in self._since.get(symbol, {})
        return not denied or self._now_ms() - self._asked.get(name, 0) >= _ASK_AGAIN_MS

    def due(self, known: Sequence[OrderRecord], shown: Collection[str]) -> list[OrderRecord]:
        """Returns the open orders of the ledger that the venue shows, and those to look up now."""
        return [
            record
            for record in known
            if record.client_order_id in shown or self.is_due(record.symbol, record.client_order_id)
        ]

    def note(self, symbol: str, known: Sequence[OrderRecord], denied: Collection[str]) -> None:
        """Records a poll's result: the ledger's open orders, and those of them that were looked up and not shown.

        An order that was not due for a look-up keeps its previous result.
        """
        now_ms, before = self._now_ms(), self._since.get(symbol, {})
        for name in denied:
            self._asked[name] = now_ms
        since = {name: before.get(name, now_ms) for name in denied}
        self._since[symbol] = since
        for name in before.keys() - since.keys():
            self._asked.pop(name, None)
        old = {name: at_ms for name, at_ms in since.items() if now_ms - at_ms >= self._patience_ms}
        for record in known:
            if record.client_order_id in old:
                self._show(symbol, record, old[record.client_order_id])
        self._troubles.end_others(Kind.ORDER_NOT_SHOWN, symbol=symbol, subjects=old)
        if len(known) >= _FEWEST and len(old) == len(known):
            self._begin(symbol, f"{symbol}: the venue no longer shows any of our {len(known)} open orders by any id")
        elif symbol not in self._for_good and len(since) < max(len(known), 1):
            self._end(symbol)

    def not_shown_for_ms(self, symbol: str, name: str) -> int | None:
        """Returns for how long (ms) this process has seen the order missing on the venue; None if it is not missing."""
        since_ms = self._since.get(symbol, {}).get(name)
        return None if since_ms is None else self._now_ms() - since_ms

    @property
    def gone_after_ms(self) -> int:
        """How long (ms) an order must be missing on the venue before an operator may end it."""
        return self._gone_after_ms

    def taken(self, record: OrderRecord, seen: VenueOrder) -> None:
        """Records that the venue has another order under the exchange id of one of ours."""
        self._for_good.add(record.symbol)
        self._begin(
            record.symbol,
            f"{record.symbol}: order id {seen.exchange_order_id} was our {record.client_order_id}, and is now "
            f"{seen.client_order_id!r}",
        )

    def backwards(self, trade: VenueTrade, after_id: str) -> None:
        """Records that a trade has a lower id than an older trade."""
        self._for_good.add(trade.symbol)
        self._begin(
            trade.symbol,
            f"{trade.symbol}: trade ids go backwards, {trade.fill.trade_id} came after {after_id}",
        )

    def why_reset(self, symbol: str) -> str:
        """Returns why nothing may be recorded or sent for the symbol; empty if it may."""
        return self._reset.get(symbol, "")

    def check(self, symbol: str) -> None:
        """Raises Unavailable if the venue has been reset: nothing was done."""
        if sentence := self.why_reset(symbol):
            raise Unavailable(sentence, reason="VENUE_RESET", symbol=symbol)

    def _show(self, symbol: str, record: OrderRecord, since_ms: int) -> None:
        left_ms = max(0, self._gone_after_ms - (self._now_ms() - since_ms))
        when = f"in {left_ms // 1000 + 1} s" if left_ms else "now"
        self._troubles.begin(
            Kind.ORDER_NOT_SHOWN,
            f"order {record.client_order_id} ({record.exchange_order_id}) is open in the ledger, and the venue shows "
            f"it neither among the open orders nor by its id; {when} you may end it: gridwright resolve-order "
            f"{record.client_order_id} --gone",
            symbol=symbol,
            subject=record.client_order_id,
            since_ms=since_ms,
        )

    def _begin(self, symbol: str, found: str) -> None:
        self._reset[symbol] = f"{found}: this is another exchange, or it was reset; {_BEGIN_ANEW}"
        self._troubles.begin(Kind.VENUE_RESET, self._reset[symbol], symbol=symbol)

    def _end(self, symbol: str) -> None:
        self._reset.pop(symbol, None)
        self._troubles.end(Kind.VENUE_RESET, symbol=symbol)

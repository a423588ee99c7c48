"""Listed orders and trades that cannot be parsed.

Foreign ones are ignored; one of ours puts only that order in doubt.
"""

import logging
from collections.abc import Iterable

from executor.ledger import fences, orders
from executor.ledger.opening import Ledger
from executor.venue.port import VenueOrder, VenueTrade
from gridservice.troubles import Kind, Troubles

_log = logging.getLogger(__name__)

_MOST_LOGGED = 10_000


class Unreadables:
    """Collects them.

    Foreign ones are logged once each; ours are a trouble until the venue shows them in a readable form.
    """

    def __init__(self, ledger: Ledger, troubles: Troubles) -> None:
        self._ledger = ledger
        self._troubles = troubles
        self._logged: dict[tuple[str, str], None] = {}  # symbol and id; oldest first

    async def ours(self, symbol: str, seen: Iterable[VenueOrder | VenueTrade]) -> dict[str, str]:
        """Returns the client ids of our unreadable orders, with a sentence each."""
        found: dict[str, str] = {}
        for one in seen:
            if not one.unreadable:
                continue
            name = await self._name_of_ours(one)
            if name:
                found[name] = sentence(name, one)
            else:
                self._log_once(symbol, one)
        return found

    def tell(self, symbol: str, in_doubt: dict[str, str]) -> None:
        """Reports these orders of ours as troubles, and ends the troubles of all others of the symbol."""
        for name, message in in_doubt.items():
            self._troubles.begin(Kind.ORDER_UNREADABLE, message, symbol=symbol, subject=name)
        self._troubles.end_others(Kind.ORDER_UNREADABLE, symbol=symbol, subjects=in_doubt)

    async def _name_of_ours(self, one: VenueOrder | VenueTrade) -> str:
        run = self._ledger.writer.run
        if isinstance(one, VenueTrade):
            record = await run(orders.by_exchange_id, one.symbol, one.exchange_order_id)
            return "" if record is None else record.client_order_id
        if one.client_order_id:
            prefix = (await run(fences.prefixes)).get(one.symbol, "")
            known = await run(orders.known_names, [one.client_order_id])
            return one.client_order_id if known or (prefix and one.client_order_id.startswith(prefix)) else ""
        record = await run(orders.by_exchange_id, one.symbol, one.exchange_order_id)
        return "" if record is None else record.client_order_id

    def _log_once(self, symbol: str, one: VenueOrder | VenueTrade) -> None:
        kind = "a trade of order" if isinstance(one, VenueTrade) else "order"
        key = (symbol, f"{kind} {one.exchange_order_id or one.client_order_id}")
        if key in self._logged:
            return
        _log.info("%s: %s is foreign and cannot be read; it is ignored: %s", *key, one.unreadable)
        self._logged[key] = None
        while len(self._logged) > _MOST_LOGGED:
            del self._logged[next(iter(self._logged))]


def sentence(name: str, one: VenueOrder | VenueTrade) -> str:
    """Returns the message for an operator about an order of ours that is in doubt."""
    what = "a trade of it" if isinstance(one, VenueTrade) else "it"
    return (
        f"order {name} ({one.exchange_order_id}): the venue shows {what} in a form that cannot be read "
        f"({one.unreadable}); it counts as not ended until then, look at it on the venue's page of orders"
    )

"""Readiness per symbol: whether the venue lists it and whether its log is caught up. Errors stay with the symbol."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from executor.ledger.schema import fences, orders
from gridrpc.errors import FailedPrecondition, Unavailable
from gridservice.troubles import Kind, Troubles

SYMBOL_REFUSED = "SYMBOL_REFUSED"  # reason: this symbol is served once the venue lists it; the others are served now


class SymbolReadiness:
    """Per symbol of the config: caught up or not, refused or not, and why."""

    def __init__(self, symbols: Iterable[str], troubles: Troubles) -> None:
        self._troubles = troubles
        self._caught_up: dict[str, bool] = dict.fromkeys(symbols, False)
        self._refused: dict[str, str] = {}

    @property
    def refused(self) -> Mapping[str, str]:
        """The reason for each symbol that the venue does not list."""
        return self._refused

    def caught_up(self, symbol: str) -> bool:
        """Returns whether the symbol's log has caught up with the venue since the symbol was last delisted."""
        return self._caught_up[symbol]

    def begin(self, symbol: str) -> None:
        """Marks the symbol as caught up: it is served."""
        self._caught_up[symbol] = True

    def refuse(self, symbol: str, sentence: str) -> None:
        """Stops all reads and requests for the symbol."""
        self._troubles.begin(Kind.SYMBOL_REFUSED, sentence, symbol=symbol)
        self._refused[symbol] = sentence
        self._caught_up[symbol] = False

    def take_back(self, symbol: str) -> None:
        """Marks the symbol as listed (again)."""
        self._refused.pop(symbol, None)
        self._troubles.end(Kind.SYMBOL_REFUSED, symbol=symbol)

    def check(self, symbol: str) -> None:
        """Raises FailedPrecondition if the venue does not list it, Unavailable before its log is caught up."""
        if sentence := self._refused.get(symbol):
            raise FailedPrecondition(sentence, reason=SYMBOL_REFUSED, symbol=symbol)
        if not self._caught_up[symbol]:
            raise Unavailable(f"the executor is catching up on {symbol}: call again shortly", reason="STARTING")


def traded_before(connection: sa.Connection, symbol: str) -> bool:
    """Returns whether the ledger knows the symbol. Then the venue has listed it once, and it is not misspelt."""
    fence = sa.select(fences.c.symbol).where(fences.c.symbol == symbol).limit(1)
    order = sa.select(orders.c.symbol).where(orders.c.symbol == symbol).limit(1)
    return connection.execute(fence).first() is not None or connection.execute(order).first() is not None


def not_listed_any_more(symbol: str, venue: str) -> str:
    """Returns the sentence for a delisted symbol that was traded here before."""
    return (
        f"{symbol} is no longer listed: {venue} does not name it in its list of markets, and it was traded here "
        "before; nothing is sent for it until it is listed again, which is checked regularly; if it is gone for good, "
        "handle its coins manually and remove its [[grids]]"
    )

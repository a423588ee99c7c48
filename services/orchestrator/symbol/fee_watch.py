"""Compares the fees of one symbol's fills with the assumed ones. The last fill that differs is a trouble."""

from gridcore.bookkeeping.fees import carried_fee, is_other, says_of
from gridcore.model.actions import Fill, OrderUpdate
from orchestrator.symbol.context import SymbolContext


class FeeWatch:
    """Receives each fill. Remembers the last that differs, one per role, while it differs from the market rules."""

    def __init__(self, context: SymbolContext) -> None:
        self._context = context
        self._odd: dict[bool, Fill] = {}  # key: whether the fill was a maker's

    def hear(self, update: OrderUpdate) -> None:
        """Receives an entry of the update log."""
        fill = update.news
        if not isinstance(fill, Fill):
            return
        other = is_other(fill, self._context.market)
        if other:
            self._odd[fill.maker] = fill
        elif other is not None:
            self._odd.pop(fill.maker, None)

    def says(self) -> dict[str, str]:
        """Returns a sentence for each fee that differs from the assumed one; the keys are "maker" and "taker"."""
        context = self._context
        self._odd = {maker: fill for maker, fill in self._odd.items() if is_other(fill, context.market)}
        return {
            "maker" if maker else "taker": says_of(
                carried_fee(fill, context.market) or fill.fee, maker=maker, market=context.market,
                config=context.config, price=fill.price,
            )
            for maker, fill in self._odd.items()
        }  # fmt: skip

"""Whether the fills of one symbol carry the fees that were assumed: the last that does not is a trouble."""

from gridcore.bookkeeping.fees import carried_fee, is_other, says_of
from gridcore.model.actions import Fill, OrderUpdate
from orchestrator.symbol.context import SymbolContext


class FeeWatch:
    """Is told each fill. Remembers one for as long as it contradicts the rules."""

    def __init__(self, context: SymbolContext) -> None:
        self._context = context
        self._odd: dict[bool, Fill] = {}  # by whether it was the maker's

    def hear(self, update: OrderUpdate) -> None:
        """An entry of the update log."""
        fill = update.news
        if not isinstance(fill, Fill):
            return
        other = is_other(fill, self._context.market)
        if other:
            self._odd[fill.maker] = fill
        elif other is not None:
            self._odd.pop(fill.maker, None)

    def says(self) -> dict[str, str]:
        """A sentence for each kind of fee that is other than assumed, by its name."""
        context = self._context
        self._odd = {maker: fill for maker, fill in self._odd.items() if is_other(fill, context.market)}
        return {
            "maker" if maker else "taker": says_of(
                carried_fee(fill, context.market) or fill.fee, maker=maker, market=context.market,
                config=context.config, price=fill.price,
            )
            for maker, fill in self._odd.items()
        }  # fmt: skip

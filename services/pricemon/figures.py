"""What pricemon tells of itself at its metrics address."""

from collections.abc import Iterator

from gridrpc.metrics import Figure
from pricemon.board import PriceBoard
from pricemon.clock import Clock


def figures(board: PriceBoard, clock: Clock) -> Iterator[Figure]:
    """A symbol without a price yet has no age."""
    yield Figure("readers", "streams that are open", board.readers)
    for symbol in board.symbols:
        price, label = board.price(symbol), {"symbol": symbol}
        yield Figure("price_changes", "changes of price, bid or ask", price.seq, label, counts=True)
        if price.seq:
            age = price.age_ms(clock()) / 1000
            yield Figure("price_age_seconds", "since the price was last proved current", age, label)

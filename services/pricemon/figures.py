"""pricemon's Prometheus metrics."""

from collections.abc import Iterator

from gridservice.metrics import Metric
from gridservice.troubles import Troubles
from pricemon.board import PriceBoard
from pricemon.clock import Clock


def metrics(board: PriceBoard, clock: Clock, troubles: Troubles) -> Iterator[Metric]:
    """Yields the metrics. A symbol without a price yet has no age."""
    yield Metric("readers", "streams that are open", board.readers)
    yield from troubles.figures()
    for symbol in board.symbols:
        price, label = board.price(symbol), {"symbol": symbol}
        yield Metric("price_changes", "changes of price, bid or ask", price.seq, label, counts=True)
        if price.seq:
            age = price.age_ms(clock()) / 1000
            yield Metric("price_age_seconds", "since the price was last proved current", age, label)

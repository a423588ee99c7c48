"""Metrics that the executor serves."""

from collections import Counter
from collections.abc import Iterator

from executor.service import Executor
from gridservice.metrics import Metric


def metrics(executor: Executor) -> Iterator[Metric]:
    """Reads the metrics from memory, so that they work while the database or the venue is unreachable."""
    readiness = executor.readiness
    yield Metric("database_up", "1 while the ledger's database can be used", not executor.ledger.guard.away)
    yield Metric("ready", "1 once the ledger is caught up with the venue", readiness.ready)
    yield Metric(
        "in_trouble", "1 while no requests are taken: an order of ours is not in the ledger", bool(readiness.trouble)
    )
    yield Metric("venue_up", "1 while signed requests to the venue succeed", not executor.venue_health.away)
    yield from executor.troubles.figures()
    for (symbol, reason), count in list(executor.venue_health.refusals.items()):
        labels = {"symbol": symbol, "reason": reason}
        yield Metric("refused_places", "places that the venue refused since startup", count, labels, counts=True)
    unknown = Counter(executor.resolver.watched())
    for symbol in executor.symbols:
        yield Metric("unknown_orders", "UNKNOWN orders that are being looked up", unknown[symbol], {"symbol": symbol})

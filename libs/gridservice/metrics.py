"""What a service tells a Prometheus: figures read from memory at each scrape, over HTTP at an address of its own.

Off unless `metrics` names that address. These are for watching: their numbers are floats, the state's are not.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_PREFIX = "gridwright_"


@dataclass(frozen=True, slots=True)
class Metric:
    """One number. `counts` says that it only rises while the service runs; `name` then ends in _total when told."""

    name: str  # without the prefix `gridwright_`; in base units, which the name ends in
    meaning: str
    value: float
    labels: dict[str, str] = field(default_factory=dict[str, str])
    counts: bool = False


Read = Callable[[], Iterable[Metric]]  # called by another thread than the service's own


@contextlib.contextmanager
def serve_metrics(address: str, read: Read) -> Iterator[int]:
    """Answers GET /metrics at `host:port` (port 0: any free one) for the block; its port. No address: nothing, and 0.

    Raises OSError, with the address in its sentence, where the port cannot be bound.
    """
    if not address:
        yield 0
        return
    # Here, so that a service that is not watched does not load it.
    from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

    registry = CollectorRegistry()
    registry.register(_collector(read))
    ProcessCollector(registry=registry)  # memory, processor time, open files
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise OSError(
            f"metrics address {address!r} cannot be bound ({error.strerror}): stop its owner or choose another"
        ) from error

    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _collector(read: Read) -> "Collector":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector

    class Figures(Collector):
        def collect(self) -> Iterable[Metric]:
            families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
            for figure in read():
                kind = CounterMetricFamily if figure.counts else GaugeMetricFamily
                family = families.setdefault(
                    figure.name, kind(_PREFIX + figure.name, figure.meaning, labels=list(figure.labels))
                )
                family.add_metric(list(figure.labels.values()), figure.value)
            return families.values()

    return Figures()

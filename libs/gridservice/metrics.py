"""Serves a service's metrics to Prometheus: values read from memory at each scrape, at an HTTP address of their own.

Off unless `metrics` in the config gives that address. Metrics are for monitoring: they are floats, the state is not.
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
    """One value. `counts`: a counter, which only rises while the service runs; its exported name ends in _total."""

    name: str  # without the prefix `gridwright_`; in base units, which the name ends in
    meaning: str
    value: float
    labels: dict[str, str] = field(default_factory=dict[str, str])
    counts: bool = False


Read = Callable[[], Iterable[Metric]]  # called on another thread than the service's own


@contextlib.contextmanager
def serve_metrics(address: str, read: Read) -> Iterator[int]:
    """Serves GET /metrics at `host:port` (port 0: any free port) during the block; yields the port.

    Without an address it serves nothing and yields 0. Raises OSError, with the address in its message, if the port
    cannot be bound.
    """
    if not address:
        yield 0
        return
    # Imported here, so that a service without metrics does not load it.
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

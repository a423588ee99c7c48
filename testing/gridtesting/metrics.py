"""Scrapes a service's metrics, parsed as Prometheus does."""

import asyncio
from http.client import HTTPConnection

from prometheus_client.parser import text_string_to_metric_families


async def scrape(port: int) -> dict[str, float]:
    """Our samples: keys are the name without `gridwright_` and the label values in the order of the label names."""
    return await asyncio.to_thread(_scrape, port)


def _scrape(port: int) -> dict[str, float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == 200, text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        " ".join([sample.name.removeprefix("gridwright_"), *sample.labels.values()]): sample.value
        for sample in samples
        if sample.name.startswith("gridwright_")
    }

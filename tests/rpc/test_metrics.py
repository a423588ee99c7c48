"""Figures over HTTP, where an address is given for them."""

import socket
import threading

import pytest

from gridservice.metrics import Metric, serve_metrics
from gridtesting.metrics import scrape

ANY = "127.0.0.1:0"


async def test_each_scrape_reads_the_metrics_again() -> None:
    levels = iter([1.0, 2.5])

    def read() -> list[Metric]:
        level = next(levels)
        return [
            Metric("level", "how high", level, {"of": "sea"}),
            Metric("level", "how high", -level, {"of": "cave"}),
            Metric("waves", "how many", 7, counts=True),
        ]

    with serve_metrics(ANY, read) as port:
        first, second = await scrape(port), await scrape(port)

    assert first == {"level sea": 1.0, "level cave": -1.0, "waves_total": 7.0}
    assert second["level sea"] == 2.5


def test_without_an_address_nothing_is_bound() -> None:
    threads = threading.active_count()
    with serve_metrics("", list) as port:
        assert port == 0
        assert threading.active_count() == threads


async def test_the_port_is_given_back_at_the_end() -> None:
    with serve_metrics(ANY, list) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await scrape(port)


def test_a_port_in_use_is_one_sentence_with_the_address_and_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        address = f"127.0.0.1:{owner.getsockname()[1]}"
        with (
            pytest.raises(OSError, match=f"^metrics address '{address}' cannot be bound .* choose another$"),
            serve_metrics(address, list),
        ):
            pass

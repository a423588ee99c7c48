"""Troubles: each begins once, is counted, ends once, and is visible to all clients, health included."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gridrpc.channel import open_channel
from gridrpc.server import start_server
from gridservice.troubles import CLASS_OF, HEALTH_NAME, Kind, Troubles, publish_health
from gridtesting.live.orchestrator import eventually
from gridwright.v1 import models_pb2

NOW_MS = 1_700_000_000_000


@pytest.fixture
def troubles() -> Troubles:
    return Troubles(lambda: NOW_MS)


def test_each_kind_has_a_class() -> None:
    assert CLASS_OF.keys() == set(Kind)


def test_what_comes_up_again_counts_on_with_the_newer_sentence_and_its_first_time(troubles: Troubles) -> None:
    troubles.begin(Kind.KEY_REFUSED, "first", since_ms=5)
    troubles.begin(Kind.KEY_REFUSED, "second", retry_at_ms=9)
    (found,) = troubles.present()
    assert (found.message, found.count, found.since_ms, found.retry_at_ms) == ("second", 2, 5, 9)


def test_kind_symbol_and_subject_distinguish_two_troubles(troubles: Troubles) -> None:
    for subject in ("a", "b"):
        troubles.begin(Kind.ORDER_NOT_SHOWN, "gone", symbol="BTC/USDT", subject=subject)
    troubles.begin(Kind.ORDER_NOT_SHOWN, "gone", symbol="ETH/USDT", subject="a")
    troubles.end(Kind.ORDER_NOT_SHOWN, symbol="BTC/USDT", subject="a")
    assert [(each.symbol, each.subject) for each in troubles.present()] == [("BTC/USDT", "b"), ("ETH/USDT", "a")]


def test_those_that_are_not_named_end_together(troubles: Troubles) -> None:
    for subject in ("a", "b", "c"):
        troubles.begin(Kind.ORDER_NOT_SHOWN, "gone", symbol="BTC/USDT", subject=subject)
    troubles.end_others(Kind.ORDER_NOT_SHOWN, symbol="BTC/USDT", subjects={"b"})
    assert [each.subject for each in troubles.present()] == ["b"]


def test_its_beginning_and_its_end_are_one_alert_each(troubles: Troubles, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            troubles.begin(Kind.BANNED, "until noon")
        troubles.end(Kind.BANNED)
        troubles.end(Kind.BANNED)
    assert sum("ALERT" in record.message for record in caplog.records) == 2


def test_the_wire_has_all_of_it(troubles: Troubles) -> None:
    troubles.begin(Kind.MARKET_CLOSED, "in a break", symbol="BTC/USDT", subject="60000", retry_at_ms=7)
    (message,) = troubles.to_proto().troubles
    assert message == models_pb2.Trouble(
        kind="MARKET_CLOSED",
        trouble_class=models_pb2.TROUBLE_CLASS_SYMBOL,
        symbol="BTC/USDT",
        subject="60000",
        message="in a break",
        since_ms=NOW_MS,
        count=1,
        retry_at_ms=7,
    )


@pytest.fixture
async def health_of(troubles: Troubles) -> AsyncIterator[health_pb2_grpc.HealthStub]:
    server = await start_server("127.0.0.1:0", [])
    publishing = asyncio.create_task(publish_health(server, troubles))
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)
    publishing.cancel()
    await server.stop(0)


async def test_health_says_whether_there_is_one(troubles: Troubles, health_of: health_pb2_grpc.HealthStub) -> None:
    async def answers(status: int) -> bool:
        answer = await health_of.Check(health_pb2.HealthCheckRequest(service=HEALTH_NAME))
        return bool(answer.status == status)

    await eventually(lambda: answers(health_pb2.HealthCheckResponse.SERVING), "no trouble yet")
    troubles.begin(Kind.KEY_REFUSED, "no")
    await eventually(lambda: answers(health_pb2.HealthCheckResponse.NOT_SERVING), "a trouble")
    troubles.end(Kind.KEY_REFUSED)
    await eventually(lambda: answers(health_pb2.HealthCheckResponse.SERVING), "it is over")

"""A running pricemon over a scripted feed, and a stub that reads from it over a real channel."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gridrpc.channel import open_channel
from gridservice.shared_settings import Venue
from gridtesting.fakes.feed import ScriptedFeed
from gridwright.v1 import pricemon_pb2_grpc
from pricemon.config import FeedTimeouts, Settings
from pricemon.service import Pricemon, running

SYMBOLS = ("BTC/USDT", "ETH/USDT")


@pytest.fixture
def settings() -> Settings:
    """Patience for tests: everything in tens of milliseconds."""
    patience = FeedTimeouts(
        stale_after_ms=60, poll_ms=20, reconnect_first_ms=10, reconnect_most_ms=50, subscribe_ms=100, list_ms=20
    )
    return Settings(Venue("scripted"), SYMBOLS, address="127.0.0.1:0", heartbeat_ms=40, patience=patience)


@pytest.fixture
def feed() -> ScriptedFeed:
    return ScriptedFeed(*SYMBOLS)


@pytest.fixture
async def service(settings: Settings, feed: ScriptedFeed) -> AsyncIterator[Pricemon]:
    async with running(settings, feed) as service:
        yield service


@pytest.fixture
async def prices(service: Pricemon) -> "AsyncIterator[pricemon_pb2_grpc.PriceMonitorAsyncStub]":
    async with open_channel(f"127.0.0.1:{service.port}", newest_only=True) as channel:
        yield pricemon_pb2_grpc.PriceMonitorStub(channel)


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GRIDWRIGHT_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: set GRIDWRIGHT_DATA to its folder")
    return folder

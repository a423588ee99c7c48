"""What the executor's tests start from: a manual clock, the fake venue, and orders of ours."""

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from gridcore.model.actions import PlaceOrder
from gridcore.model.orders import OrderType, Role, Side
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.databases import POSTGRES, SQLITE, Database
from gridtesting.live.executor import ledgers_in

MakePlace = Callable[..., PlaceOrder]


@pytest.fixture
def postgres_url(postgres_database: Database) -> str:
    """A database of the test's own, as `open_ledger` takes it."""
    return postgres_database.sa_url_text


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What runs an executor runs it on either database."""
    if hasattr(metafunc.module, "running_executor"):
        metafunc.fixturenames.append("database")
        metafunc.parametrize("database", [SQLITE, POSTGRES], indirect=True)


@pytest.fixture(autouse=True)
def ledgers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ledgers are in files, or in the test's database."""
    # Not by its fixturenames: pytest leaves out what `pytest_generate_tests` has added.
    callspec = getattr(request.node, "callspec", None)
    asked = callspec is not None and "database" in callspec.params
    database = request.getfixturevalue("database") if asked else Database(SQLITE)
    with ledgers_in(database):
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def venue(clock: ManualClock) -> FakeVenue:
    return FakeVenue(clock)


@pytest.fixture
def make_place(clock: ManualClock) -> MakePlace:
    """Places of ours, each with a name of its own unless it is given."""
    numbers = itertools.count(1)

    def make(
        name: str = "", side: Side = Side.BUY, price: str = "100", quantity: str = "1", ttl_ms: int = 30_000
    ) -> PlaceOrder:
        return PlaceOrder(
            client_order_id=name or f"gtest0{next(numbers)}",
            side=side,
            role=Role.OPENING,
            type=OrderType.LIMIT,
            price=Decimal(price),
            quantity=Decimal(quantity),
            not_after_ms=clock() + ttl_ms,
            slot=price,
        )

    return make

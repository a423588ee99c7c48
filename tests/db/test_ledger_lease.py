"""An executor that loses its connection keeps its ledger, unless another one has had it meanwhile."""

import asyncio

import psycopg
import pytest

from executor.ledger import cursors
from executor.ledger.opening import open_ledger
from executor.venue.port import TradeCursor
from griddb.errors import LeaseLostError
from gridtesting.live.databases import Database


def cut_all_connections(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )


async def test_after_a_lost_connection_the_ledger_goes_on(postgres_database: Database) -> None:
    with open_ledger(postgres_database.sa_url_text, 1) as ledger:
        cut_all_connections(postgres_database)
        await ledger.writer.run(cursors.advance, "A", TradeCursor("1", 1))
        assert await ledger.writer.run(cursors.read, "A") == TradeCursor("1", 1)
        assert not ledger.writer.failure.done()
        with pytest.raises(LeaseLostError), open_ledger(postgres_database.sa_url_text, 2):
            pass


async def test_an_executor_that_finds_another_opener_of_the_ledger_writes_nothing_and_reports_it(
    postgres_database: Database,
) -> None:
    with open_ledger(postgres_database.sa_url_text, 1) as ledger:
        cut_all_connections(postgres_database)
        with open_ledger(postgres_database.sa_url_text, 2) as other:
            await other.writer.run(cursors.advance, "A", TradeCursor("other", 2))
        with pytest.raises(LeaseLostError, match="another executor has had"):
            await ledger.writer.run(cursors.advance, "A", TradeCursor("1", 1))
        failure = await asyncio.wrap_future(ledger.writer.failure)
    assert isinstance(failure, LeaseLostError)
    with open_ledger(postgres_database.sa_url_text, 3) as ledger:
        assert await ledger.writer.run(cursors.read, "A") == TradeCursor("other", 2)

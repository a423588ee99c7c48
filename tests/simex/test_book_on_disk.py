"""The book on disk: what it refuses, and that a write which fails has never happened."""

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from gridservice.config_file import ConfigError
from gridsim.account import MAIN, Balance
from gridsim.market import Liquidity, MarketTrade
from gridsim.orders import NewOrder, OrderStatus, OrderType, Side
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from simex.exchange.store import BookInUse, Store
from simex.exchange.venue import Listing, Venue

BTC = "BTC/USDT"
RULES = SymbolRules(BTC)
START = (Balance("BTC", Decimal(1)), Balance("USDT", Decimal(100_000)))


def venue_on(store: Store) -> Venue:
    listing = Listing(RULES, Liquidity(), Simulation(RULES, 7, Decimal(60_000)), "simulation 7")
    return Venue([listing], {MAIN: START}, store)


def order(price: int, client_id: str = "") -> NewOrder:
    return NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal("0.01"), Decimal(price), client_order_id=client_id)


def everything(venue: Venue) -> tuple[object, ...]:
    book = venue.book(BTC)
    ids = (book.last_order_id, book.last_trade_id, book.price, book.taker)
    return (venue.balances(MAIN), book.orders, ids, venue.state(BTC), venue.store.all_trades(BTC))


def test_a_reopened_book_goes_on_where_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")
    venue = venue_on(store)
    venue.place(MAIN, order(59_000, "stays"), 1)
    venue.place(MAIN, order(59_900, "fills"), 2)
    venue.advance(BTC, 37, 3)
    venue.inject(BTC, MarketTrade(0, Decimal(59_800), Decimal(1), Side.SELL), 4)
    venue.advance(BTC, 5, 5)
    before = everything(venue)
    store.close()

    again = Store(tmp_path / "book.sqlite")
    reopened = venue_on(again)

    assert everything(reopened) == before
    reopened.advance(BTC, 10, 6)
    assert reopened.state(BTC).point.events_done == 52
    assert again.order_by_client_id(MAIN, BTC, "fills").status is OrderStatus.FILLED
    again.close()


def test_a_write_that_fails_leaves_memory_and_disk_as_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")
    venue = venue_on(store)
    venue.place(MAIN, order(59_000), 1)
    received: list[object] = []
    venue.listen(lambda symbol, outcome: received.append((symbol, outcome)))
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # the disk is full
    before = everything(venue)

    failures = 0
    for attempt in range(300):
        try:
            venue.place(MAIN, order(58_000 - attempt), 2)
        except sqlite3.OperationalError:
            failures += 1
            break
        before = everything(venue)
        received.clear()

    assert failures == 1
    assert received == []
    assert everything(venue) == before
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert venue.place(MAIN, order(57_000), 3).executions[0].order.order_id == before[2][0] + 1
    store.close()


def test_a_failed_market_batch_happens_again_in_full(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")
    venue = venue_on(store)
    reference = [trade.price for _, trade in zip(range(60), Simulation(RULES, 7, Decimal(60_000)).after(
        Simulation(RULES, 7, Decimal(60_000)).opening()), strict=False)]  # fmt: skip
    venue.advance(BTC, 20, 1)
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        venue.advance(BTC, 20, 2)
    store._db.execute("PRAGMA query_only = OFF")

    assert venue.state(BTC).point.price == reference[19]
    venue.advance(BTC, 40, 3)
    assert venue.state(BTC).point.price == reference[59]
    store.close()


def test_a_book_has_one_owner(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")

    with pytest.raises(BookInUse, match="another simex runs on it"):
        Store(tmp_path / "book.sqlite")

    store.close()
    Store(tmp_path / "book.sqlite").close()


def test_balances_are_set_once_and_then_belong_to_the_book(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")
    venue_on(store).place(MAIN, order(59_000), 1)
    listing = Listing(RULES, Liquidity(), Simulation(RULES, 7, Decimal(60_000)), "simulation 7")

    again = Venue([listing], {MAIN: [Balance("USDT", Decimal(5))]}, store)

    assert {each.asset: each.total for each in again.balances(MAIN)} == {"BTC": 1, "USDT": 100_000}
    assert {each.balance.asset: each.at_start for each in store.balances()} == {"BTC": 1, "USDT": 100_000}
    store.close()


def test_a_book_of_another_layout_is_refused_with_the_remedy_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as older:  # as it was when there was one account
        older.execute("CREATE TABLE balances (asset TEXT PRIMARY KEY, free TEXT, locked TEXT, at_start TEXT)")
        older.execute("INSERT INTO balances VALUES ('BTC', '1', '0', '1')")
        older.commit()

    with pytest.raises(ConfigError, match=r"simex.data_dir .* layout 0, .* delete it or set another data_dir"):
        Store(path)

    with contextlib.closing(sqlite3.connect(path)) as older:
        assert [row[0] for row in older.execute("SELECT name FROM sqlite_master WHERE type = 'table'")] == ["balances"]


def test_a_place_in_the_queue_outlives_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "book.sqlite")
    venue = venue_on(store)
    venue.place(MAIN, order(59_900), 1)
    joined = venue.book(BTC).ahead(1)
    venue.inject(BTC, MarketTrade(0, Decimal(59_900), Decimal("0.5"), Side.SELL), 2)
    store.close()

    again = Store(tmp_path / "book.sqlite")
    left = venue_on(again).book(BTC).ahead(1)
    again.close()

    assert (joined, left) == (Decimal("1.66944"), Decimal("1.16944"))

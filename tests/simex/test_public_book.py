"""Update ids of the public book: a client that follows Binance's procedure has the book that GET depth shows."""

import itertools
import random  # noqa: TID251  seeded, and a failure names the seed
from decimal import Decimal

import pytest

from gridsim.book import Book
from gridsim.market import Liquidity, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from simex.market_data.book import BookUpdate, PublicBook

FIRST_ID = 1000
SPEED_MS = 100
Sides = dict[Side, dict[Decimal, Decimal]]


def moved(book: Book, chance: random.Random) -> None:
    price = book.price + chance.randint(-3, 3) * book.rules.tick_size
    book.others.traded(MarketTrade(0, price, Decimal(1), chance.choice(list(Side))))


def copied(public: PublicBook) -> Sides:
    return {side: dict(public.levels(side)) for side in Side}


def applied(local: Sides, update: BookUpdate) -> None:
    for side, changed in ((Side.BUY, update.bids), (Side.SELL, update.asks)):
        local[side] = {price: quantity for price, quantity in (local[side] | dict(changed)).items() if quantity}


@pytest.mark.parametrize("seed", range(8))
def test_a_snapshot_and_the_updates_after_it_give_the_book(seed: int) -> None:
    chance = random.Random(seed)
    book = Book(SymbolRules("BTC/USDT"), Liquidity(levels=5), price=Decimal(60_000))
    public, buffered = PublicBook(FIRST_ID), list[BookUpdate]()
    snapshot: tuple[int, Sides] | None = None
    for number in range(600):
        moved(book, chance)
        if chance.random() < 0.3:
            public.look(book)  # somebody asks for the depth or the best quotes
        if number == 200:
            public.look(book)
            snapshot = public.update_id, copied(public)
        if chance.random() < 0.5:
            public.look(book)
            buffered += [update] if (update := public.take_update(SPEED_MS)) else []
    public.look(book)
    buffered += [update] if (update := public.take_update(SPEED_MS)) else []

    assert snapshot is not None
    last_id, local = snapshot
    assert buffered[0].first_id <= last_id
    news = [update for update in buffered if update.last_id > last_id]
    assert len(news) > 100
    assert news[0].first_id <= last_id + 1
    for update in news:
        assert update.first_id <= last_id + 1 <= update.last_id or update.first_id == last_id + 1
        applied(local, update)
        last_id = update.last_id

    assert last_id == public.update_id
    assert local == copied(public)
    assert all(one.last_id + 1 == other.first_id for one, other in itertools.pairwise(buffered))


def test_each_level_that_changes_takes_one_id_and_none_is_given_for_nothing() -> None:
    book = Book(SymbolRules("BTC/USDT"), Liquidity(levels=2), price=Decimal(60_000), taker=Side.BUY)
    public = PublicBook(FIRST_ID)
    public.look(book)
    at_first = public.update_id
    public.look(book)
    unchanged = public.update_id
    book.others.traded(MarketTrade(0, Decimal("60000.01"), Decimal(1), Side.BUY))
    public.look(book)

    assert at_first == FIRST_ID + 4
    assert unchanged == at_first
    assert public.update_id == at_first + 4  # on each side one level came and one went
    update = public.take_update(SPEED_MS)
    assert update is not None
    assert (update.first_id, update.last_id) == (FIRST_ID + 1, at_first + 4)
    assert public.take_update(SPEED_MS) is None


def test_the_two_speeds_are_distinguished() -> None:
    book = Book(SymbolRules("BTC/USDT"), Liquidity(levels=2), price=Decimal(60_000))
    public = PublicBook(FIRST_ID)
    public.look(book)
    fast = public.take_update(100)
    book.others.traded(MarketTrade(0, Decimal(60_001), Decimal(1), Side.BUY))
    public.look(book)
    again, slow = public.take_update(100), public.take_update(1000)

    assert fast is not None
    assert again is not None
    assert slow is not None
    assert (slow.first_id, slow.last_id) == (fast.first_id, again.last_id)
    assert again.first_id == fast.last_id + 1

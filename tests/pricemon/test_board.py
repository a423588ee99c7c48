"""Readers of the board: the newest price wins, what was passed over is counted, and silence has a heartbeat."""

import asyncio
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from pricemon.board import Outgoing, PriceBoard, Reader
from pricemon.clock import Moment
from pricemon.convert import price_change
from pricemon.ports import Trade

BTC, ETH = "BTC/USDT", "ETH/USDT"


def at(ms: int) -> Moment:
    return Moment(wall_ms=1_000_000 + ms, steady_ms=ms)


def trade(board: PriceBoard, symbol: str, price: int, ms: int = 0) -> None:
    board.hear(Trade(symbol, Decimal(price)), at(ms))


def content(outgoing: Outgoing | None) -> tuple[str, Decimal | None, int, bool] | None:
    return outgoing and (outgoing.price.symbol, outgoing.price.price, outgoing.skipped, outgoing.heartbeat)


def test_a_new_reader_gets_each_current_price_and_nothing_skipped() -> None:
    board = PriceBoard([BTC, ETH])
    for price in (1, 2, 3):
        trade(board, BTC, price)
    trade(board, ETH, 9)
    with board.reading(board.symbols, 1_000) as reader:
        assert content(reader.take(at(5))) == (BTC, 3, 0, False)
        assert content(reader.take(at(5))) == (ETH, 9, 0, False)
        assert reader.take(at(5)) is None


def test_a_slow_reader_gets_the_newest_and_the_number_it_was_passed_over() -> None:
    board = PriceBoard([BTC])
    with board.reading([BTC], 1_000) as reader:
        trade(board, BTC, 1)
        reader.take(at(0))
        for price in (2, 3, 4, 5):
            trade(board, BTC, price)
        assert content(reader.take(at(1))) == (BTC, 5, 3, False)


def test_a_slow_reader_is_given_the_extremes_of_what_it_was_passed_over_and_since_when() -> None:
    board = PriceBoard([BTC])
    with board.reading([BTC], 1_000) as reader:
        trade(board, BTC, 100, ms=0)
        reader.take(at(0))
        for ms, price in enumerate((101, 130, 102, 80, 103), start=10):
            trade(board, BTC, price, ms)
        outgoing = reader.take(at(20))
        trade(board, BTC, 104, ms=21)
        following = reader.take(at(22))

    assert outgoing is not None
    assert (outgoing.price.price, outgoing.skipped, outgoing.skipped_since_ms) == (103, 4, 10)
    assert {80, 130} <= set(outgoing.extremes) < {101, 130, 102, 80}
    assert price_change(outgoing, at(20)).skipped_age_ms == 10
    assert following is not None
    assert (following.extremes, following.skipped) == ((), 0)


def test_a_symbol_without_a_price_is_neither_sent_nor_has_a_heartbeat() -> None:
    board = PriceBoard([BTC])
    with board.reading([BTC], 10) as reader:
        assert reader.take(at(1_000_000)) is None


def test_a_silent_symbol_has_a_heartbeat_each_period_and_a_busy_one_has_none() -> None:
    board = PriceBoard([BTC, ETH])
    trade(board, BTC, 1)
    trade(board, ETH, 9)
    with board.reading(board.symbols, 100) as reader:
        reader.take(at(0))
        reader.take(at(0))
        trade(board, ETH, 10, ms=60)
        assert content(reader.take(at(60))) == (ETH, 10, 0, False)
        assert reader.take(at(99)) is None
        assert content(reader.take(at(100))) == (BTC, 1, 0, True)
        assert reader.take(at(100)) is None
        assert content(reader.take(at(160))) == (ETH, 10, 0, True)
        assert content(reader.take(at(200))) == (BTC, 1, 0, True)


def test_a_busy_symbol_does_not_starve_a_quiet_one() -> None:
    board = PriceBoard([BTC, ETH])
    with board.reading(board.symbols, 1_000) as reader:
        told_of: list[str] = []
        for price in range(1, 5):
            trade(board, BTC, price)
            trade(board, ETH, price)
            outgoing = reader.take(at(price))
            assert outgoing is not None
            told_of.append(outgoing.price.symbol)

    assert told_of == [BTC, ETH, BTC, ETH]


@given(st.lists(st.sampled_from(["BTC", "ETH", "read"])))
def test_what_is_sent_and_what_is_skipped_add_up_to_every_change(moves: list[str]) -> None:
    board = PriceBoard(["BTC", "ETH"])
    trade(board, "BTC", 1)
    trade(board, "ETH", 1)
    counted = {"BTC": 0, "ETH": 0}

    def read(reader: Reader) -> bool:
        outgoing = reader.take(at(0))
        if outgoing is not None:
            assert outgoing.price == board.price(outgoing.price.symbol)
            counted[outgoing.price.symbol] += 1 + outgoing.skipped
        return outgoing is not None

    with board.reading(["BTC", "ETH"], 1_000) as reader:
        while read(reader):
            pass
        for number, move in enumerate(moves):
            if move == "read":
                read(reader)
            else:
                trade(board, move, number + 2)
        while read(reader):
            pass

    assert counted == {symbol: board.price(symbol).seq for symbol in ("BTC", "ETH")}


async def test_a_change_ends_the_wait_before_the_heartbeat() -> None:
    board = PriceBoard([BTC])
    with board.reading([BTC], 60_000) as reader:
        waiting = asyncio.create_task(reader.wait(at(0)))
        await asyncio.sleep(0)
        trade(board, BTC, 1)
        await asyncio.wait_for(waiting, 30)
        assert content(reader.take(at(1))) == (BTC, 1, 0, False)


async def test_closing_the_board_ends_the_wait_and_stays_closed() -> None:
    board = PriceBoard([BTC])
    with board.reading([BTC], 60_000) as reader:
        waiting = asyncio.create_task(reader.wait(at(0)))
        await asyncio.sleep(0)
        board.close()
        await asyncio.wait_for(waiting, 30)
        await asyncio.wait_for(reader.wait(at(0)), 30)
    assert board.closed
    assert board.readers == 0

"""When REST convicts a websocket."""

from decimal import Decimal

import pytest

from pricemon.config import FeedTimeouts
from pricemon.doubt import StaleFeedDetector
from pricemon.ports import Observation, Part, Quote, Ticker, Trade

BTC, ETH = "BTC/USDT", "ETH/USDT"
TRADE = Trade(BTC, Decimal(100))
QUOTE = Quote(BTC, Decimal(99), Decimal(101))
PATIENCE = FeedTimeouts(stale_after_ms=3_000, subscribe_ms=15_000)


def connected(pushes: frozenset[Part] = frozenset(Part)) -> StaleFeedDetector:
    doubt = StaleFeedDetector(pushes, PATIENCE)
    doubt.connect(0)
    doubt.told(TRADE, 1_000)
    doubt.told(QUOTE, 1_000)
    return doubt


def test_one_movement_may_have_overtaken_the_websocket_and_two_convict_it() -> None:
    doubt = connected()

    assert not doubt.moved(BTC, Part.PRICE, 4_000)
    assert doubt.moved(BTC, Part.PRICE, 7_000)


@pytest.mark.parametrize(
    ("observation", "convicted"),
    [
        pytest.param(TRADE, False, id="a trade pays for the price"),
        pytest.param(Ticker(BTC, last=Decimal(1)), False, id="so does a ticker's last"),
        pytest.param(QUOTE, True, id="a quote does not: the trades stream may be dead alone"),
        pytest.param(Trade(ETH, Decimal(9)), True, id="another symbol does not"),
    ],
)
def test_only_a_message_of_the_same_part_accounts_for_a_movement(observation: Observation, *, convicted: bool) -> None:
    doubt = connected()
    doubt.moved(BTC, Part.PRICE, 4_000)
    doubt.told(observation, 4_010)

    assert doubt.moved(BTC, Part.PRICE, 9_000) is convicted


def test_a_connection_that_spoke_just_now_is_not_convicted() -> None:
    doubt = connected()
    doubt.moved(BTC, Part.PRICE, 1_500)

    assert not doubt.moved(BTC, Part.PRICE, 3_999)


def test_a_connection_that_is_still_subscribing_is_not_convicted() -> None:
    doubt = connected()
    doubt.moved(ETH, Part.PRICE, 5_000)

    assert not doubt.moved(ETH, Part.PRICE, 14_999)
    assert doubt.moved(ETH, Part.PRICE, 15_000)


def test_a_new_connection_owes_nothing() -> None:
    doubt = connected()
    doubt.moved(BTC, Part.PRICE, 4_000)
    doubt.connect(5_000)

    assert not doubt.moved(BTC, Part.PRICE, 60_000)


def test_what_the_websocket_never_sends_is_not_expected_of_it() -> None:
    doubt = connected(pushes=frozenset({Part.PRICE}))
    doubt.moved(BTC, Part.BOOK, 4_000)

    assert not doubt.moved(BTC, Part.BOOK, 9_000)


def test_an_answer_loses_to_what_the_websocket_sent_after_the_request() -> None:
    doubt = connected()
    answer = Ticker(BTC, Decimal(1), Decimal(2), Decimal(3))
    doubt.told(TRADE, 5_000)

    assert doubt.news(answer, asked_ms=4_999) == Ticker(BTC, None, Decimal(2), Decimal(3))
    assert doubt.news(answer, asked_ms=5_001) == answer

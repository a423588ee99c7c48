"""What an observation makes of a known price."""

from decimal import Decimal

import pytest

from pricemon.clock import Moment
from pricemon.ports import Observation, Quote, Ticker, Trade
from pricemon.price import Price, observe

BTC = "BTC/USDT"
D = Decimal
TRADED = Price(BTC, last=D(100), seq=4, proved_ms=1_000, trade_time_ms=50)
QUOTED = Price(BTC, last=D(100), bid=D(99), ask=D(101), seq=4, proved_ms=1_000, book_ms=1_000)
LATER = Moment(wall_ms=9_000, steady_ms=2_000)


@pytest.mark.parametrize(
    ("known", "observation", "price", "seq", "proved_ms"),
    [
        pytest.param(Price(BTC), Trade(BTC, D(100)), D(100), 1, 2_000, id="the first trade is the first price"),
        pytest.param(Price(BTC), Quote(BTC, D(99), D(102)), D("100.5"), 1, 2_000, id="no trade yet: the middle"),
        pytest.param(Price(BTC), Ticker(BTC), None, 0, 0, id="an empty ticker is no price"),
        pytest.param(TRADED, Trade(BTC, D(101)), D(101), 5, 2_000, id="a trade at another price changes it"),
        pytest.param(TRADED, Trade(BTC, D(100)), D(100), 4, 2_000, id="a trade at the same price proves it"),
        pytest.param(TRADED, Trade(BTC, D(90), 49), D(100), 4, 1_000, id="a trade of the past is history"),
        pytest.param(TRADED, Trade(BTC, D(90), 50), D(90), 5, 2_000, id="the same millisecond is not the past"),
        pytest.param(TRADED, Quote(BTC, D(99), D(101)), D(100), 5, 2_000, id="a quote around the price proves it"),
        pytest.param(TRADED, Quote(BTC, D(100), D(101)), D(100), 5, 2_000, id="the touch counts as around"),
        pytest.param(
            TRADED, Quote(BTC, D(101), D(102)), D(100), 5, 1_000, id="a quote beside the price proves nothing"
        ),
        pytest.param(QUOTED, Quote(BTC, D(99), D(101)), D(100), 4, 2_000, id="the same quote changes nothing"),
        pytest.param(QUOTED, Ticker(BTC, last=D(100)), D(100), 4, 2_000, id="an unchanged ticker proves it"),
        pytest.param(QUOTED, Ticker(BTC, None, D(99), D(100)), D(100), 5, 2_000, id="a ticker without last is a quote"),
        pytest.param(QUOTED, Ticker(BTC, D(7), D(6), D(8)), D(7), 5, 2_000, id="all of a ticker is one change"),
    ],
)
def test_an_observation_changes_or_proves_the_price(
    known: Price, observation: Observation, price: Decimal | None, seq: int, proved_ms: int
) -> None:
    received = observe(known, observation, LATER)

    assert (received.price, received.seq, received.proved_ms) == (price, seq, proved_ms)


def test_a_change_carries_the_venues_time_and_ours() -> None:
    received = observe(TRADED, Trade(BTC, D(101), venue_time_ms=77), LATER)

    assert (received.venue_time_ms, received.received_time_ms) == (77, 9_000)


def test_what_only_proves_the_price_keeps_the_times_of_the_change() -> None:
    changed = observe(TRADED, Trade(BTC, D(101), venue_time_ms=77), LATER)

    proved = observe(changed, Trade(BTC, D(101), venue_time_ms=99), Moment(wall_ms=9_500, steady_ms=2_500))

    assert (proved.venue_time_ms, proved.received_time_ms, proved.age_ms(Moment(9_600, 2_600))) == (77, 9_000, 100)


def test_an_answer_counts_from_its_question_and_never_makes_a_price_older() -> None:
    asked = Moment(wall_ms=9_000, steady_ms=900)

    assert observe(TRADED, Ticker(BTC, last=D(100)), asked).proved_ms == 1_000

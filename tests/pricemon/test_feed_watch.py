"""Prices that are no longer current are troubles: per symbol, or one if the venue answers nothing."""

from decimal import Decimal

import pytest

from gridservice.troubles import Kind, Troubles
from pricemon.board import PriceBoard
from pricemon.clock import Moment
from pricemon.feed_watch import FeedWatch
from pricemon.ports import Trade

BTC, ETH = "BTC/USDT", "ETH/USDT"


class Scene:
    """A board whose time the test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.broken = ""
        self.silence = ("RATE_LIMITED", 0)
        self.troubles = Troubles(lambda: self.now_ms)
        self.board = PriceBoard([BTC, ETH])
        self.watch = FeedWatch(self.board, self.troubles, self.clock, 3_000, lambda: self.broken, lambda: self.silence)

    def clock(self) -> Moment:
        return Moment(self.now_ms, self.now_ms)

    def hear(self, *symbols: str) -> None:
        for symbol in symbols:
            self.board.hear(Trade(symbol, Decimal(self.now_ms), self.now_ms), self.clock())

    def later(self, ms: int) -> list[tuple[Kind, str]]:
        self.now_ms += ms
        self.watch.look()
        return [(each.kind, each.symbol) for each in self.troubles.present()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_price_that_is_no_longer_proved_is_a_trouble_until_it_is(scene: Scene) -> None:
    scene.hear(BTC, ETH)
    assert scene.later(6_900) == []
    scene.hear(ETH)
    assert scene.later(200) == [(Kind.FEED_STALE, BTC)]
    assert scene.troubles.present()[0].since_ms == 1_000
    scene.hear(BTC)
    assert scene.later(0) == []


def test_a_symbol_that_never_had_a_price_is_a_trouble_too(scene: Scene) -> None:
    scene.hear(ETH)
    assert scene.later(7_001) == [(Kind.FEED_STALE, BTC), (Kind.FEED_STALE, ETH)]


def test_a_venue_that_answers_nothing_is_one_trouble_with_its_reason(scene: Scene) -> None:
    scene.hear(BTC, ETH)
    scene.broken = "REST does not answer: reset"
    assert scene.later(7_001) == [(Kind.VENUE_UNREACHABLE, "")]
    assert "REST does not answer: reset" in scene.troubles.present()[0].message
    scene.broken = ""
    scene.hear(BTC, ETH)
    assert scene.later(0) == []


def test_a_symbol_that_the_venue_does_not_list_is_not_missed(scene: Scene) -> None:
    scene.hear(ETH)
    scene.board.refuse({BTC: "not listed"})
    assert scene.later(6_900) == []


def test_a_trouble_that_goes_on_is_begun_once(scene: Scene) -> None:
    scene.later(7_001)
    scene.later(1_000)
    assert [each.count for each in scene.troubles.present()] == [1, 1]


def test_a_silence_that_the_venue_wants_is_the_trouble_and_shows_its_end(scene: Scene) -> None:
    scene.hear(BTC, ETH)
    scene.broken = "REST does not answer: banned"
    scene.silence = ("BANNED", 20_000)
    assert scene.later(8_000) == [(Kind.BANNED, "")]
    assert scene.troubles.present()[0].retry_at_ms == 20_000
    scene.broken = ""
    scene.hear(BTC, ETH)
    assert scene.later(11_000) == [(Kind.FEED_STALE, BTC), (Kind.FEED_STALE, ETH)]
    scene.hear(BTC, ETH)
    assert scene.later(0) == []

"""A grid that cannot trade or would lose money is refused with the numbers; one that just can is not."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.grid.grid_checks import check_grid, round_trip_profit
from gridcore.grid.ladder import Ladder
from gridcore.model.config import GridConfig, GridMode, RiskConfig, Spacing
from gridcore.model.errors import GridRefusedError
from gridcore.model.market_rules import MarketRules
from gridtesting.grids import MARKET, grid

D = Decimal

REFUSED = [
    pytest.param(
        grid(interval=D("0.009")), MARKET, ["interval = 0.009", "tick_size of 0.01"], id="interval under a tick"
    ),
    pytest.param(
        grid(spacing=Spacing.GEOMETRIC, interval=D("0.0000001")), MARKET, ["0.0000001 is 0.006 USDT", "0.01"],
        id="geometric interval under a tick",
    ),
    pytest.param(grid(interval=D(-300)), MARKET, ["interval = -300"], id="interval below zero"),
    pytest.param(grid(base_per_slot=D(1)), MARKET, ["quote_per_slot = 100", "base_per_slot = 1"], id="two sizes"),
    pytest.param(grid(quote_per_slot=None), MARKET, ["give exactly one"], id="no size"),
    pytest.param(grid(lower=D(2), upper=D(1)), MARKET, ["lower = 2", "upper = 1"], id="range upside down"),
    pytest.param(grid(lower=D(60001), upper=D(60299)), MARKET, ["holds no level"], id="range between two levels"),
    pytest.param(grid(buy_window=0), MARKET, ["buy_window = 0"], id="nowhere to buy"),
    pytest.param(grid(sell_window=0), MARKET, ["sell_window = 0"], id="nowhere to sell"),
    pytest.param(grid(window_slack=0), MARKET, ["window_slack = 0", "cancelled and placed again"], id="no slack"),
    pytest.param(grid(risk=RiskConfig(max_jump=D(3))), MARKET, ["max_jump = 3", "0.03"], id="a jump in per cent"),
    pytest.param(
        grid(risk=RiskConfig(max_position=D("0.001"))), MARKET, ["max_position = 0.001", "0.00163 BTC"],
        id="a limit under one slot",
    ),
    pytest.param(
        # 5 / 60000 rounded down to the lot: 0.00008
        grid(quote_per_slot=D(5)), MARKET, ["is worth 4.", "minimum of 5 USDT", "raise quote_per_slot"],
        id="opening under min_notional",
    ),
    pytest.param(
        grid(GridMode.LONG, base_per_slot=D("0.001"), quote_per_slot=None), replace(MARKET, min_quantity=D("0.001")),
        ["closing order of 0.00099 BTC", "0.001 BTC"], id="closing under the minimum after the fee",
    ),
    pytest.param(
        # 0.1 % of 60120, taken twice, is 120.18.
        grid(interval=D(120)), MARKET, ["loses", "two maker fees of 0.1 %"], id="fees eat it",
    ),
    pytest.param(
        grid(interval=D(125), upper=D(100000)), MARKET, ["slot 100000", "loses"], id="fees eat it at the range's top"
    ),
    pytest.param(
        grid(base_per_slot=D("0.0001"), quote_per_slot=None, lower=D(10000)), MARKET, ["slot 10200", "is worth 1.02"],
        id="base_per_slot too small at the range's bottom",
    ),
    pytest.param(
        grid(spacing=Spacing.GEOMETRIC, interval=D("0.002")), MARKET, ["loses"], id="a geometric interval of two fees",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "market", "words"), REFUSED)
def test_a_grid_is_refused_with_the_numbers(config: GridConfig, market: MarketRules, words: list[str]) -> None:
    with pytest.raises(GridRefusedError) as refusal:
        check_grid(config, market)

    sentence = str(refusal.value)
    assert [word for word in words if word not in sentence] == [], sentence
    assert "\n" not in sentence


FEELESS = replace(MARKET, maker_fee=D(0), taker_fee=D(0))
ACCEPTED = [
    pytest.param(grid(), MARKET, id="the usual"),
    pytest.param(grid(GridMode.SHORT), MARKET, id="short"),
    pytest.param(grid(GridMode.NEUTRAL), MARKET, id="neutral"),
    pytest.param(grid(interval=D("0.01"), quote_per_slot=D(1000)), FEELESS, id="one tick without fees"),
    pytest.param(grid(base_per_slot=D("0.0001"), quote_per_slot=None), FEELESS, id="6 USDT a slot"),
    pytest.param(
        grid(base_per_slot=D("0.0001"), quote_per_slot=None, anchor=D(50_000), lower=D(50_000)), FEELESS,
        id="exactly min_notional at the bottom",
    ),
    pytest.param(grid(lower=D(59_999), upper=D(60_001)), MARKET, id="a range of one level"),
    pytest.param(grid(interval=D(123)), MARKET, id="just over two fees"),
    pytest.param(grid(interval=D(5), anchor=D(100), lower=D(90), upper=D(110)), MARKET, id="ends that are levels"),
    pytest.param(grid(risk=RiskConfig(max_position=D("0.00163"))), MARKET, id="a limit of one slot"),
    pytest.param(grid(risk=RiskConfig(max_jump=D("0.99"))), MARKET, id="a jump of nearly everything"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "market"), ACCEPTED)
def test_a_grid_that_can_trade_is_accepted(config: GridConfig, market: MarketRules) -> None:
    check_grid(config, market)


@pytest.mark.parametrize(("mode", "level"), [(GridMode.LONG, 0), (GridMode.SHORT, 1)])
def test_the_profit_of_a_round_pays_both_fees(mode: GridMode, level: int) -> None:
    slot = Ladder(grid(mode), MARKET).slot(level)
    assert slot is not None

    # 60300 less 0.1 % twice, less 60000
    assert round_trip_profit(slot, MARKET) == D("179.460300")


def test_a_refusal_names_what_to_do() -> None:
    for case in REFUSED:
        config, market, _ = case.values
        with pytest.raises(GridRefusedError) as refusal:
            check_grid(config, market)  # type: ignore[arg-type]  # a parameter set is untyped
        assert re.search(r"(raise|widen|give|swap|move)\b", str(refusal.value)), str(refusal.value)

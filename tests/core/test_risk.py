"""The risk check: what trips, what clears, and that no jump escapes a memory that forgets most prices."""

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcore.config import RiskConfig
from gridcore.risk import check_risk, fresh, quiet_prices
from gridcore.state import Mode, PriceAnchor, RiskFlags, Rule
from gridcore.triggers import EnterSafeMode, ExitSafeMode, PriceChanged, Ticked

D = Decimal
WINDOW_MS = 1_000
JUMPY = RiskConfig(max_jump=D("0.1"), jump_window_ms=WINDOW_MS)

# Steps of up to 4 % every 0 to 400 ms: many walks come close to 10 % a second, some pass it.
walks = st.lists(
    st.tuples(st.integers(min_value=0, max_value=400), st.integers(min_value=-40, max_value=40)),
    min_size=2,
    max_size=40,
)
limits = st.sampled_from([D("0.01"), D("0.05"), D("0.1"), D("0.3")])


def path(walk: list[tuple[int, int]], scale: Decimal) -> list[tuple[int, Decimal]]:
    """Times and prices of a walk whose steps are `scale` times as wide."""
    at_ms, price, found = 1_000_000, D(100), list[tuple[int, Decimal]]()
    for later_ms, permille in walk:
        at_ms, price = at_ms + later_ms, price * (1 + D(permille) / 1000 * scale)
        found.append((at_ms, price))
    return found


def largest_move(prices: list[tuple[int, Decimal]], window_ms: int) -> Decimal:
    """By brute force: the largest move from any price that held within the window to the last one."""
    now_ms, now = prices[-1]
    held = [price for (_, price), (until_ms, _) in itertools.pairwise(prices) if until_ms > now_ms - window_ms]
    return max((abs(now - price) / price for price in held), default=D(0))


@settings(max_examples=500)
@given(walk=walks, max_jump=limits)
def test_no_jump_is_missed_and_none_is_made_up(walk: list[tuple[int, int]], max_jump: Decimal) -> None:
    config = RiskConfig(max_jump=max_jump, jump_window_ms=WINDOW_MS)
    prices, risk = path(walk, max_jump * 10), RiskFlags()

    for count, (at_ms, price) in enumerate(prices, start=1):
        verdict = check_risk(risk, D(0), PriceChanged(at_ms, price), config)
        move = largest_move(prices[:count], WINDOW_MS)
        if verdict.procedure is not None:
            assert move >= max_jump * (D("0.75") - max_jump / 4), "an innocent move stopped the grid"
            return
        assert move < max_jump, "a jump was missed"
        risk = verdict.risk


@settings(max_examples=300)
@given(walk=walks, share=st.integers(min_value=1, max_value=99))
def test_a_price_in_the_quiet_band_neither_trips_nor_is_remembered(walk: list[tuple[int, int]], share: int) -> None:
    risk = RiskFlags()
    for at_ms, price in path(walk, D(1)):
        verdict = check_risk(risk, D(0), PriceChanged(at_ms, price), JUMPY)
        risk = verdict.risk if verdict.procedure is None else risk
        band = quiet_prices(risk, D(0), JUMPY)
        if band is None or band[1] is None or band[0] >= band[1]:
            continue
        inside = band[0] + (band[1] - band[0]) * share / 100
        quiet = check_risk(risk, D(0), PriceChanged(at_ms, inside), JUMPY)
        assert quiet.risk == risk
        assert quiet.procedure is None


@given(walk=st.lists(st.integers(min_value=-20, max_value=20), min_size=200, max_size=400))
def test_the_memory_stays_small(walk: list[int]) -> None:
    risk, price = RiskFlags(), D(100)
    for step, permille in enumerate(walk):
        price *= 1 + D(permille) / 1000
        verdict = check_risk(risk, D(0), PriceChanged(step, price), JUMPY)
        if verdict.procedure is not None:
            return
        risk = verdict.risk
        assert len(risk.anchors) <= 20


def test_a_tick_sees_a_jump_too() -> None:
    risk = check_risk(RiskFlags(), D(0), PriceChanged(1_000, D(100)), JUMPY).risk

    procedure = check_risk(risk, D(0), Ticked(1_200, D(89), 1_200), JUMPY).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert procedure.rule is Rule.PRICE_JUMP


@pytest.mark.parametrize(
    ("mode", "clears_itself"),
    [pytest.param(Mode.RUNNING, True, id="running"), pytest.param(Mode.PAUSED, False, id="paused by hand")],
)
def test_a_stale_price_stops_the_grid_and_only_a_running_one_comes_back_by_itself(
    mode: Mode, *, clears_itself: bool
) -> None:
    procedure = check_risk(RiskFlags(mode=mode), D(0), Ticked(20_000, D(100), 9_999), RiskConfig()).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert procedure.rule is Rule.STALE_PRICE
    assert procedure.clears_itself is clears_itself
    assert "10001 ms" in procedure.reason
    assert "10000" in procedure.reason


def test_a_price_is_fresh_up_to_its_limit() -> None:
    assert fresh(0, 10_000, RiskConfig())
    assert not fresh(0, 10_001, RiskConfig())


@pytest.mark.parametrize(
    ("position", "trips"),
    [("0.5", False), ("0.50001", True), ("-0.5", False), ("-0.50001", True)],
    ids=["long at the limit", "long beyond", "short at the limit", "short beyond"],
)
@pytest.mark.parametrize("trigger", [PriceChanged(1, D(100)), Ticked(1, D(100), 1)], ids=["price", "tick"])
def test_a_position_beyond_its_limit_stops_the_grid(
    trigger: PriceChanged | Ticked, position: str, *, trips: bool
) -> None:
    config = RiskConfig(max_position=D("0.5"))

    procedure = check_risk(RiskFlags(), D(position), trigger, config).procedure

    assert (isinstance(procedure, EnterSafeMode) and procedure.rule is Rule.MAX_POSITION) is trips


@pytest.mark.parametrize("mode", [Mode.ENTERING, Mode.SAFE])
@pytest.mark.parametrize("trigger", [PriceChanged(90_000, D(1)), Ticked(90_000, None, 0)], ids=["price", "tick"])
def test_a_halted_grid_does_not_trip_again(trigger: PriceChanged | Ticked, mode: Mode) -> None:
    config = replace(JUMPY, max_position=D(1))
    risk = replace(check_risk(RiskFlags(), D(0), PriceChanged(1, D(100)), config).risk, mode=mode)

    assert check_risk(risk, D(9), trigger, config).procedure is None


STALE = RiskFlags(mode=Mode.SAFE, rule=Rule.STALE_PRICE, clears_itself=True)
CALM = RiskConfig(calm_ms=5_000)


def test_it_waits_for_the_calm_and_then_leaves() -> None:
    calm = check_risk(STALE, D(0), Ticked(100_000, D(1), 100_000), CALM)
    early = check_risk(calm.risk, D(0), Ticked(104_999, D(1), 104_999), CALM)
    late = check_risk(early.risk, D(0), Ticked(105_000, D(1), 105_000), CALM)

    assert calm.procedure is None
    assert early.procedure is None
    assert early.risk == calm.risk, "waiting writes nothing"
    assert isinstance(late.procedure, ExitSafeMode)


def test_a_feed_that_dies_again_starts_the_wait_anew() -> None:
    calm = check_risk(STALE, D(0), Ticked(100_000, D(1), 100_000), CALM)
    dead = check_risk(calm.risk, D(0), Ticked(120_000, D(1), 100_000), CALM)
    back = check_risk(dead.risk, D(0), Ticked(121_000, D(1), 121_000), CALM)

    assert back.procedure is None
    assert back.risk.calm_since_ms == 121_000


@pytest.mark.parametrize("rule", [Rule.PRICE_JUMP, Rule.MAX_POSITION, Rule.OPERATOR])
def test_what_is_left_by_hand_only_stays(rule: Rule) -> None:
    risk = RiskFlags(mode=Mode.SAFE, rule=rule, calm_since_ms=1)

    assert check_risk(risk, D(0), Ticked(100_000, D(1), 100_000), CALM).procedure is None


def test_a_jump_behind_a_stale_feed_is_left_to_a_person() -> None:
    config = RiskConfig(max_jump=D("0.05"), calm_ms=1_000)
    halted = replace(STALE, anchors=(PriceAnchor(D(60000), 0),), calm_since_ms=1_000)

    blind = check_risk(halted, D(0), Ticked(2_000, D(50000), 2_000), config)
    seen = check_risk(halted, D(0), Ticked(2_000, D(60100), 2_000), config)

    assert blind.procedure is None
    assert (blind.risk.mode, blind.risk.rule, blind.risk.clears_itself) == (Mode.SAFE, Rule.PRICE_JUMP, False)
    assert isinstance(seen.procedure, ExitSafeMode)

"""The risk check: what trips, what clears, and that no jump escapes a memory that forgets most prices."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcore.model.config import RiskConfig
from gridcore.model.events import EnterSafeMode, ExitSafeMode, PriceChanged, Ticked
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import InventorySlot, SlotOrder
from gridcore.model.state import Mode, PriceAnchor, RiskFlags, Rule, State, Totals
from gridcore.risk.check import Verdict, check_risk, quiet_prices
from gridcore.risk.passed_prices import extremes
from gridcore.risk.price_jump import unwatched_ms, unwatched_since
from gridcore.risk.rules import fresh
from gridcore.risk.table import Prices

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


def check(
    risk: RiskFlags, position: Decimal, trigger: PriceChanged | Ticked, config: RiskConfig, *doubts: SlotOrder
) -> Verdict:
    """The check of a state with this memory and position, and with these orders in slots of their own."""
    slots = {str(n): InventorySlot(D(n), n, Side.BUY, D(n + 1), order=order) for n, order in enumerate(doubts, start=1)}
    return check_risk(State("BTC/USDT", "s", "g", slots, risk=risk, totals=Totals(position)), trigger, config)


def quiet(risk: RiskFlags, config: RiskConfig) -> Prices | None:
    """The quiet prices of a state with this memory."""
    return quiet_prices(State("BTC/USDT", "s", "g", risk=risk), config)


def order(decided_ms: int, status: OrderStatus = OrderStatus.UNKNOWN) -> SlotOrder:
    return SlotOrder(f"o{decided_ms}", "", Role.OPENING, Side.BUY, D(1), D(1), D(0), status, decided_ms)


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
        verdict = check(risk, D(0), PriceChanged(at_ms, price), config)
        move = largest_move(prices[:count], WINDOW_MS)
        if verdict.procedure is not None:
            assert move >= max_jump * (D("0.75") - max_jump / 4), "an innocent move stopped the grid"
            return
        assert move < max_jump, "a jump was missed"
        risk = verdict.risk


@settings(max_examples=500)
@given(walk=walks, max_jump=limits, pauses=st.lists(st.integers(min_value=1, max_value=12), min_size=1, max_size=10))
def test_no_jump_is_missed_by_one_that_looks_now_and_then(
    walk: list[tuple[int, int]], max_jump: Decimal, pauses: list[int]
) -> None:
    """A slow machine: of each few prices it takes the last, with the extremes of the others."""
    config = RiskConfig(max_jump=max_jump, jump_window_ms=WINDOW_MS)
    prices, risk, looked = path(walk, max_jump * 10), RiskFlags(), 0

    for pause in itertools.cycle(pauses):
        passed, (at_ms, price) = prices[looked : looked + pause - 1], prices[min(looked + pause, len(prices)) - 1]
        kept: tuple[Decimal, ...] = ()
        for _, one in passed:
            kept = extremes((*kept, one))
        trigger = PriceChanged(at_ms, price, kept, passed[0][0] if passed else 0)
        verdict = check(risk, D(0), trigger, config)
        if verdict.procedure is not None:
            return
        risk, before, looked = verdict.risk, looked, looked + pause
        for count in range(before + 1, min(looked, len(prices)) + 1):
            assert largest_move(prices[:count], WINDOW_MS) < max_jump, "a jump was missed"
        if looked >= len(prices):
            return


@settings(max_examples=500)
@given(
    before=walks,
    after=walks,
    down_ms=st.integers(min_value=0, max_value=3 * WINDOW_MS),
    late_ms=st.integers(min_value=0, max_value=WINDOW_MS),
    max_jump=limits,
)
def test_no_jump_is_missed_over_a_downtime_and_none_is_made_of_a_longer_move(
    before: list[tuple[int, int]], after: list[tuple[int, int]], down_ms: int, late_ms: int, max_jump: Decimal
) -> None:
    """`late_ms`: how long the look that a start knows of may have been before the last one that there was."""
    config = RiskConfig(max_jump=max_jump, jump_window_ms=WINDOW_MS)
    prices, risk = path(before + after, max_jump * 10), RiskFlags()
    # Quiet prices went on for `late_ms` after the last one of before; what is on record reaches as far or farther.
    looked_ms = prices[len(before) - 1][0] + late_ms
    gap_ms, lapses = late_ms + down_ms, down_ms >= WINDOW_MS
    prices = [(at_ms if n < len(before) else at_ms + gap_ms, price) for n, (at_ms, price) in enumerate(prices)]
    held = list[tuple[int, int, Decimal]]()  # until when each price was seen to hold, until when it counts, the price

    for number, (at_ms, price) in enumerate(prices):
        if number == len(before):
            until_ms = unwatched_since(looked_ms, at_ms, config)
            risk = replace(risk, anchors=unwatched_ms(risk.anchors, until_ms))
        seen = [abs(price - old) / old for seen_ms, _, old in held if seen_ms > at_ms - WINDOW_MS]
        counted = [abs(price - old) / old for _, counts_ms, old in held if counts_ms > at_ms - WINDOW_MS]
        verdict = check(risk, D(0), PriceChanged(at_ms, price), config)
        if verdict.procedure is not None:
            assert max(counted, default=D(0)) >= max_jump * (D("0.75") - max_jump / 4), "an innocent move"
            return
        assert max(seen, default=D(0)) < max_jump, "a jump was missed"
        risk = verdict.risk
        later_ms = prices[number + 1][0] if number + 1 < len(prices) else at_ms
        seen_ms = looked_ms if number == len(before) - 1 else later_ms
        held.append((seen_ms, seen_ms if lapses else later_ms, price))


def test_after_a_downtime_the_next_price_is_remembered_however_little_it_moved() -> None:
    risk = RiskFlags(anchors=unwatched_ms((PriceAnchor(D(100), 0),), 5_000))
    assert quiet(risk, JUMPY) is None

    verdict = check(risk, D(0), PriceChanged(9_000, D("100.1")), JUMPY)
    assert verdict.risk.anchors == (PriceAnchor(D("100.1"), 0),)
    assert check(verdict.risk, D(0), PriceChanged(9_500, D("111.5")), JUMPY).procedure is not None


@given(prices=st.lists(st.integers(min_value=1, max_value=1_000).map(Decimal), min_size=1, max_size=30))
def test_of_prices_passed_over_the_extremes_and_the_largest_moves_are_kept(prices: list[Decimal]) -> None:
    kept: tuple[Decimal, ...] = ()
    for price in prices:
        kept = extremes((*kept, price))

    assert len(kept) <= 6
    assert (min(kept), max(kept)) == (min(prices), max(prices))
    assert _moves(kept) == _moves(prices)


def _moves(prices: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """The largest fall and rise, as ratios."""
    ratios = [later / earlier for earlier, later in itertools.combinations(prices, 2)]
    return min(ratios, default=D(1)), max(ratios, default=D(1))


@settings(max_examples=300)
@given(walk=walks, share=st.integers(min_value=1, max_value=99))
def test_a_price_in_the_quiet_band_neither_trips_nor_is_remembered(walk: list[tuple[int, int]], share: int) -> None:
    risk = RiskFlags()
    for at_ms, price in path(walk, D(1)):
        verdict = check(risk, D(0), PriceChanged(at_ms, price), JUMPY)
        risk = verdict.risk if verdict.procedure is None else risk
        band = quiet(risk, JUMPY)
        if band is None or band[1] is None or band[0] >= band[1]:
            continue
        inside = band[0] + (band[1] - band[0]) * share / 100
        inner = check(risk, D(0), PriceChanged(at_ms, inside), JUMPY)
        assert inner.risk == risk
        assert inner.procedure is None


@given(walk=st.lists(st.integers(min_value=-20, max_value=20), min_size=200, max_size=400))
def test_the_memory_stays_small(walk: list[int]) -> None:
    risk, price = RiskFlags(), D(100)
    for step, permille in enumerate(walk):
        price *= 1 + D(permille) / 1000
        verdict = check(risk, D(0), PriceChanged(step, price), JUMPY)
        if verdict.procedure is not None:
            return
        risk = verdict.risk
        assert len(risk.anchors) <= 20


def test_a_tick_sees_a_jump_too() -> None:
    risk = check(RiskFlags(), D(0), PriceChanged(1_000, D(100)), JUMPY).risk

    procedure = check(risk, D(0), Ticked(1_200, D(89), 1_200), JUMPY).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert procedure.rule is Rule.PRICE_JUMP


@pytest.mark.parametrize(
    ("mode", "clears_itself"),
    [pytest.param(Mode.RUNNING, True, id="running"), pytest.param(Mode.PAUSED, False, id="paused by an operator")],
)
def test_a_stale_price_stops_the_grid_and_only_a_running_one_comes_back_by_itself(
    mode: Mode, *, clears_itself: bool
) -> None:
    procedure = check(RiskFlags(mode=mode), D(0), Ticked(20_000, D(100), 9_999), RiskConfig()).procedure

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

    procedure = check(RiskFlags(), D(position), trigger, config).procedure

    assert (isinstance(procedure, EnterSafeMode) and procedure.rule is Rule.MAX_POSITION) is trips


@pytest.mark.parametrize("mode", [Mode.ENTERING, Mode.SAFE])
@pytest.mark.parametrize("trigger", [PriceChanged(90_000, D(1)), Ticked(90_000, None, 0)], ids=["price", "tick"])
def test_a_halted_grid_does_not_trip_again(trigger: PriceChanged | Ticked, mode: Mode) -> None:
    config = replace(JUMPY, max_position=D(1))
    risk = replace(check(RiskFlags(), D(0), PriceChanged(1, D(100)), config).risk, mode=mode)

    assert check(risk, D(9), trigger, config).procedure is None


STALE = RiskFlags(mode=Mode.SAFE, rule=Rule.STALE_PRICE, clears_itself=True)
CALM = RiskConfig(calm_ms=5_000)


def test_it_waits_for_the_calm_and_then_leaves() -> None:
    calm = check(STALE, D(0), Ticked(100_000, D(1), 100_000), CALM)
    early = check(calm.risk, D(0), Ticked(104_999, D(1), 104_999), CALM)
    late = check(early.risk, D(0), Ticked(105_000, D(1), 105_000), CALM)

    assert calm.procedure is None
    assert early.procedure is None
    assert early.risk == calm.risk, "waiting writes nothing"
    assert isinstance(late.procedure, ExitSafeMode)


def test_a_feed_that_dies_again_restarts_the_wait() -> None:
    calm = check(STALE, D(0), Ticked(100_000, D(1), 100_000), CALM)
    dead = check(calm.risk, D(0), Ticked(120_000, D(1), 100_000), CALM)
    back = check(dead.risk, D(0), Ticked(121_000, D(1), 121_000), CALM)

    assert back.procedure is None
    assert back.risk.calm_since_ms == 121_000


@pytest.mark.parametrize("rule", [Rule.PRICE_JUMP, Rule.MAX_POSITION, Rule.OPERATOR])
def test_a_halt_with_manual_recovery_stays(rule: Rule) -> None:
    risk = RiskFlags(mode=Mode.SAFE, rule=rule, calm_since_ms=1)

    assert check(risk, D(0), Ticked(100_000, D(1), 100_000), CALM).procedure is None


def test_a_jump_behind_a_stale_feed_is_left_to_a_person() -> None:
    config = RiskConfig(max_jump=D("0.05"), calm_ms=1_000)
    halted = replace(STALE, anchors=(PriceAnchor(D(60000), 0),), calm_since_ms=1_000)

    blind = check(halted, D(0), Ticked(2_000, D(50000), 2_000), config)
    seen = check(halted, D(0), Ticked(2_000, D(60100), 2_000), config)

    assert blind.procedure is None
    assert (blind.risk.mode, blind.risk.rule, blind.risk.clears_itself) == (Mode.SAFE, Rule.PRICE_JUMP, False)
    assert isinstance(seen.procedure, ExitSafeMode)


# -- orders in doubt

DOUBTFUL = RiskConfig(unknown_too_old_ms=1_000, calm_ms=500)


@pytest.mark.parametrize(
    ("orders", "trips"),
    [
        pytest.param([], False, id="none"),
        pytest.param([order(9_000)], False, id="at the limit"),
        pytest.param([order(8_999)], True, id="beyond"),
        pytest.param([order(9_500), order(8_000)], True, id="the oldest counts"),
        pytest.param([order(1, OrderStatus.OPEN)], False, id="known"),
        pytest.param([order(1, OrderStatus.CANCELING)], False, id="on its way out"),
        pytest.param([order(0)], True, id="of a time before this was kept"),
    ],
)
def test_an_order_that_is_unknown_for_too_long_stops_the_grid(orders: list[SlotOrder], *, trips: bool) -> None:
    procedure = check(RiskFlags(), D(0), Ticked(10_000, D(1), 10_000), DOUBTFUL, *orders).procedure

    assert (procedure is not None) is trips
    if isinstance(procedure, EnterSafeMode):
        oldest = min(orders, key=lambda one: one.decided_ms)
        assert (procedure.rule, procedure.clears_itself) == (Rule.UNKNOWN_TOO_OLD, True)
        assert oldest.client_order_id in procedure.reason


def test_with_the_limit_off_an_order_may_stay_unknown() -> None:
    config = RiskConfig(unknown_too_old_ms=0)
    halted = RiskFlags(mode=Mode.SAFE, rule=Rule.STALE_PRICE, clears_itself=True, calm_since_ms=1)

    assert check(RiskFlags(), D(0), Ticked(10**12, D(1), 10**12), config, order(1)).procedure is None
    assert isinstance(check(halted, D(0), Ticked(10**12, D(1), 10**12), config, order(1)).procedure, ExitSafeMode)


def test_a_grid_that_was_paused_is_not_set_going_by_the_end_of_a_doubt() -> None:
    procedure = check(RiskFlags(mode=Mode.PAUSED), D(0), Ticked(10_000, D(1), 10_000), DOUBTFUL, order(1)).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert not procedure.clears_itself


@pytest.mark.parametrize("rule", [Rule.UNKNOWN_TOO_OLD, Rule.STALE_PRICE])
def test_a_halt_that_clears_itself_waits_until_no_order_is_in_doubt_however_young(rule: Rule) -> None:
    halted = RiskFlags(mode=Mode.SAFE, rule=rule, clears_itself=True, calm_since_ms=9_000)
    tick = Ticked(10_000, D(1), 10_000)

    doubted = check(halted, D(0), tick, DOUBTFUL, order(9_999))
    resolved = check(halted, D(0), tick, DOUBTFUL, order(9_999, OrderStatus.OPEN))

    assert (doubted.procedure, doubted.risk.calm_since_ms) == (None, 0)
    assert isinstance(resolved.procedure, ExitSafeMode)


# -- refusals


@pytest.mark.parametrize(("rejects", "trips"), [(2, False), (3, True), (4, True)])
@pytest.mark.parametrize("trigger", [PriceChanged(1, D(100)), Ticked(1, D(100), 1)], ids=["price", "tick"])
def test_too_many_refusals_in_a_row_stop_the_grid(trigger: PriceChanged | Ticked, rejects: int, *, trips: bool) -> None:
    config = RiskConfig(max_rejects=3)

    procedure = check(RiskFlags(rejects=rejects), D(0), trigger, config).procedure

    assert (isinstance(procedure, EnterSafeMode) and procedure.rule is Rule.REJECTS) is trips
    assert not (isinstance(procedure, EnterSafeMode) and procedure.clears_itself)
    assert (quiet(RiskFlags(rejects=rejects), config) is None) is trips
    assert check(RiskFlags(rejects=rejects), D(0), trigger, RiskConfig()).procedure is None, "off unless asked for"


# -- a fill of an order that had ended


STRAY = RiskFlags(stray_order="o1")


@pytest.mark.parametrize("mode", [Mode.RUNNING, Mode.PAUSED])
@pytest.mark.parametrize(
    "trigger", [PriceChanged(90_000, D(100)), Ticked(90_000, D(100), 0)], ids=["price", "a tick that sees it stale"]
)
def test_a_stray_fill_halts_the_grid_before_any_rule_with_automatic_recovery(
    trigger: PriceChanged | Ticked, mode: Mode
) -> None:
    procedure = check(replace(STRAY, mode=mode), D(0), trigger, RiskConfig()).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert (procedure.rule, procedure.clears_itself) == (Rule.STRAY_FILL, False)
    assert "o1" in procedure.reason
    assert quiet(STRAY, RiskConfig()) is None


@pytest.mark.parametrize("halted", [STALE, RiskFlags(mode=Mode.SAFE, rule=Rule.OPERATOR)], ids=["rule", "operator"])
def test_a_stray_fill_in_safe_mode_becomes_its_reason(halted: RiskFlags) -> None:
    verdict = check(replace(halted, stray_order="o1"), D(0), Ticked(90_000, D(1), 90_000), RiskConfig(calm_ms=0))
    again = check(verdict.risk, D(0), Ticked(91_000, D(1), 91_000), RiskConfig(calm_ms=0))

    assert (verdict.risk.mode, verdict.risk.rule, verdict.risk.clears_itself) == (Mode.SAFE, Rule.STRAY_FILL, False)
    assert verdict.procedure is None
    assert again == Verdict(verdict.risk), "once is enough"

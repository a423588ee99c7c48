"""The table of modes: what may follow what, and that nothing but the table is asked."""

import itertools

import pytest

from gridcore.decide import decide
from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.events import ModeChanged
from gridcore.model.modes import MODE_TRANSITIONS, advance_mode
from gridcore.model.state import Mode, RiskFlags, Rule, State
from gridtesting.grids import MARKET, grid

WAYS = {(mode, then) for mode, row in MODE_TRANSITIONS.items() for then in row.values()}
NO_WAYS = sorted(set(itertools.product(Mode, Mode)) - WAYS, key=str)


@pytest.mark.parametrize(("mode", "then"), sorted(WAYS, key=str))
def test_a_mode_changes_to_what_the_table_says(mode: Mode, then: Mode) -> None:
    assert advance_mode(mode, then) is then


@pytest.mark.parametrize(("mode", "then"), NO_WAYS)
def test_a_step_to_any_other_mode_is_an_error(mode: Mode, then: Mode) -> None:
    config = grid()
    state = State(MARKET.symbol, "s", config.geometry, risk=RiskFlags(mode=mode))
    change = ModeChanged(1, then, Rule.OPERATOR, "a drill", "ann")

    with pytest.raises(ImpossibleTransitionError, match=f"{mode.value} cannot become {then.value}"):
        decide(state, change, MARKET, config, request_id="r1", epoch=1, prefix="gtest0")


def test_safe_mode_is_reached_through_entering_alone_and_left_for_running_alone() -> None:
    assert [mode for mode, then in WAYS if then is Mode.SAFE] == [Mode.ENTERING]
    assert {then for mode, then in WAYS if mode is Mode.SAFE} == {Mode.RUNNING, Mode.ENTERING}

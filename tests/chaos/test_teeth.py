"""The matrix has teeth: without a rule, a case finds the promise broken that the rule is for."""

from pathlib import Path

import pytest

from gridchaos.case import Case
from gridchaos.player import play
from gridrpc.settings import ConfigError
from gridrpc.without import WITHOUT, Rule, is_out, take_out

TEETH = {
    Rule.LOOK_BEFORE_SEND: ("executor.place.after/placing/traded-away", "duplicates"),
    # It dies at its start, and the order is filled meanwhile: so fill and end come in one step, which a workflow makes.
    Rule.COMMIT_GUARD: ("orchestrator.start.fenced+orchestrator.commit_state.after/fill/none", "applied_twice"),
    Rule.OFFSET_WITH_STATE: ("orchestrator.run.before/fill/none", "lost_fills"),
}
ELSE_ZERO = {"duplicates", "lost_fills", "applied_twice", "guessed", "foreign_touched"}


@pytest.mark.parametrize("rule", TEETH, ids=lambda rule: rule.value)
@pytest.mark.system
@pytest.mark.xdist_group("teeth")
async def test_without_the_rule_a_case_finds_the_promise_broken(rule: Rule, tmp_path: Path) -> None:
    """With the rule, the same case finds nothing: it is among those of test_dying_at_points."""
    case_id, broken = TEETH[rule]
    case = Case.parse(case_id)
    played = await play(case, tmp_path, {WITHOUT: rule.value}, deadline_seconds=4)
    measures = played.verdict.measures
    assert played.died(case)
    assert {name for name in ELSE_ZERO if measures[name]} == {broken}, played.verdict.problems


def test_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="there are look-before-send, commit-guard, offset-with-state"):
        take_out({WITHOUT: "look-before-sending"})


def test_every_rule_holds_unless_it_is_taken_out() -> None:
    take_out({})
    assert not any(is_out(rule) for rule in Rule)

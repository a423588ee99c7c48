"""The matrix has teeth: without a rule, a case finds the promise broken that the rule is for."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from gridchaos.matrix.case import Case
from gridchaos.matrix.player import play
from gridservice.config_file import ConfigError
from gridtesting.mutant import WITHOUT, Rule, rules_of

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


def test_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="there are look-before-send, commit-guard, offset-with-state"):
        rules_of({WITHOUT: "look-before-sending"})


def test_no_module_that_ships_with_the_services_knows_of_a_rule_to_leave_out() -> None:
    root = Path(__file__).resolve().parents[2]
    modules = [*root.glob("services/**/*.py"), *root.glob("libs/gridrpc/**/*.py"), *root.glob("libs/gridcore/**/*.py")]
    found = [
        str(path)
        for path in modules
        if re.search("GRIDWRIGHT_WITHOUT|mutant|is_out\\(", path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.system
async def test_a_service_takes_no_order_from_its_environment_to_break_a_promise(tmp_path: Path) -> None:
    """The old switch: an executor that finds an action SENDING looks it up all the same."""
    name = "GRIDWRIGHT_WITHOUT"
    case = Case.parse(TEETH[Rule.LOOK_BEFORE_SEND][0])
    played = await play(case, tmp_path, {name: Rule.LOOK_BEFORE_SEND.value})
    assert played.died(case)
    assert played.verdict.problems == ()


@pytest.mark.system
async def test_the_command_line_runs_a_mutant_with_the_services_own_options() -> None:
    command = (sys.executable, "-m", "gridtesting.mutant", "executor", "--without", "look-before-send")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2  # by the executor's own parser
    assert b"executor: error: the following arguments are required: --config" in said

"""The step that the benchmark measures can be repeated indefinitely and is the same for every subject."""

import pytest

from gridbench.case import BY_ACTIONS, BY_SLOTS, CASES, Case, rules, sample, some_ended
from gridbench.errand import errand, errands_of_actions, named
from gridbench.steps import SUBJECTS, steps_of_turn
from gridcore.grid.grid_checks import check_grid
from gridrpc.convert_plan import plan_from_json, results_from_json
from gridrpc.convert_state import state_from_json

AT_MS = 1_700_000_000_000


def name(case: Case) -> str:
    return f"{case.actions} actions, {case.slots} slots"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_step_has_its_actions_and_leaves_the_grid_as_large_as_it_was(case: Case) -> None:
    check_grid(case.grid, rules(case.symbol))
    step = sample(case, AT_MS)

    assert len(step.plan.actions) == case.actions
    assert len(step.before.slots) == len(step.after.slots) == case.slots
    assert len(some_ended(case, step.after, AT_MS).updates) == case.actions


@pytest.mark.parametrize("case", BY_ACTIONS, ids=name)
def test_a_workflow_per_action_sends_and_writes_what_the_whole_step_does(case: Case) -> None:
    whole, parts = errand(case), errands_of_actions(case)

    assert sum(len(results_from_json(part.results)) for part in parts) == len(results_from_json(whole.results))
    assert {key for part in parts for key in part.changed_slots} == set(whole.changed_slots)
    assert all(len(plan_from_json(part.plan).actions) == 1 for part in parts)
    assert len(state_from_json(whole.state).slots) == case.slots


def test_an_errand_under_another_name_is_the_same_errand() -> None:
    first = errand(BY_SLOTS[0])
    second = named(first, "bench/1/7")

    assert plan_from_json(second.plan).request_id == second.request_id == "bench/1/7"
    assert plan_from_json(second.plan).actions == plan_from_json(first.plan).actions
    assert second.changed_slots == first.changed_slots


@pytest.mark.parametrize("case", CASES)
def test_each_subject_has_a_turn_of_each_case(case: Case) -> None:
    assert all(steps_of_turn(subject, case) > 0 for subject in SUBJECTS)

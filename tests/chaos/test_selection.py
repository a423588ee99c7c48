"""Cases of the matrix, by a survey small enough to count manually."""

from itertools import product

from gridchaos.harness.venue_faults import VenueFault
from gridchaos.matrix.case import Case, Phase
from gridchaos.matrix.selection import STANDING, STRIKES, Select, Surveyed, essentials, matrix, pairs, selected

PASSES = {
    "executor.accept.after": 1, "executor.place.before": 5, "executor.place.after": 5, "executor.cancel.after": 2,
    "executor.answer.before": 5, "executor.trade.after": 1, "executor.start.reached": 1,
    "orchestrator.heard": 5, "orchestrator.commit.written": 2, "orchestrator.start.leased": 1,
}  # fmt: skip
STARTS = {"executor.start.reached": 1, "executor.look.after": 1, "orchestrator.start.settled": 1}
SURVEYED = Surveyed(dict.fromkeys(Phase, PASSES), dict.fromkeys(Phase, STARTS))
CASES = matrix(SURVEYED)


def test_every_point_of_every_phase_is_a_case_without_a_fault() -> None:
    alone = {(case.point, case.phase) for case in CASES if case.fault is VenueFault.NONE}
    assert alone >= set(product(PASSES, Phase))


def test_the_second_pass_is_a_case_where_there_are_enough_of_them() -> None:
    assert Case("executor.place.after:2", Phase.FILL) in CASES
    assert Case("executor.cancel.after:2", Phase.FILL) not in CASES


def test_every_point_of_a_start_is_died_at_a_second_time() -> None:
    new_work = Surveyed({}, {Phase.FILL: {"orchestrator.run.before": 1, "executor.place.after": 1}})
    assert matrix(new_work) == []
    twice = {(case.deaths[1], case.phase) for case in CASES if len(case.deaths) == 2}
    assert twice == set(product(STARTS, Phase))
    assert all(len({name.partition(".")[0] for name in case.names}) == 1 for case in CASES)


def test_every_fault_is_in_every_phase_in_which_it_can_strike() -> None:
    together = {
        (case.phase, case.fault) for case in CASES if case.fault not in {VenueFault.NONE, VenueFault.TRADED_AWAY}
    }
    wanted = {(phase, fault) for phase, fault in product(Phase, VenueFault) if fault.strikes in STRIKES[phase]}
    nothing_to_hold_back = {(Phase.HALT, VenueFault.CANCEL_BANNED)}
    assert together == wanted - nothing_to_hold_back - set(STANDING.items())


def test_a_fault_that_hides_a_place_leads_to_where_it_is_found_and_one_that_loses_it_to_where_it_is_given_up() -> None:
    assert Case("executor.found.after", Phase.LIFT, VenueFault.HIDDEN) in CASES
    assert Case("executor.absent.after", Phase.LIFT, VenueFault.LOST_REQUEST) in CASES
    assert Case("executor.absent.after", Phase.LIFT, VenueFault.LOST_ANSWER) not in CASES


def test_a_pairwise_selection_has_every_pair_and_far_fewer_cases() -> None:
    chosen = selected(CASES, Select.PAIRWISE)
    assert {pair for case in chosen for pair in pairs(case)} == {pair for case in CASES for pair in pairs(case)}
    assert len(chosen) < len(CASES) * 2 / 3


def test_a_covering_selection_has_every_service_phase_and_kind_of_fault() -> None:
    chosen = selected(CASES, Select.COVERING)
    assert {each for case in chosen for each in essentials(case)} == {
        each for case in CASES for each in essentials(case)
    }
    assert len(chosen) < 30


def test_the_same_survey_gives_the_same_cases() -> None:
    turned = Surveyed(dict(reversed(SURVEYED.phases.items())), SURVEYED.starts)
    assert [case.id for case in matrix(turned)] == [case.id for case in CASES]
    assert len(set(CASES)) == len(CASES)


def test_every_case_is_known_by_its_id() -> None:
    assert [Case.parse(case.id) for case in CASES] == CASES

"""The soak's rules, each broken once on purpose: what is shown too late, hammered or starved is found."""

import pytest

from gridchaos.storms.schedule import Schedule, draw_soak
from gridchaos.venue_changes.changes import BREAK, EFFECTS, FEES, KEYS, VenueChange
from gridchaos.venue_changes.watcher import FASTEST_MS, Refused, Repetitions, Shown, Starving
from gridservice.troubles import Kind

KEYS_REFUSED = VenueChange(0, KEYS, 50)
IN_A_BREAK = VenueChange(0, BREAK, 50)
SHOWN, NOTHING = frozenset({Kind.KEY_REFUSED.value}), frozenset[str]()


def test_a_soak_is_its_seed_survives_json_and_has_every_change() -> None:
    first = draw_soak(3, "sqlite", 3_600)
    assert first == draw_soak(3, "sqlite", 3_600) != draw_soak(4, "sqlite", 3_600)
    assert Schedule.from_json(first.to_json()) == first
    assert {event.change for event in first.events if isinstance(event, VenueChange)} == set(EFFECTS)
    assert first.kills == 0


def test_a_trouble_that_comes_and_goes_in_time_is_timed() -> None:
    shown = Shown()
    shown.begun(KEYS_REFUSED, 0)
    for now in (1, 2):
        shown.look(NOTHING, now)
    shown.look(SHOWN, 3)
    shown.ended(KEYS_REFUSED, 20)
    shown.look(SHOWN, 21)
    shown.look(NOTHING, 24)
    shown.look(NOTHING, 60)
    assert (shown.problems, shown.shown_ms) == ([], [3_000])
    assert 4_000 in shown.gone_ms
    assert not shown.uncaused


def test_a_trouble_that_is_not_shown_in_time_is_found_once() -> None:
    shown = Shown()
    shown.begun(KEYS_REFUSED, 0)
    for now in (5, 11, 12):
        shown.look(NOTHING, now)
    assert len(shown.problems) == 1


def test_a_trouble_that_stays_is_found_once() -> None:
    shown = Shown()
    shown.begun(KEYS_REFUSED, 0)
    shown.look(SHOWN, 1)
    shown.ended(KEYS_REFUSED, 5)
    for now in (10, 16, 17):
        shown.look(SHOWN, now)
    assert len(shown.problems) == 1


def test_what_refused_keys_hide_counts_from_their_end() -> None:
    shown = Shown()
    shown.begun(KEYS_REFUSED, 0)
    shown.look(SHOWN, 1)
    shown.begun(IN_A_BREAK, 2)
    shown.look(SHOWN, 30)
    shown.ended(KEYS_REFUSED, 40)
    shown.look(NOTHING, 49)
    assert not shown.problems
    shown.look(NOTHING, 51)
    assert len(shown.problems) == 1


def test_what_refused_keys_keep_showing_counts_from_their_end() -> None:
    shown = Shown()
    in_a_break = frozenset({Kind.MARKET_CLOSED.value})
    shown.begun(IN_A_BREAK, 0)
    shown.look(in_a_break, 1)
    shown.begun(KEYS_REFUSED, 2)
    shown.ended(IN_A_BREAK, 3)
    shown.look(in_a_break | SHOWN, 30)
    shown.ended(KEYS_REFUSED, 40)
    shown.look(in_a_break, 49)
    assert not shown.problems
    shown.look(in_a_break, 51)
    assert len(shown.problems) == 1


def test_what_another_change_still_causes_may_stay() -> None:
    shown = Shown()
    other = VenueChange(0, KEYS, 50)
    shown.begun(KEYS_REFUSED, 0)
    shown.begun(other, 0)
    shown.look(SHOWN, 1)
    shown.ended(KEYS_REFUSED, 2)
    shown.look(SHOWN, 30)
    assert shown.problems == []
    shown.ended(other, 40)
    shown.look(SHOWN, 51)
    assert len(shown.problems) == 1


def test_what_nothing_in_force_causes_is_named() -> None:
    shown = Shown()
    shown.look(SHOWN, 1)
    assert shown.uncaused == SHOWN


def test_a_closing_that_the_exchange_would_take_is_starved_after_its_time() -> None:
    starving = Starving()
    starving.begun(VenueChange(0, FEES, 10))  # which takes every closing
    for now in (100, 105, 111):
        starving.look(["slot 60000 holds 1"], now)
    assert len(starving.problems) == 1
    assert starving.longest_seconds == 11


def test_a_closing_waits_for_the_exchange_as_long_as_that_takes_and_then_not_for_long() -> None:
    starving = Starving()
    starving.begun(IN_A_BREAK)
    for now in (100, 150):
        starving.look(["slot 60000 holds 1"], now)
    starving.ended(IN_A_BREAK, 150)
    starving.look(["slot 60000 holds 1"], 159)
    assert starving.problems == []
    starving.look(["slot 60000 holds 1"], 161)
    assert len(starving.problems) == 1


def refusals(times_ms: list[int]) -> Repetitions:
    repetitions = Repetitions()
    for at_ms in times_ms:
        repetitions.add(Refused(at_ms, 3, -2010))
    return repetitions


def test_pauses_that_grow_are_no_problem() -> None:
    times_ms, pause_ms = [0], 300
    for _ in range(12):
        times_ms.append(times_ms[-1] + pause_ms)
        pause_ms = min(2 * pause_ms, 60_000)
    assert refusals(times_ms).problems == []


@pytest.mark.parametrize("times_ms", [[0, FASTEST_MS - 1], [1_000 * number for number in range(10)]])
def test_what_is_hammered_at_once_or_at_one_pace_is_found(times_ms: list[int]) -> None:
    assert refusals(times_ms).problems


def test_after_a_change_or_an_accepted_order_the_count_of_a_slot_starts_again() -> None:
    repetitions = refusals([0])
    repetitions.taken(3)
    repetitions.add(Refused(1, 3, -2010))
    repetitions.changed()
    repetitions.add(Refused(2, 3, -2010))
    assert repetitions.problems == []
    assert repetitions.refused == 3

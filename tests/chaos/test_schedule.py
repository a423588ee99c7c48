"""What a storm does follows from its seed; one that fails is made short by a player that knows nothing of processes."""

from collections.abc import Iterable
from itertools import islice

import pytest

from gridchaos.storms.deployment import DATABASE_WIRES, WIRES
from gridchaos.storms.schedule import (
    BACKEND,
    POSTGRES,
    Die,
    Event,
    Fault,
    Kill,
    Partition,
    Schedule,
    Snap,
    Stop,
    draw,
    kills_of,
    walk,
)
from gridchaos.storms.shrinking import reruns, shrink
from gridwright.v1 import simex_pb2

P1, P2 = frozenset({"P1"}), frozenset({"P2"})
EVENTS = tuple(Kill(number, "executor") for number in range(16))


def storm(events: Iterable[Event] = EVENTS) -> Schedule:
    return Schedule(seed=1, database="sqlite", events=tuple(events))


class Needs:
    """A player for whom a storm breaks P1 if it has all of these; with `every`, in each n-th play of such a one."""

    def __init__(self, *events: Event, every: int = 1) -> None:
        self.plays = 0
        self._events = set(events)
        self._every = every
        self._hits = 0

    def __call__(self, schedule: Schedule) -> frozenset[str]:
        self.plays += 1
        if not self._events <= set(schedule.events):
            return P2  # something else, always
        self._hits += 1
        return P1 if self._hits % self._every == 0 else P2


@pytest.mark.parametrize("database", ["sqlite", POSTGRES])
def test_a_storm_is_its_seed_and_survives_json(database: str) -> None:
    first, again, other = (draw(seed, database, WIRES, kills=40) for seed in (1, 1, 2))
    assert first == again
    assert first.events != other.events
    assert Schedule.from_json(first.to_json()) == first
    assert 40 <= first.kills <= 43  # the last event may kill up to four


def events(database: str, channels: Iterable[str]) -> list[Event]:
    """Of many storms."""
    return [event for seed in range(100) for event in draw(seed, database, [*channels], kills=40).events]


def test_all_kinds_of_events_happen_and_a_database_only_where_there_is_one() -> None:
    both = [events("sqlite", WIRES), events(POSTGRES, WIRES + DATABASE_WIRES)]
    kinds = [{type(event) for event in each} for each in both]
    killed = [{event.service for event in each if isinstance(event, Kill)} for each in both]
    stopped = [{event.service for event in each if isinstance(event, Stop)} for each in both]
    cut = [{event.wire for event in each if isinstance(event, Partition)} for each in both]
    assert kinds[0] == kinds[1]
    assert len(kinds[0]) == 10
    assert killed[0] == stopped[0] == {"orchestrator", "executor", "pricemon", "simex"}
    assert killed[1] - killed[0] == {POSTGRES, BACKEND}
    assert stopped[1] - stopped[0] == {POSTGRES}
    assert cut == [{*WIRES}, {*WIRES, *DATABASE_WIRES}]


def test_storms_differ_in_what_they_lack() -> None:
    lacking = [10 - len({type(event) for event in draw(seed, "sqlite", WIRES, kills=400).events}) for seed in range(20)]
    assert min(lacking) < max(lacking)


def test_every_fault_of_a_storm_is_one_of_simex() -> None:
    faults = [event.fault for event in events("sqlite", WIRES) if isinstance(event, Fault)]
    assert {fault["kind"] for fault in faults} <= set(simex_pb2.FaultKind.keys())
    assert all(fault["count"] > 0 for fault in faults)  # none lasts indefinitely


def test_no_storm_is_nearly_without_kills() -> None:
    assert max(len(draw(seed, "sqlite", WIRES, kills=40).events) for seed in range(200)) < 15 * 40


def test_each_death_is_a_kill() -> None:
    three = (Kill(0, "executor"), Die(0, "executor", (3, 5)), Stop(0, "simex", 3))
    assert [kills_of(event) for event in three] == [1, 3, 0]
    assert storm([Snap(0, "executor", 2, arrives=True), Die(1, "executor", (1,))]).kills == 3


def test_a_walk_is_its_seed_and_comes_back_to_its_anchor() -> None:
    places = list(islice(walk(5), 5_000))
    assert places == list(islice(walk(5), 5_000))
    assert max(map(abs, places)) < 30
    assert min(places) < -2
    assert max(places) > 2


@pytest.mark.parametrize("needed", [(3,), (0, 15), (7, 8), (2, 5, 11)])
def test_only_the_events_that_are_needed_are_left(needed: tuple[int, ...]) -> None:
    kept = [EVENTS[number] for number in needed]
    shrunk = shrink(Needs(*kept), storm(), P1, tries=1, plays=1_000)
    assert list(shrunk.schedule.events) == kept


def test_a_storm_that_fails_now_and_then_is_tried_as_often_as_it_takes() -> None:
    play = Needs(EVENTS[4], every=3)
    shrunk = shrink(play, storm(), P1, tries=3, plays=1_000)
    assert shrunk.schedule.events == (EVENTS[4],)
    assert shrunk.plays == play.plays


def test_shrinking_ends_with_its_plays_and_keeps_what_has_failed() -> None:
    play = Needs(EVENTS[9])
    shrunk = shrink(play, storm(), P1, tries=1, plays=3)
    assert play.plays == shrunk.plays == 3
    assert EVENTS[9] in shrunk.schedule.events
    assert len(shrunk.schedule.events) < len(EVENTS)


def test_reruns_count_the_same_failure_alone() -> None:
    assert reruns(Needs(EVENTS[0], every=2), storm(), P1) == 2
    assert reruns(Needs(EVENTS[0]), storm(EVENTS[1:]), P1) == 0
    assert reruns(Needs(EVENTS[0]), storm(EVENTS[1:]), P2) == 5


def test_an_event_is_dropped_by_itself_though_another_is_equal() -> None:
    first, second = Kill(1, "executor"), Kill(1, "executor")
    (left,) = storm([first, second]).without([first]).events
    assert left is second

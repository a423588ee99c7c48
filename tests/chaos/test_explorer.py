"""The explorer on models small enough to count manually."""

from collections.abc import Iterator

import pytest

from gridtesting.model.explorer import DEAD_END, BrokenPromiseError, Explored, TooManyStatesError, explore

Jugs = tuple[int, int]


def pour(jugs: Jugs) -> Iterator[tuple[str, Jugs]]:
    """Two jugs of five and three litres, and a well."""
    five, three = jugs
    over = min(five, 3 - three)
    back = min(three, 5 - five)
    yield "fill five", (5, three)
    yield "fill three", (five, 3)
    yield "empty five", (0, three)
    yield "empty three", (five, 0)
    yield "five into three", (five - over, three + over)
    yield "three into five", (five + back, three - back)


def test_every_state_and_transition_is_visited_once() -> None:
    assert explore([(0, 0)], pour, {}) == Explored(states=16, transitions=96, depth=7)


def test_a_broken_promise_comes_with_the_shortest_way_to_it() -> None:
    with pytest.raises(BrokenPromiseError) as broken:
        explore([(0, 0)], pour, {"never four": lambda jugs: 4 not in jugs})

    assert broken.value.promise == "never four"
    assert broken.value.trace == (
        "fill five", "five into three", "empty three", "five into three", "fill five", "five into three",
    )  # fmt: skip
    assert "6. five into three" in str(broken.value)


def test_the_first_state_is_held_to_the_promises_too() -> None:
    with pytest.raises(BrokenPromiseError, match="after 0 moves"):
        explore([(0, 0)], pour, {"never empty": any})


def test_a_state_from_which_no_way_leads_to_the_goal_is_a_dead_end() -> None:
    ways = {"start": ("left", "right"), "left": ("start", "home"), "right": ("trap",), "trap": ("right",), "home": ()}

    with pytest.raises(BrokenPromiseError) as broken:
        explore(["start"], lambda here: [(f"to {there}", there) for there in ways[here]], {}, goal="home".__eq__)

    assert broken.value.promise == DEAD_END
    assert broken.value.trace == ("to right",)


def test_a_cycle_is_no_dead_end_while_a_way_leads_out_of_it() -> None:
    ways = {"a": ("b",), "b": ("a", "home"), "home": ("a",)}

    explored = explore(["a"], lambda here: [(there, there) for there in ways[here]], {}, goal="home".__eq__)

    assert explored == Explored(states=3, transitions=4, depth=2)


def test_a_model_beyond_the_bound_is_refused_and_not_half_explored() -> None:
    with pytest.raises(TooManyStatesError, match="more than 9"):
        explore([(0, 0)], pour, {}, most_states=9)

"""Ledger, step and fencing, all states of a small model: no promise is broken, and one is for each rule taken out."""

import os
from dataclasses import fields, replace

import pytest

from gridtesting.model.explorer import BrokenPromiseError, explore
from gridtesting.model.model import explore_protocol, protocol
from gridtesting.model.promises import PROMISES, nothing_older_under_way
from gridtesting.model.rules import Bounds, Rules
from gridtesting.model.world import World

KILLED = Bounds(actions=1, epochs=2, executor_kills=1)
THREE_STARTS = Bounds(actions=1, epochs=3, executor_kills=0)
TWO_ACTIONS = Bounds(actions=2, epochs=2, executor_kills=0)

# With the number of states: a rule that is never reached any more, or a move that is gone, shows here first.
EXPLORED = {Bounds(actions=1, epochs=3, executor_kills=1): 16_257, TWO_ACTIONS: 79_909}
if os.environ.get("PROTOCOL") == "whole":
    EXPLORED |= {Bounds(2, 2, executor_kills=1): 172_041, Bounds(2, 3, executor_kills=0): 392_415}

TEETH = {
    "intent_before_wire": ("P1 no duplicate", KILLED),
    "recorded_timestamp": ("P4 no guess", KILLED),
    "look_before_send": ("P1 no duplicate", KILLED),
    "window": ("P4 no guess", KILLED),
    "lag": ("P4 no guess", KILLED),
    "frozen_answers": ("the same answer", KILLED),
    "refusal_ends_nothing": ("P4 no guess", TWO_ACTIONS),
    "end_after_fills": ("P3 no lost fill", KILLED),
    "fence_refuses": ("P7 one writer", KILLED),
    "fence_waits": ("P7 one writer", KILLED),
    "seq_guard": ("P3 no lost fill", TWO_ACTIONS),
    "epoch_guard": ("P2 no orphan", THREE_STARTS),
    "offset_with_state": ("P3 no lost fill", KILLED),
    "settle_from_ledger": ("P2 no orphan", KILLED),
    "newest_of_a_step": ("P2 no orphan", THREE_STARTS),
}


def name_of(bounds: Bounds) -> str:
    return f"{bounds.actions} actions, {bounds.epochs} epochs, {bounds.executor_kills} kills"


@pytest.mark.parametrize("bounds", EXPLORED, ids=name_of)
def test_no_promise_is_broken_in_any_state_and_none_is_a_dead_end(bounds: Bounds) -> None:
    assert explore_protocol(Rules(), bounds).states == EXPLORED[bounds]


@pytest.mark.parametrize("rule", TEETH)
def test_without_this_rule_a_promise_is_broken(rule: str) -> None:
    promise, bounds = TEETH[rule]
    with pytest.raises(BrokenPromiseError) as broken:
        explore([World()], protocol(replace(Rules(), **{rule: False}), bounds), {promise: PROMISES[promise]})

    assert broken.value.promise == promise


def test_every_rule_of_the_model_can_be_taken_out_here() -> None:
    assert {field.name for field in fields(Rules)} == TEETH.keys()


def test_a_request_in_doubt_may_outlive_the_fence_until_its_window_ends() -> None:
    """The limit of P7: what was sent and answered UNKNOWN before the fence returned; its slot is kept for it."""
    with pytest.raises(BrokenPromiseError) as broken:
        explore([World()], protocol(Rules(), KILLED), {"nothing older is in flight": nothing_older_under_way})

    assert any("with UNKNOWN" in move for move in broken.value.trace)

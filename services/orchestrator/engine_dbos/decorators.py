"""Decorators for DBOS workflows and steps that add crash points.

A workflow has `begun` (recorded, no step run yet) and `ended` (outcome not recorded yet). A step has `before` and
`after` (not checkpointed yet), and `recorded` (checkpointed).
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from dbos import DBOS

from gridservice.crash_point import around, crash_point

P = ParamSpec("P")
T = TypeVar("T")


def workflow(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a function, a fixed sequence of steps, a workflow of that name."""

    def durable(body: Callable[P, T]) -> Callable[P, T]:
        @DBOS.workflow(name=name)
        @functools.wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            crash_point(f"orchestrator.{name}.begun")
            result = body(*args, **kwargs)
            crash_point(f"orchestrator.{name}.ended")
            return result

        return run

    return durable


def step(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a function a step of that name."""

    def durable(body: Callable[P, T]) -> Callable[P, T]:
        @DBOS.step(name=name)
        @functools.wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with around(f"orchestrator.{name}"):
                return body(*args, **kwargs)

        @functools.wraps(body)
        def run_and_record(*args: P.args, **kwargs: P.kwargs) -> T:
            result = run(*args, **kwargs)
            crash_point(f"orchestrator.{name}.recorded")
            return result

        return run_and_record

    return durable

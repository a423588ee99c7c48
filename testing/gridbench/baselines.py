"""What the engine is held against: the floor, a plain DBOS workflow for each step, a workflow for each action.

DBOS runs as the orchestrator has it, through the same launch. The baselines decide nothing and recover nothing.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator

from dbos import DBOS, SetWorkflowID

from gridbench.case import Case
from gridbench.errand import call, errand, errands_of_actions, named
from gridbench.place import Place
from gridbench.plain_store import Errand, PlainStore, open_plain_store
from gridrpc.channel import open_sync_channel
from gridwright.v1 import executor_pb2_grpc
from orchestrator.engine_dbos.database import open_workflow_database, sqlite_path
from orchestrator.engine_dbos.launch import launch, shut_down


class _Tools:
    """What the workflows' steps work with; bound once per process, as DBOS wants its functions at module level."""

    stub: executor_pb2_grpc.ExecutorStub
    store: PlainStore
    errands: dict[str, Errand]  # by request id: what the step will have to write


@DBOS.workflow(name="bench_step")
def plain_step(request_id: str, plan: str) -> None:
    """Two steps in a straight line."""
    plain_commit(request_id, plain_call(plan))


@DBOS.step(name="bench_call")
def plain_call(plan: str) -> str:
    """The first step: sends the errand's plan to the stub of an executor."""
    return call(_Tools.stub, plan)


@DBOS.step(name="bench_commit")
def plain_commit(request_id: str, results: str) -> int:
    """The second step: commits the errand's state and step in the plain store."""
    _Tools.store.commit(_Tools.errands[request_id])
    return len(results)


class Baseline:
    """A subject that carries a step's errands out, one after another. Each gets a request id of its own."""

    def __init__(self, split: Callable[[Case], list[Errand]], carry_out: Callable[[Errand], None]) -> None:
        self._split = split
        self._carry_out = carry_out
        self._errands: dict[Case, list[Errand]] = {}
        self._numbers = itertools.count(1)

    async def run(self, case: Case, steps: int) -> list[float]:
        """On a thread, as the orchestrator's loop does it."""
        if case not in self._errands:
            self._errands[case] = self._split(case)
        return await asyncio.to_thread(lambda: [self._step(self._errands[case]) for _ in range(steps)])

    def _step(self, errands: list[Errand]) -> float:
        ready = [named(each, f"bench/1/{next(self._numbers)}") for each in errands]
        _Tools.errands = {each.request_id: each for each in ready}
        began = time.perf_counter()
        for each in ready:
            self._carry_out(each)
        return time.perf_counter() - began


@contextlib.asynccontextmanager
async def floor(place: Place) -> AsyncIterator[Baseline]:
    """The intent committed, the call, the outcome committed: less cannot be durable."""
    with _tools(place):
        yield Baseline(lambda case: [errand(case)], _without_engine)


@contextlib.asynccontextmanager
async def plain_dbos(place: Place) -> AsyncIterator[Baseline]:
    """A workflow of two steps for the whole step."""
    with _tools(place), _dbos(place):
        yield Baseline(lambda case: [errand(case)], _as_workflow)


@contextlib.asynccontextmanager
async def workflow_per_action(place: Place) -> AsyncIterator[Baseline]:
    """A workflow of two steps for each action of the step."""
    with _tools(place), _dbos(place):
        yield Baseline(errands_of_actions, _as_workflow)


def _without_engine(each: Errand) -> None:
    _Tools.store.intend(each)
    call(_Tools.stub, each.plan)
    _Tools.store.commit(each)


def _as_workflow(each: Errand) -> None:
    with SetWorkflowID(each.request_id):
        plain_step(each.request_id, each.plan)


@contextlib.contextmanager
def _tools(place: Place) -> Iterator[None]:
    place.folder.mkdir(parents=True, exist_ok=True)
    with open_sync_channel(place.executor_address) as channel:
        _Tools.stub = executor_pb2_grpc.ExecutorStub(channel)
        _Tools.store = open_plain_store(place.folder, place.url)
        try:
            yield
        finally:
            _Tools.store.close()


@contextlib.contextmanager
def _dbos(place: Place) -> Iterator[None]:
    where = place.database or sqlite_path(place.folder)
    with open_workflow_database(where) as database:
        launch(database)
        try:
            yield
        finally:
            shut_down()

"""Each service killed in the middle of a step: the step is finished once, and the books agree to the last digit.

A step is caught in the middle by freezing the process that it waits for, so no test depends on a lucky moment.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import grpc
import pytest

from griddeploy.demo.config import DemoConfig
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import executor_pb2, orchestrator_pb2
from gridwright.v1.orchestrator_pb2 import Workflow

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("on_database")]

DEADLINE_SECONDS = 20.0
STUCK_SECONDS = 1.0
T = TypeVar("T")


@pytest.fixture
def seed() -> int:
    """Of the market; printed, so that a failure can be played again."""
    value = time.time_ns() % 1_000_000
    print(f"market seed {value}")  # noqa: T201  # shown by pytest where the test fails
    return value


async def soon(stack: Stack, ask: Callable[[], Awaitable[T | None]], what: str) -> T:
    """What `ask` gives, once it gives something."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < ends:
        answer = await ask()
        if answer is not None:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {what} after {DEADLINE_SECONDS:g} s:\n{stack.outputs()}")


async def stuck_workflow(stack: Stack) -> Workflow:
    """The trading step that waits for the frozen executor; waits until there is one.

    A step whose answer had come just before the frost is PENDING for a moment too, and is not meant: the stuck one has
    no step recorded for a whole second.
    """
    seen: dict[str, float] = {}

    async def ask() -> Workflow | None:
        request = orchestrator_pb2.ListWorkflowsRequest(status="PENDING")
        for workflow in (await stack.channels.orchestrator.ListWorkflows(request)).workflows:
            detail = orchestrator_pb2.GetWorkflowRequest(workflow_id=workflow.workflow_id)
            known = await stack.channels.orchestrator.GetWorkflow(detail)
            since = seen.setdefault(workflow.workflow_id, time.monotonic())
            if known.status == "PENDING" and not known.steps and time.monotonic() - since > STUCK_SECONDS:
                return known
        return None

    return await soon(stack, ask, "stuck step")


async def traded(stack: Stack, fills: int) -> None:
    """Waits until the grid has this many more fills than now."""

    async def count() -> int:
        request = orchestrator_pb2.GetStateRequest()
        return (await stack.answer(stack.channels.orchestrator.GetState, request)).state.totals.fills

    before = await count()

    async def ask() -> bool | None:
        return True if await count() >= before + fills else None

    await soon(stack, ask, f"{fills} fills")


async def accepted(stack: Stack, request_id: str) -> None:
    """Waits until the request is in the executor's ledger."""

    async def ask() -> executor_pb2.Batch | None:
        request = executor_pb2.GetBatchRequest(request_id=request_id)
        try:
            return await stack.answer(stack.channels.executor.GetBatch, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return None

    await soon(stack, ask, f"{request_id} in the ledger")


async def finished(stack: Stack, workflow_id: str) -> Workflow:
    """The workflow, once it has come to its end."""

    async def ask() -> Workflow | None:
        request = orchestrator_pb2.GetWorkflowRequest(workflow_id=workflow_id)
        workflow = await stack.answer(stack.channels.orchestrator.GetWorkflow, request)
        return None if workflow.status in {"PENDING", "ENQUEUED"} else workflow

    return await soon(stack, ask, f"end of {workflow_id}")


async def test_an_orchestrator_killed_in_mid_step_resumes_it(tmp_path: Path, seed: int) -> None:
    async with running_stack(tmp_path, DemoConfig(seed=seed), forked=True) as stack:
        await traded(stack, 3)
        stack["executor"].freeze()
        caught = await stuck_workflow(stack)
        await stack["orchestrator"].kill()
        stack["executor"].thaw()
        await stack["orchestrator"].start()
        await stack["orchestrator"].serving()
        resumed = await finished(stack, caught.workflow_id)
        await traded(stack, 3)
        report = await stack.audit()
    assert (resumed.status, resumed.attempts > 1) == ("SUCCESS", True), resumed
    assert report.clean, report


async def test_an_executor_killed_while_it_sends_looks_before_it_sends_again(tmp_path: Path, seed: int) -> None:
    async with running_stack(tmp_path, DemoConfig(seed=seed), forked=True) as stack:
        await traded(stack, 3)
        stack["executor"].freeze()
        caught = await stuck_workflow(stack)
        stack["simex"].freeze()  # it will read the orders, but only after their sender is dead
        stack["executor"].thaw()
        await accepted(stack, caught.workflow_id)
        await stack["executor"].kill()
        stack["simex"].thaw()
        await stack["executor"].start()
        await stack["executor"].serving()
        workflow = await finished(stack, caught.workflow_id)
        batch = await stack.channels.executor.GetBatch(executor_pb2.GetBatchRequest(request_id=caught.workflow_id))
        await traded(stack, 3)
        report = await stack.audit()
    assert workflow.status == "SUCCESS", workflow
    assert batch.complete
    assert report.clean, report


async def test_a_pricemon_killed_in_mid_step_is_missed_by_nobody_for_long(tmp_path: Path, seed: int) -> None:
    async with running_stack(tmp_path, DemoConfig(seed=seed), forked=True) as stack:
        await traded(stack, 3)
        stack["executor"].freeze()
        caught = await stuck_workflow(stack)
        await stack["pricemon"].kill()
        stack["executor"].thaw()
        workflow = await finished(stack, caught.workflow_id)
        await stack["pricemon"].start()
        await stack["pricemon"].serving()
        await traded(stack, 3)
        report = await stack.audit()
    assert workflow.status == "SUCCESS", workflow
    assert report.clean, report

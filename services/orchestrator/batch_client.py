"""BatchExecute, called on the thread of the workflow's step that waits for it.

Over the asyncio loop, with a hop there and back and a task for the stream, a batch of ten took twice the CPU.
"""

import grpc

from gridcore.actions import ActionResult
from gridcore.triggers import Plan
from gridrpc.convert_orders import action_to_proto, result_from_proto
from gridrpc.crash import around, crash_point
from gridrpc.faults import Fault, Unavailable, fault_of
from gridwright.v1 import executor_pb2, executor_pb2_grpc
from orchestrator.backoff import backoff_seconds
from orchestrator.bridge import Bridge
from orchestrator.errors import UnfinishableError
from orchestrator.peer import Peer


class BatchClient:
    """Has the executor answer plans. Calls block, until the process stops at the longest."""

    def __init__(self, channel: grpc.Channel, executor: Peer, bridge: Bridge) -> None:
        self._stub = executor_pb2_grpc.ExecutorStub(channel)
        self._executor = executor
        self._bridge = bridge

    def execute(self, plan: Plan) -> tuple[ActionResult, ...]:
        """Sends the plan's actions under its request id until each has its answer; in the actions' order.

        A broken call is made again: the same id goes on where it stopped. Raises UnfinishableError where the executor
        refuses the request as such, Abandoned where the process stops first.
        """
        request = executor_pb2.BatchExecuteRequest(
            request_id=plan.request_id,
            symbol=plan.symbol,
            epoch=plan.epoch,
            actions=[action_to_proto(action) for action in plan.actions],
        )
        answers: dict[int, ActionResult] = {}
        for pause in backoff_seconds():
            with around("orchestrator.call"):
                self._call(request, answers)
            if len(answers) == len(plan.actions):
                break
            self._bridge.pause(pause)
        return tuple(answers[index] for index in sorted(answers))

    def _call(self, request: executor_pb2.BatchExecuteRequest, answers: dict[int, ActionResult]) -> None:
        """Makes the call once, whatever comes of it. It has no deadline: it takes as long as the venue takes."""
        call = self._stub.BatchExecute(request)
        with self._bridge.waiting(call.cancel):
            try:
                for message in call:
                    answers[message.index] = result_from_proto(message)
                    crash_point("orchestrator.heard")
                self._executor.answered()
            except grpc.RpcError as error:
                fault = fault_of(error)
                if fault is None or isinstance(fault, Unavailable):
                    self._executor.lost("BatchExecute", call.code())
                else:
                    self._executor.answered()
                    raise _refused(request.request_id, fault) from error


def _refused(request_id: str, fault: Fault) -> UnfinishableError:
    return UnfinishableError(
        f"the executor refuses request {request_id} (BatchExecute: {fault.message}): see its log, and start again once "
        "that is mended"
    )

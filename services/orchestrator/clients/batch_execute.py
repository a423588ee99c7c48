"""Calls BatchExecute synchronously, on the thread of the workflow step that waits for it.

Through the asyncio loop, with two thread switches and a task for the stream, a batch of ten took twice the CPU.
"""

import logging
from collections.abc import Callable

import grpc

from gridcore.model.actions import ActionResult, Outcome
from gridcore.model.events import Plan
from gridrpc.convert_orders import action_to_proto, result_from_proto
from gridrpc.errors import InvalidArgument, RpcError, Unavailable, rpc_error_of
from gridservice.backoff import FIRST_SECONDS, backoff_seconds
from gridservice.clock import now_ms, steady_ms
from gridservice.crash_point import around, crash_point
from gridwright.v1 import executor_pb2, executor_pb2_grpc
from orchestrator.clients.executor import refuse_symbol
from orchestrator.clients.host_clock import HostClock
from orchestrator.clients.reachability import Reachability
from orchestrator.errors import UnfinishableError
from orchestrator.thread_bridge import ThreadBridge

MALFORMED = "MALFORMED"  # the executor's reason: no ledger can have accepted such a request
_log = logging.getLogger(__name__)


class BatchExecuteClient:
    """Sends plans to the executor. Calls block until all results are there or the process stops."""

    def __init__(
        self,
        channel: grpc.Channel,
        executor: Reachability,
        bridge: ThreadBridge,
        clock: HostClock,
        held: Callable[[], bool],
    ) -> None:
        self._stub = executor_pb2_grpc.ExecutorStub(channel)
        self._executor = executor
        self._bridge = bridge
        self._clock = clock
        self._held = held  # whether sending waits for a fence to be raised

    def execute(self, plan: Plan) -> tuple[ActionResult, ...]:
        """Sends the plan's actions under its request id until each has a result; returns them in the actions' order.

        A broken call is retried; the same request id continues where it stopped. For a malformed request, which the
        executor can never have accepted, every action gets NOT_SENT with the executor's message. Raises
        UnfinishableError if the executor rejects the request, SymbolRefusedError if it does not serve the symbol now,
        Abandoned if the process stops first.
        """
        request = executor_pb2.BatchExecuteRequest(
            request_id=plan.request_id,
            symbol=plan.symbol,
            epoch=plan.epoch,
            actions=[action_to_proto(action) for action in plan.actions],
        )
        answers: dict[int, ActionResult] = {}
        # Deadlines use our clock as it was when the plan was made, however long the wait for the executor is.
        began_ms, began_steady_ms = max(now_ms(), plan.trigger.at_ms), steady_ms()
        for pause in backoff_seconds():
            while self._held():
                self._bridge.pause(FIRST_SECONDS)
            request.clock_offset_ms = self._clock.offset_ms(began_ms + steady_ms() - began_steady_ms)
            with around("orchestrator.call"):
                malformed = self._call(request, answers)
            if malformed is not None:
                return _none_sent(plan, malformed)
            if len(answers) == len(plan.actions):
                break
            self._bridge.pause(pause)
        return tuple(answers[index] for index in sorted(answers))

    def _call(
        self, request: executor_pb2.BatchExecuteRequest, answers: dict[int, ActionResult]
    ) -> InvalidArgument | None:
        """Calls once and collects results in `answers`; returns the error of a malformed request, else None.

        The call has no deadline: it takes as long as the venue takes.
        """
        call = self._stub.BatchExecute(request)
        with self._bridge.waiting(call.cancel):
            try:
                for message in call:
                    answers[message.index] = result_from_proto(message)
                    crash_point("orchestrator.heard")
                self._executor.answered()
            except grpc.RpcError as error:
                fault = rpc_error_of(error)
                if fault is None or isinstance(fault, Unavailable):
                    self._executor.lost("BatchExecute", call.code())
                else:
                    self._executor.answered()
                    refuse_symbol(fault)
                    if isinstance(fault, InvalidArgument) and fault.reason == MALFORMED:
                        return fault
                    raise _refused(request.request_id, fault) from error
        return None


def _none_sent(plan: Plan, fault: InvalidArgument) -> tuple[ActionResult, ...]:
    """Returns NOT_SENT for each action of a request that no ledger can accept."""
    _log.warning("request %s is settled as not sent, the executor cannot take it: %s", plan.request_id, fault.message)
    return tuple(
        ActionResult(index, action.client_order_id, Outcome.NOT_SENT, reason=MALFORMED, message=fault.message)
        for index, action in enumerate(plan.actions)
    )


def _refused(request_id: str, fault: RpcError) -> UnfinishableError:
    return UnfinishableError(
        f"the executor refuses request {request_id} (BatchExecute: {fault.message}): see its log, and start again once "
        "that is fixed"
    )

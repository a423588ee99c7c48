"""Random bytes to each RPC of every service: an answer that says what is wrong, and no traceback in any log."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from gridtesting.live.processes import Stack, running_stack
from gridtesting.random_messages import Chance, fresh_chance, random_bytes, random_message
from gridwright.v1 import executor_pb2, orchestrator_pb2, pricemon_pb2, simex_pb2

pytestmark = pytest.mark.system

DOORS = {  # in this order: a random fence ends the orchestrator, random limits of simex silence the executor
    "pricemon": pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"],
    "orchestrator": orchestrator_pb2.DESCRIPTOR.services_by_name["Orchestrator"],
    "executor": executor_pb2.DESCRIPTOR.services_by_name["Executor"],
    "simex": simex_pb2.DESCRIPTOR.services_by_name["Simex"],
}
EACH = 12  # of random bytes, and of random messages, to each RPC
ANSWER_SECONDS = 5.0
REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.UNAVAILABLE,
}
STATES_CHANGED = {"SetRunning", "SetClock", "AddFault", "DropSockets", "Advance"}  # of simex: tests' own levers


def requests(chance: Chance, method: MethodDescriptor) -> Iterator[tuple[bytes, bool]]:
    """What is sent, and whether it is no message at all."""
    kind = GetMessageClass(method.input_type)
    for _ in range(EACH):
        yield random_bytes(chance, kind), True
    if method.name not in STATES_CHANGED:
        for _ in range(EACH):
            yield random_message(chance, kind).SerializeToString(), False


async def code_of(channel: grpc.aio.Channel, method: MethodDescriptor, data: bytes) -> grpc.StatusCode:
    """How the call ends; OK for a stream that has begun."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.server_streaming:
            call = channel.unary_stream(path)(data, timeout=ANSWER_SECONDS)
            await call.read()
            code = await call.code() if call.done() else grpc.StatusCode.OK
            call.cancel()
            return code
        await channel.unary_unary(path)(data, timeout=ANSWER_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_what_is_no_message_is_refused_by_every_rpc_without_a_traceback(tmp_path: Path) -> None:
    chance = fresh_chance()
    async with running_stack(tmp_path, forked=True) as stack:
        wrong = [problem async for problem in problems(stack, chance)]
        said = stack.outputs()
    assert not wrong, "\n".join(wrong)
    assert "Traceback" not in said, said
    refusals = [line for line in said.splitlines() if "are no such message" in line]
    assert 1 <= len(refusals) <= 12, refusals  # of hundreds: one line in ten seconds for each service


async def test_a_number_that_no_database_can_hold_is_refused_by_every_rpc(tmp_path: Path) -> None:
    tried = 0
    async with running_stack(tmp_path, forked=True) as stack:
        for name, service in DOORS.items():
            async with grpc.aio.insecure_channel(stack[name].service.address) as channel:
                for method, field in numbers_of(service):
                    tried += 1
                    request = GetMessageClass(method.input_type)(**{field: 2**63})
                    code = await code_of(channel, method, request.SerializeToString())
                    assert code is grpc.StatusCode.INVALID_ARGUMENT, f"{name}.{method.name} {field}: {code.name}"
        said = stack.outputs()
    assert tried >= 6
    assert "Traceback" not in said, said


def numbers_of(service: ServiceDescriptor) -> Iterator[tuple[MethodDescriptor, str]]:
    """Each RPC with each of its request's unsigned 64-bit fields."""
    for method in service.methods:
        for field in method.input_type.fields:
            if field.cpp_type == FieldDescriptor.CPPTYPE_UINT64 and not field.is_repeated:
                yield method, field.name


async def problems(stack: Stack, chance: Chance):  # an async generator of sentences
    for name, service in DOORS.items():
        async with grpc.aio.insecure_channel(stack[name].service.address) as channel:
            for method in service.methods:
                for data, is_malformed in requests(chance, method):
                    code = await code_of(channel, method, data)
                    wanted = {grpc.StatusCode.INVALID_ARGUMENT} if is_malformed else {*REFUSED, grpc.StatusCode.OK}
                    late = method.server_streaming and code is grpc.StatusCode.DEADLINE_EXCEEDED and not is_malformed
                    if code not in wanted and not late:
                        yield f"{name}.{method.name} answers {data.hex()} with {code.name}"

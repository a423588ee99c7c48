"""Before the start is complete each RPC is refused with a reason, except the one that tells what is the matter."""

from pathlib import Path

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import SYMBOL, running_executor
from gridwright.v1 import executor_pb2

SERVICE = executor_pb2.DESCRIPTOR.services_by_name["Executor"]


async def test_each_call_but_list_troubles_is_refused_while_the_executor_starts(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        live.executor.readiness.ready = False
        reasons: dict[str, str] = {}
        for method in SERVICE.methods:
            request = GetMessageClass(method.input_type)()
            if "symbol" in method.input_type.fields_by_name:
                setattr(request, "symbol", SYMBOL)  # noqa: B010  # not all of them have it
            call = getattr(live.stub, method.name)(request, timeout=5)
            try:
                await (call.read() if method.server_streaming else call)
                reasons[method.name] = ""
            except grpc.aio.AioRpcError as error:
                fault = rpc_error_of(error)
                assert fault is not None, method.name
                reasons[method.name] = fault.reason

    assert reasons == {method.name: "" if method.name == "ListTroubles" else "STARTING" for method in SERVICE.methods}


async def test_a_symbol_of_no_grid_is_told_even_while_the_executor_starts(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        live.executor.readiness.ready = False
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.stub.GetLedger(executor_pb2.GetLedgerRequest(symbol="BTC/USDC"))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

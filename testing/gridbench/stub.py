"""Executor that answers at once, as a process: `python -m gridbench.stub` prints its port and ends with its stdin.

It keeps no orders, so a step's cost is the orchestrator's. It also serves a price feed that sends nothing.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from gridbench.case import CASES, accepted, rules
from gridrpc.convert_orders import result_to_proto
from gridrpc.server import start_server
from gridservice.clock import now_ms
from gridtesting.fakes.executor import Context, FakeExecutor
from gridtesting.fakes.pricemon import FakePrices
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, pricemon_pb2, pricemon_pb2_grpc


class StubExecutor(FakeExecutor):
    """Fake executor of the tests without ledger and book: accepts every order, keeps none."""

    async def BatchExecute(  # noqa: N802  gRPC's names
        self, request: executor_pb2.BatchExecuteRequest, context: Context
    ) -> AsyncIterator[models_pb2.ActionResult]:
        """Accepts everything."""
        names = [action.place.client_order_id for action in request.actions]
        for result in accepted(names, now_ms()):
            yield result_to_proto(result)


async def serve() -> None:
    """Serves until stdin is closed."""
    executor = executor_pb2.DESCRIPTOR.services_by_name["Executor"]
    prices = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]
    stub = StubExecutor([rules(case.symbol) for case in CASES])
    server = await start_server(
        "127.0.0.1:0",
        [
            (executor, executor_pb2_grpc.add_ExecutorServicer_to_server, stub),
            (prices, pricemon_pb2_grpc.add_PriceMonitorServicer_to_server, FakePrices()),
        ],
    )
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace_seconds=0)


if __name__ == "__main__":
    asyncio.run(serve())

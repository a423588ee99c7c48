"""The probe against real servers: what it answers is what a container's engine believes of a service."""

import asyncio
import subprocess
import sys

import pytest

from griddeploy.free_ports import free_ports
from gridrpc.health_probe import main
from gridrpc.server import start_server
from gridwright.v1 import pricemon_pb2, pricemon_pb2_grpc

NAME = "gridwright.v1.PriceMonitor"
DOOR = (
    pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"],
    pricemon_pb2_grpc.add_PriceMonitorServicer_to_server,
    pricemon_pb2_grpc.PriceMonitorServicer(),
)


@pytest.mark.parametrize(("serving", "code", "word"), [(True, 0, "SERVING"), (False, 1, "NOT_SERVING")])
@pytest.mark.parametrize("service", ["", NAME])
async def test_it_reports_whether_a_server_serves(
    service: str, word: str, code: int, capsys: pytest.CaptureFixture[str], *, serving: bool
) -> None:
    server = await start_server("127.0.0.1:0", [DOOR], serving=serving)
    try:
        words = [f"127.0.0.1:{server.port}", *([service] if service else [])]
        assert await asyncio.to_thread(main, words) == code
    finally:
        await server.stop(0.1)
    assert capsys.readouterr().out == f"{words[0]} {service or 'server'}: {word}\n"


async def test_a_service_that_the_server_does_not_have_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    server = await start_server("127.0.0.1:0", [DOOR])
    try:
        assert await asyncio.to_thread(main, [f"127.0.0.1:{server.port}", "gridwright.v1.Oracle"]) == 1
    finally:
        await server.stop(0.1)
    assert capsys.readouterr().out.endswith(": NOT_FOUND\n")


def test_where_nothing_listens_the_process_ends_with_1_and_says_so() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    done = subprocess.run(  # our own module
        [sys.executable, "-m", "gridrpc.health_probe", address], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, f"{address} server: UNAVAILABLE\n")

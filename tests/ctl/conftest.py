"""What the command line's tests share: a toy service, scripted channels, a console of a given size."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc_testing
import pytest
from grpc_health.v1 import health_pb2

from griddeploy.free_ports import free_ports
from griddeploy.process.child import Service
from gridwright.v1 import executor_pb2, orchestrator_pb2, pricemon_pb2

TOY = '''
"""A service that does nothing but serve health: exits at once with the code in its config, if there is one."""
import asyncio, sys
from pathlib import Path
from gridrpc.server import start_server
from gridservice.signals import until_signal

async def serve(address):
    async with until_signal() as stop:
        server = await start_server(address, [])
        print("toy listening", flush=True)
        await stop.wait()
        await server.stop(0)

address, *code = Path(sys.argv[2]).read_text().split()
if code:
    print("toy cannot continue: repair this", flush=True)
    sys.exit(int(code[0]))
asyncio.run(serve(address))
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    """Makes services out of the toy module; `code` is what it exits with at once."""
    (tmp_path / "toy_service.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    ports = free_ports(4)

    def make(name: str = "toy", code: int | None = None) -> Service:
        address = f"127.0.0.1:{ports.pop()}"
        config = tmp_path / f"{name}.txt"
        config.write_text(address if code is None else f"{address} {code}", encoding="utf-8")
        return Service(name, "toy_service", config, address)

    return make


ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Script:
    """A channel whose answers the test gives."""

    channel: Any

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> "Future[Any]":
        """Runs the code under test on a thread of its own."""
        return _in_background(lambda: function(*args, **kwargs))

    def answer(self, method: str, response: Any = None, status: grpc.StatusCode = grpc.StatusCode.OK,
               details: str = "", trailing: tuple[tuple[str, bytes], ...] = ()) -> Any:  # fmt: skip
        """Takes the next call of an RPC, by its name or as `Service/Name`, answers it, and gives its request."""
        taken = _in_background(lambda: self.channel.take_unary_unary(_METHODS[method]))
        _, request, rpc = taken.result(ANSWER_SECONDS)
        rpc.send_initial_metadata(())
        rpc.terminate(response, trailing, status, details)
        return request


def _in_background(function: Callable[[], Any]) -> "Future[Any]":
    """Runs on a daemon thread: an unanswered call must not keep the tests from ending."""
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  # passed on to the caller that asks for the result
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


_SERVICES = [
    orchestrator_pb2.DESCRIPTOR.services_by_name["Orchestrator"],
    executor_pb2.DESCRIPTOR.services_by_name["Executor"],
    pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"],
    health_pb2.DESCRIPTOR.services_by_name["Health"],
]
_METHODS = {name: method for service in _SERVICES for name, method in service.methods_by_name.items()}
_METHODS |= {f"{service.name}/{name}": method for service in _SERVICES
             for name, method in service.methods_by_name.items()}  # fmt: skip


@pytest.fixture
def script() -> Script:
    """A scripted channel."""
    return Script(grpc_testing.channel(_SERVICES, grpc_testing.strict_real_time()))


@pytest.fixture
def python() -> str:
    """The interpreter that runs the tests."""
    return sys.executable

"""Runs a gRPC server with health, reflection, conversion of errors to statuses, a known port and a clean stop."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, cast

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from gridrpc.errors import RpcError, status_of
from gridrpc.malformed import RequestGate, tolerant

GRACE_SECONDS = 2.0


class AddServicer(Protocol):
    """The generated `add_XServicer_to_server`."""

    def __call__(self, servicer: Any, server: grpc.aio.Server, /) -> None:
        """Registers the servicer."""


class Server:
    """A bound grpc.aio server. `port` is the bound port; `set_serving` sets its health."""

    def __init__(self, server: grpc.aio.Server, port: int, healths: HealthServicer, names: Sequence[str]) -> None:
        self._server = server
        self.port = port
        self._health = healths
        self._names = [*names, ""]

    async def set_serving(self, *, serving: bool) -> None:
        """Sets the health of each service and of the server as a whole."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._health.set(name, status)

    async def set_trouble_free(self, name: str, *, trouble_free: bool) -> None:
        """Sets the health of a name that is no service."""
        status = health_pb2.HealthCheckResponse.SERVING if trouble_free else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(name, status)

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Accepts no more calls, lets running ones end within the grace period, then cancels them."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)


async def start_server(
    address: str, services: Iterable[tuple[ServiceDescriptor, AddServicer, object]], *, serving: bool = True
) -> Server:
    """Starts a server at `host:port` (port 0: any free port) with the services, health and reflection.

    Raises OSError, with the address in its message, if the port cannot be bound.
    """
    server = grpc.aio.server(interceptors=[_FaultInterceptor()], options=[("grpc.so_reuseport", 0)])
    names: list[str] = []
    for descriptor, add, servicer in services:
        add(servicer, server)
        names.append(descriptor.full_name)
    healths = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"address {address!r} cannot be bound, the port is in use or not for us: stop its owner or choose another"
        ) from error
    await server.start()
    bound = Server(server, port, healths, names)
    await bound.set_serving(serving=serving)
    return bound


class _FaultInterceptor(grpc.aio.ServerInterceptor):
    """Converts a raised RpcError to its status, and rejects malformed requests."""

    def __init__(self) -> None:
        self._gate = RequestGate()

    async def intercept_service(
        self,
        # Quoted: the class is generic in its stubs only.
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        decode, encode = cast("Any", tolerant(handler.request_deserializer)), handler.response_serializer
        name = str(cast("Any", handler_call_details).method)

        def accept(request: Any, context: Any) -> Any:
            if handler.request_streaming:
                return self._gate.checked(name, request, context.peer())
            self._gate.check(name, request, context.peer())
            return request

        if handler.unary_unary is not None:
            answer = cast("Any", _answering(handler.unary_unary, accept))
            return grpc.unary_unary_rpc_method_handler(answer, decode, encode)
        if handler.unary_stream is not None:
            answer = cast("Any", _streaming_or_answering(handler.unary_stream, accept))
            return grpc.unary_stream_rpc_method_handler(answer, decode, encode)
        if handler.stream_stream is not None:
            answer = cast("Any", _streaming_or_answering(handler.stream_stream, accept))
            return grpc.stream_stream_rpc_method_handler(answer, decode, encode)
        return handler


_Accept = Callable[[Any, Any], Any]


def _streaming_or_answering(method: Callable[..., Any], accept: _Accept) -> Callable[..., Any]:
    """Chooses the wrapper: health's Watch is a coroutine that writes to its context, our streams are generators."""
    return _answering(method, accept) if inspect.iscoroutinefunction(method) else _streaming(method, accept)


def _answering(method: Callable[..., Any], accept: _Accept) -> Callable[..., Any]:
    async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> object:
        try:
            return await method(accept(request, context), context)
        except RpcError as fault:
            await context.abort_with_status(rpc_status.to_status(status_of(fault)))

    return call


def _streaming(method: Callable[..., Any], accept: _Accept) -> Callable[..., Any]:
    async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[object]:
        try:
            async for message in method(accept(request, context), context):
                yield message
        except RpcError as fault:
            await context.abort_with_status(rpc_status.to_status(status_of(fault)))

    return call

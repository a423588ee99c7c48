"""Checks by `grpc.health.v1` whether a service serves. The caller decides what follows."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2

CHECK = "/grpc.health.v1.Health/Check"
POLL_SECONDS = 0.1
_ANSWER_SECONDS = 2.0

# Short back-offs notice a restarted service quickly, since its downtime is shown. Options of its own also separate
# this channel's back-off from that of the service's callers.
_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 100),
]


async def serves(address: str) -> bool:
    """Whether the service at `host:port` answers SERVING now."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        return await _serving(channel)


async def until_serving(address: str) -> None:
    """Waits until the service at `host:port` answers SERVING. Does not raise if it does not answer."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        while not await _serving(channel):  # noqa: ASYNC110  # the other side is a process, it sets no event of ours
            await asyncio.sleep(POLL_SECONDS)


async def _serving(channel: grpc.aio.Channel) -> bool:
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_SECONDS)
    except grpc.aio.AioRpcError:
        return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING

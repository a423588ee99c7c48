"""Asks `grpc.health.v1` whether a service serves. What to do about the answer is the caller's business."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2

CHECK = "/grpc.health.v1.Health/Check"
POLL_SECONDS = 0.1
_ANSWER_SECONDS = 2.0

# Quick to notice a restarted service, since the time it takes to come back is shown. Options of its own also keep this
# channel's back-off apart from that of the service's callers.
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
    """Returns once the service at `host:port` answers SERVING. Never raises for one that does not answer."""
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

"""`python -m gridrpc.health_probe HOST:PORT [SERVICE]`: checks `grpc.health.v1` once, for a container's health check.

Exit codes: 0 serving, 1 not serving, 2 unusable arguments. Prints the answer in one line.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import cast

import grpc
from grpc_health.v1 import health_pb2

from gridrpc.channel import open_sync_channel

CHECK = "/grpc.health.v1.Health/Check"
_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Probes once and returns the exit code."""
    parser = argparse.ArgumentParser(prog="gridrpc.health_probe", description="Checks a server's health once.")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("service", nargs="?", default="", help="full name of one service; default: the whole server")
    asked = parser.parse_args(arguments)
    with open_sync_channel(asked.address) as channel:
        answer = health(channel, asked.service)
    sys.stdout.write(f"{asked.address} {asked.service or 'server'}: {answer}\n")
    return 0 if answer == "SERVING" else 1


def health(channel: grpc.Channel, service: str = "", timeout_seconds: float = _SECONDS) -> str:
    """SERVING, NOT_SERVING, or the status code's name if there was no answer. `service` empty: the whole server."""
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_seconds)
    except grpc.RpcError as error:
        return cast("grpc.Call", error).code().name  # every error that a call raises is also a call
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


if __name__ == "__main__":
    sys.exit(main())

"""Chooses free ports for services that are killed and come back to the same ones."""

import contextlib
import os
import socket
from pathlib import Path

_LOWEST = 10_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL_START = 32_768


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, all below the range that the kernel gives to outgoing connections.

    While a service is down its port is free, and a client that knocks there from an ephemeral port may by chance take
    it, or even connect to itself. Below that range this cannot happen. Each process begins its search elsewhere, so two
    runs at once do not choose the same. Raises OSError where there are not enough.
    """
    highest = _ephemeral_start()
    span = highest - _LOWEST
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for step in range(span):
            port = _LOWEST + (os.getpid() * 61 + step) % span
            if _hold(port, held):
                found.append(port)
                if len(found) == count:
                    return found
    raise OSError(f"no {count} free ports of 127.0.0.1 between {_LOWEST} and {highest}: stop what holds them")


def _hold(port: int, held: contextlib.ExitStack) -> bool:
    candidate = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _ephemeral_start() -> int:
    """Where the kernel's range for outgoing connections begins; the usual place where it does not say."""
    try:
        start = int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_EPHEMERAL_START
    return start if start > _LOWEST + 1_000 else _USUAL_EPHEMERAL_START

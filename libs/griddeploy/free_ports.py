"""Chooses free ports for services that are killed and restarted on the same ports."""

import contextlib
import os
import socket
from pathlib import Path

_LOWEST = 10_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL_START = 32_768


def free_ports(count: int) -> list[int]:
    """Returns free ports of 127.0.0.1, all below the kernel's range for outgoing connections.

    While a service is down its port is free. A client that retries from an ephemeral port could take that port, or
    even connect to itself. Below the ephemeral range neither can happen. Each process begins its search at a different
    port, so two concurrent runs do not choose the same. Raises OSError if there are not enough.
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
    raise OSError(
        f"no {count} free ports of 127.0.0.1 between {_LOWEST} and {highest}: stop the processes that use them"
    )


def _hold(port: int, held: contextlib.ExitStack) -> bool:
    candidate = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _ephemeral_start() -> int:
    """The start of the kernel's range for outgoing connections; its usual value if the kernel does not provide it."""
    try:
        start = int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_EPHEMERAL_START
    return start if start > _LOWEST + 1_000 else _USUAL_EPHEMERAL_START

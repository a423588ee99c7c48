"""What a process uses, by psutil, which asks each system in its own way. Linux counts some of it more finely."""

import os
from pathlib import Path

import psutil


def cpu_seconds_of(pid: int) -> float:
    """Time on a CPU of all of a process's threads; 0 for one that has ended. Counted in hundredths of a second."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def fine_cpu_seconds_of(pid: int) -> float:
    """The same of a process's first thread, in nanoseconds where the system is Linux, else as `cpu_seconds_of`."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except OSError:
        return cpu_seconds_of(pid)


def memory_mb_of(pid: int) -> tuple[float, float]:
    """Resident memory now and at its highest. Where the system does not keep the highest, it is that of now."""
    now_mb = psutil.Process(pid).memory_info().rss / 1e6
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return now_mb, now_mb
    highest_kb = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
    return now_mb, max(now_mb, highest_kb * 1024 / 1e6)


def with_children(pid: int) -> list[int]:
    """The process and those that it has started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children())]


def bytes_written() -> int:
    """What this process has sent towards the disk, as the kernel counts it; 0 where it does not."""
    process = psutil.Process(os.getpid())
    counters = getattr(process, "io_counters", None)  # macOS has none
    try:
        return 0 if counters is None else int(counters().write_bytes)
    except psutil.AccessDenied:
        return 0

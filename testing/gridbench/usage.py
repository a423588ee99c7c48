"""Resource usage of a process, read through psutil on every system. Linux counts some of it more finely."""

import os
from pathlib import Path

import psutil


def cpu_seconds_of(pid: int) -> float:
    """Returns CPU seconds of all threads of a process, in steps of 0.01 s; 0 for a process that has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def fine_cpu_seconds_of(pid: int) -> float:
    """Returns CPU seconds of a process's first thread, to the nanosecond on Linux, otherwise as `cpu_seconds_of`."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except OSError:
        return cpu_seconds_of(pid)


def memory_mb_of(pid: int) -> tuple[float, float]:
    """Returns resident memory, current and peak. If the system does not keep the peak, both are the current value."""
    now_mb = psutil.Process(pid).memory_info().rss / 1e6
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return now_mb, now_mb
    highest_kb = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
    return now_mb, max(now_mb, highest_kb * 1024 / 1e6)


def with_children(pid: int) -> list[int]:
    """Returns the process and its children."""
    return [pid, *(child.pid for child in psutil.Process(pid).children())]


def bytes_written() -> int:
    """Returns the bytes that this process has sent towards the disk, as the kernel counts; 0 if it does not."""
    process = psutil.Process(os.getpid())
    counters = getattr(process, "io_counters", None)  # macOS does not count them
    try:
        return 0 if counters is None else int(counters().write_bytes)
    except psutil.AccessDenied:
        return 0

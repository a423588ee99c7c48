"""The benchmark's own processes, each ended by closing its stdin, and by SIGKILL to its pid where that does not do."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridbench.case import Case

_START_SECONDS = 60.0
_TURN_SECONDS = 120.0
_STOP_SECONDS = 15.0


class BenchError(Exception):
    """A process of the benchmark did not do what it was asked; the sentence names its log."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker measured of itself over some steps."""

    seconds: tuple[float, ...]  # of each step
    cpu_seconds: float
    bytes_written: int  # towards the disk, by the kernel's count


class Worker:
    """A subject's process."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The process id, by which its CPU time and memory are read."""
        return self._process.pid

    async def run(self, case: Case, steps: int) -> Turn:
        """So many steps of a case."""
        assert self._process.stdin is not None
        command = {"actions": case.actions, "slots": case.slots, "steps": steps}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        answer = await self.answer(_TURN_SECONDS)
        return Turn(tuple(answer["seconds"]), answer["cpu_seconds"], answer["bytes_written"])

    async def answer(self, within_seconds: float) -> Mapping[str, Any]:
        """The next line that it says. Raises BenchError where none comes."""
        line = await read_line(self._process, within_seconds, self._log)
        answer: Mapping[str, Any] = json.loads(line)
        return answer


async def read_line(process: asyncio.subprocess.Process, within_seconds: float, log: Path) -> str:
    """A line of its output. Raises BenchError where it ends or is silent for too long."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), within_seconds)
    except TimeoutError:
        raise BenchError(f"no answer within {within_seconds:g} s: see {log}") from None
    if not line:
        raise BenchError(f"a process of the benchmark has ended: see {log}")
    return line.decode()


@contextlib.asynccontextmanager
async def spawned(log: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m …` for the block."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 20,
        )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def stub_executor(folder: Path) -> AsyncIterator[str]:
    """The executor that answers at once; its address."""
    log = folder / "stub.log"
    async with spawned(log, "gridbench.stub") as process:
        port = int(await read_line(process, _START_SECONDS, log))
        yield f"127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def worker(subject: str, folder: Path, executor: str, url: str) -> AsyncIterator[Worker]:
    """A subject, ready for its first step."""
    log = folder / f"{subject}.log"
    arguments = [subject, str(folder / subject), executor, *([url] if url else [])]
    async with spawned(log, "gridbench.worker", *arguments) as process:
        started = Worker(process, log)
        await started.answer(_START_SECONDS)
        yield started

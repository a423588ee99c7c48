"""What a storm stopped with SIGSTOP, and the workers that play it, end with it, by whatever signal it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gridtesting.waiting import until

# A stopped process of ours, and then ourselves: its number is printed once it stands still.
FREEZE = """
import asyncio, sys
from pathlib import Path
from griddeploy.process.child import Child, Service
from gridtesting.live.processes import Process

async def main():
    process = Process(Service("sleeper", "sleeper", Path("x"), "h:1"), Path("log"))
    await process.start()
    process.freeze()
    print(process.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""
SLEEPER = "import time; time.sleep(1000)"
# A worker at work.
WORK = """
import multiprocessing, time
from gridchaos.workers import working

if __name__ == "__main__":
    with working(1) as workers:
        future = workers.submit(time.sleep, 1000)
        print(multiprocessing.active_children()[0].pid, flush=True)
        future.result()
"""


@contextlib.asynccontextmanager
async def running(folder: Path, script: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A script that prints the number of a process of its own, and that number."""
    (folder / "sleeper.py").write_text(SLEEPER, encoding="utf-8")
    (folder / "script.py").write_text(script, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "script.py", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(folder)}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 60))
    with ended_at_last(process.pid, pid):
        yield process, pid


@contextlib.contextmanager
def ended_at_last(*pids: int) -> Iterator[None]:
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_a_stopped_process_ends_with_the_process_that_stopped_it(tmp_path: Path, number: signal.Signals) -> None:
    async with running(tmp_path, FREEZE) as (process, pid):
        assert runs(pid)
        process.send_signal(number)
        await process.wait()
        await until(lambda: not runs(pid), "the stopped process ends", 20)


async def test_the_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    async with running(tmp_path, WORK) as (process, pid):
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
        await until(lambda: not runs(pid), "the worker ends", 20)

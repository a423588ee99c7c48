"""Worker process of a subject: reads commands from stdin, one JSON object per line, and answers each with a line.

It measures what only the process itself can: the seconds of each step, its CPU time, its bytes written. It ends with
its stdin.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gridbench.baselines import floor, plain_dbos, workflow_per_action
from gridbench.case import CASES, Case
from gridbench.engine_subject import engine
from gridbench.place import OpenSubject, Place
from gridbench.usage import bytes_written
from gridservice.logs import configure_logging

SUBJECTS: Mapping[str, OpenSubject] = {
    "engine": lambda place: engine(place, CASES),
    "floor": floor,
    "plain": plain_dbos,
    "per-action": workflow_per_action,
}


async def work(name: str, place: Place) -> None:
    """Serves commands until stdin is closed."""
    async with SUBJECTS[name](place) as subject:
        _say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            case = Case(command["actions"], command["slots"])
            cpu, written = time.process_time(), bytes_written()
            seconds = await subject.run(case, command["steps"])
            _say(
                {
                    "seconds": seconds,
                    "cpu_seconds": time.process_time() - cpu,
                    "bytes_written": bytes_written() - written,
                }
            )


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """`python -m gridbench.worker SUBJECT FOLDER EXECUTOR [URL]`."""
    configure_logging("bench")
    name, folder, executor, *url = sys.argv[1:]
    asyncio.run(work(name, Place(Path(folder), executor, *url)))


if __name__ == "__main__":
    main()

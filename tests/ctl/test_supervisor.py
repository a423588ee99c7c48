"""The supervisor keeps real processes running: it restarts what dies, and gives up what a restart does not repair."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from griddeploy.process.child import Child, Service, last_line
from griddeploy.process.supervisor import (
    Died,
    GaveUp,
    Incident,
    Killed,
    Phase,
    Returned,
    ServiceGaveUpError,
    Supervisor,
)
from gridtesting.waiting import until

SECONDS = 20.0
Toy = Callable[..., Service]


async def test_a_killed_service_comes_back_and_both_are_reported(toy: Toy, tmp_path: Path) -> None:
    incidents: list[Incident] = []
    async with Supervisor([toy()], tmp_path, incidents.append) as supervisor:
        supervisor.start()
        await supervisor.until_serving(SECONDS)
        assert incidents == []
        assert supervisor.kill("toy")
        await supervisor.until_serving(SECONDS)
        (status,) = supervisor.statuses()
        assert (status.phase, status.kills, status.restarts) == (Phase.SERVING, 1, 1)
        match incidents:
            case [Killed("toy", killed_s), Returned("toy", returned_s, after_s)]:
                assert after_s == pytest.approx(returned_s - killed_s, abs=0.05)
            case other:
                pytest.fail(f"not a kill and a return: {other}")


async def test_a_service_that_dies_by_itself_is_started_again(toy: Toy, tmp_path: Path) -> None:
    incidents: list[Incident] = []
    async with Supervisor([toy()], tmp_path, incidents.append) as supervisor:
        supervisor.start()
        await supervisor.until_serving(SECONDS)
        (status,) = supervisor.statuses()
        assert status.pid is not None
        os.kill(status.pid, signal.SIGSEGV)
        await until(lambda: any(isinstance(incident, Returned) for incident in incidents), "the return", SECONDS)
    assert [type(incident) for incident in incidents] == [Died, Returned]
    assert isinstance(incidents[0], Died)
    assert incidents[0].returncode == -signal.SIGSEGV


@pytest.mark.parametrize("code", [2, 3, 4, 5])
async def test_a_service_that_cannot_start_is_given_up_with_its_last_line(toy: Toy, tmp_path: Path, code: int) -> None:
    incidents: list[Incident] = []
    async with Supervisor([toy(code=code)], tmp_path, incidents.append) as supervisor:
        supervisor.start()
        with pytest.raises(ServiceGaveUpError, match="toy gave up: toy cannot continue: repair this"):
            await supervisor.until_serving(SECONDS)
    (incident,) = incidents
    assert isinstance(incident, GaveUp)
    assert (incident.returncode, incident.sentence) == (code, "toy cannot continue: repair this")


async def test_a_service_that_crashes_twice_in_the_same_way_is_given_up_at_once(toy: Toy, tmp_path: Path) -> None:
    incidents: list[Incident] = []
    async with Supervisor([toy(code=1)], tmp_path, incidents.append) as supervisor:
        supervisor.start()
        with pytest.raises(ServiceGaveUpError, match="toy gave up: toy cannot continue: repair this"):
            await supervisor.until_serving(SECONDS)
    assert [type(incident) for incident in incidents] == [Died, GaveUp]


async def test_a_service_that_gives_up_is_reported_while_another_is_still_starting(toy: Toy, tmp_path: Path) -> None:
    mute = Service("mute", "mute_service", toy("mute").config, "127.0.0.1:9")  # nothing serves there
    (tmp_path / "mute_service.py").write_text("import time\nwhile True: time.sleep(1)\n", encoding="utf-8")
    async with Supervisor([mute, toy(code=5)], tmp_path, lambda _: None) as supervisor:
        supervisor.start()
        with pytest.raises(ServiceGaveUpError, match="toy gave up"):
            await supervisor.until_serving(SECONDS)


async def test_a_service_that_crashes_at_its_start_in_different_ways_is_tried_again_and_named_when_time_is_up(
    toy: Toy, tmp_path: Path
) -> None:
    (tmp_path / "toy_service.py").write_text(
        "import os, sys\nprint(f'toy cannot go on: {os.getpid()}', flush=True)\nsys.exit(1)\n", encoding="utf-8"
    )
    incidents: list[Incident] = []
    async with Supervisor([toy()], tmp_path, incidents.append) as supervisor:
        supervisor.start()
        await until(lambda: len(incidents) >= 3, "the third try", SECONDS)
        with pytest.raises(TimeoutError, match=r"not serving after 0\.1 s: toy, whose last line was 'toy cannot go on"):
            await supervisor.until_serving(0.1)
    assert all(isinstance(incident, Died) for incident in incidents)


async def test_stop_ends_all_cleanly_and_returns_the_codes(toy: Toy, tmp_path: Path) -> None:
    supervisor = Supervisor([toy("first"), toy("second")], tmp_path, lambda _: None)
    supervisor.start()
    await supervisor.until_serving(SECONDS)
    await supervisor.stop()
    assert supervisor.exit_codes == {"second": 0, "first": 0}
    assert not supervisor.kill("first")


async def test_services_that_were_not_started_are_left_alone(toy: Toy, tmp_path: Path) -> None:
    async with Supervisor([toy("first"), toy("second")], tmp_path, lambda _: None) as supervisor:
        supervisor.start("second")
        await supervisor.until_serving(SECONDS)
        assert [status.phase for status in supervisor.statuses()] == [Phase.DOWN, Phase.SERVING]


async def test_a_child_ends_when_its_starter_is_killed(toy: Toy, tmp_path: Path, python: str) -> None:
    service = toy()
    starter_code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom griddeploy.process.child import Child, Service\n"
        "async def main():\n"
        f"    child = await Child.start(Service('toy', 'toy_service', Path({str(service.config)!r}), ''), "
        f"Path({str(tmp_path / 'toy.log')!r}))\n"
        "    print(child.pid, flush=True)\n    await child.wait()\nasyncio.run(main())\n"
    )
    starter = await asyncio.create_subprocess_exec(python, "-c", starter_code, stdout=asyncio.subprocess.PIPE)
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    assert _alive(pid)
    starter.kill()
    await starter.wait()
    await until(lambda: not _alive(pid), "the end of the child", SECONDS)


async def test_a_child_that_ignores_the_request_to_end_is_made_to(tmp_path: Path, toy: Toy) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\n"
        "while True: time.sleep(1)\n",
        encoding="utf-8",
    )
    service = toy()
    log = tmp_path / "deaf.log"
    child = await Child.start(Service("deaf", "deaf", service.config, ""), log)
    await until(lambda: log.exists() and "deaf" in log.read_text(), "the first word", SECONDS)
    assert await child.stop(grace_seconds=0.1) == -signal.SIGKILL


async def test_a_log_is_rotated_by_the_service_that_writes_it_and_no_line_is_lost(tmp_path: Path, toy: Toy) -> None:
    (tmp_path / "chatty.py").write_text(
        "import sys\nfrom pathlib import Path\nfrom griddeploy.process.log_rotation import rotate_if_large\n"
        f"log = Path({str(tmp_path / 'chatty.log')!r})\n"
        "for number in range(1000):\n"
        "    print(f'line {number}', file=(sys.stdout, sys.stderr)[number % 2], flush=True)\n"
        "    if number >= 500: rotate_if_large(log, 2_000)\n",
        encoding="utf-8",
    )
    log = tmp_path / "chatty.log"
    child = await Child.start(Service("chatty", "chatty", toy().config, ""), log)
    assert await child.wait() == 0

    files = [log.with_name(f"chatty.log{end}") for end in (".3", ".2", ".1", "")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert lines == [f"line {number}" for number in range(1000 - len(lines), 1000)]
    assert last_line(log) in {"line 999", ""}
    assert not log.with_name("chatty.log.4").exists()
    assert all(file.stat().st_size < 2_100 for file in files[1:])


async def test_a_service_that_ends_by_an_error_says_it_in_its_last_line(tmp_path: Path, toy: Toy) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no token=secret here\\nsee a link')\n", encoding="utf-8")
    log = tmp_path / "broken.log"
    child = await Child.start(Service("broken", "broken", toy().config, ""), log)
    assert await child.wait() == 1
    assert last_line(log) == "broken: RuntimeError: no token=*** here"
    assert "secret" not in log.read_text()


def _alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False

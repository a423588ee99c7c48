"""`gridwright up`, `status`, `watch` and the operator's commands against real services."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from griddeploy.demo.config import DemoConfig, example, prepare_demo

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("up")]  # one deployment for all

MAX_SECONDS = 60
BY_COMMAND = True  # `gridwright up` keeps the deployment running


def test_the_operators_commands_say_what_the_mode_is(up) -> None:
    paused = up.command("pause", "--why", "lunch", "--symbol", "BTC/USDT")
    assert (paused.returncode, "is PAUSED" in paused.stdout) == (0, True), paused
    status = up.command("status")
    assert status.returncode == 0, status
    assert "PAUSED by OPERATOR" in status.stdout
    assert "lunch" in status.stdout
    resumed = up.command("resume", "--why", "lunch is over", "--symbol", "BTC/USDT")
    assert (resumed.returncode, "is RUNNING" in resumed.stdout) == (0, True), resumed


def test_a_command_given_twice_under_one_id_is_one_command(up) -> None:
    words = ("pause", "--why", "lunch", "--symbol", "BTC/USDT", "--request-id", f"twice-{time.time_ns()}")
    first, second = up.command(*words), up.command(*words)
    assert (first.returncode, second.returncode) == (0, 0), (first, second)
    assert first.stdout == second.stdout


def test_a_command_that_cannot_be_is_refused_with_the_reason(up) -> None:
    refused = up.command("safe-mode", "on", "--why", "no such grid", "--symbol", "ETH/USDT")
    assert refused.returncode == 1
    assert "safe-mode on was refused" in refused.stderr
    assert "ETH/USDT" in refused.stderr


def test_status_shows_every_service_and_the_grid(up) -> None:
    status = up.command("status")
    assert status.returncode == 0
    assert status.stdout.count("SERVING") == 4
    assert "RUNNING" in status.stdout


def test_watch_shows_the_grid_until_it_is_interrupted(up, gridwright) -> None:
    watch = gridwright("watch", "--plain", "--config", up.deployment.config)
    assert watch.stdout is not None
    assert any("RUNNING | price" in line for line in watch.stdout)
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=MAX_SECONDS)
    assert watch.returncode == 0


def test_a_service_killed_manually_is_started_again(up) -> None:
    victim = _child(up.starter, "executor")
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    up.until(lambda: _child(up.starter, "executor") not in {victim, None}, "another process")
    up.until_serving()
    up.until(lambda: up.command("status").returncode == 0, "everything in order again")


def _child(parent: int, service: str) -> int | None:
    """The process that a parent runs the service in, if there is one now."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has gone, or goes while it is read
            if service in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                return int(pid)
    return None


def test_up_stops_everything_at_ctrl_c(gridwright, tmp_path: Path) -> None:
    deployment = prepare_demo(DemoConfig(), tmp_path)
    process = gridwright("up", "--plain", "--config", deployment.config, "--data-dir", tmp_path, "--only", "simex")
    ends = time.monotonic() + MAX_SECONDS
    while "listening" not in _log(tmp_path):
        assert time.monotonic() < ends, "simex did not start"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 0, output
    host, _, port = deployment.addresses["simex"].rpartition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0, "simex still listens"


def _log(folder: Path) -> str:
    log = folder / "logs" / "simex.log"
    return log.read_text() if log.exists() else ""


def test_up_gives_up_with_the_sentence_of_the_service_that_cannot_start(gridwright, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(example("demo.toml").replace('interval = "180"', 'interval = "60"'), encoding="utf-8")
    deployment = prepare_demo(DemoConfig(config=own), tmp_path)
    process = gridwright("up", "--plain", "--config", deployment.config, "--data-dir", tmp_path)
    output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 1, output
    assert "orchestrator gave up" in output
    assert "BTC/USDT" in output


def test_status_of_a_deployment_that_is_down_is_not_in_order(gridwright, tmp_path: Path) -> None:
    deployment = prepare_demo(DemoConfig(), tmp_path)
    process: subprocess.Popen[str] = gridwright("status", "--config", deployment.config)
    output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 1
    assert "UNAVAILABLE" in output

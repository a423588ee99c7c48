"""`gridwright demo` as a user runs it: simulated, killed, over a tape, interrupted; always with a clean audit."""

import gzip
import re
import signal
import subprocess
import time
from itertools import islice
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

CLEAN = re.compile(r"AUDIT fills=(\d+) duplicates=0 orphans=0 missing=0 twice=0 position_diff=0")
MAX_SECONDS = 120


def clean_fills(demo: subprocess.Popen[str]) -> tuple[int, str]:
    """The fills of a demo that must end well, and all that it printed."""
    output, _ = demo.communicate(timeout=MAX_SECONDS)
    last = output.rstrip().rpartition("\n")[2]
    match = CLEAN.fullmatch(last)
    assert demo.returncode == 0, output
    assert match is not None, output
    return int(match[1]), output


def fresh_seed() -> int:
    """Another one for each run; pytest shows it where the test fails."""
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201
    return seed


def test_a_demo_trades_and_its_books_agree_with_the_venue(gridwright, tmp_path: Path) -> None:
    fills, output = clean_fills(
        gridwright("demo", "--duration", "15", "--data-dir", tmp_path, "--seed", str(fresh_seed()))
    )
    assert fills >= 7, output  # a third of what a minute's third promises
    assert "price" in output
    assert "RUNNING" in output
    assert "warning" not in output


def test_a_demo_under_kills_loses_and_doubles_nothing(gridwright, tmp_path: Path) -> None:
    _, output = clean_fills(
        gridwright("demo", "--kill", "--duration", "25", "--data-dir", tmp_path, "--seed", str(fresh_seed()))
    )
    events = re.findall(r" (KILL|RETURN) +(\w+):", output)
    assert sum(kind == "KILL" for kind, _ in events) >= 3
    # One that is killed again while it starts has one return for both.
    last = {service: kind for kind, service in events}
    assert set(last.values()) == {"RETURN"}, output
    for service in ("pricemon", "executor", "orchestrator"):
        assert re.search(rf"KILLS \d+:.*{service} [1-9]", output), output


def test_a_recorded_tape_is_traded_to_its_end_with_a_profit(gridwright, tapes: Path, tmp_path: Path) -> None:
    tape = tmp_path / "trades_binance_spot_TRXUSDT_first.csv.gz"
    with gzip.open(tapes / "trades_binance_spot_TRXUSDT_20250304T0000.csv.gz", "rt") as whole:
        first = "".join(islice(whole, 3_001))
    with gzip.open(tape, "wt") as part:
        part.write(first)
    _, output = clean_fills(gridwright("demo", "--replay", tape, "--speed", "60", "--data-dir", tmp_path / "run"))
    match = re.search(r"TRX/USDT: \d+ fills, (\d+) rounds, realised \+(\d+\.\d+) USDT after fees", output)
    assert match is not None, output
    assert int(match[1]) >= 5, output  # how many more depends on how quick the machine is


def test_a_demo_that_is_interrupted_still_audits(gridwright, tmp_path: Path) -> None:
    demo = gridwright("demo", "--duration", "600", "--data-dir", tmp_path)
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if re.search(r"fills [1-9]", line):
            break
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=MAX_SECONDS)
    assert demo.returncode == 0, "".join(lines) + rest
    assert CLEAN.fullmatch(rest.rstrip().rpartition("\n")[2]), rest

"""The house of the matrix: the demo's, on a market that stands still and is moved by hand."""

import tomllib
from pathlib import Path

from gridchaos.faults import LAG_MS, RECV_WINDOW_MS, REQUEST_TIMEOUT_MS
from gridctl.house import EXECUTOR, ORCHESTRATOR, SIMEX, House
from gridctl.stage import Stage, set_stage
from gridctl.toml import to_toml

INTERVAL = 180
"""Between two slots, in the quote currency: the example's."""


def still_house(folder: Path) -> House:
    """Its config in the folder. Whoever comes to simex first is first in the queue, and doubts are over in seconds."""
    house = set_stage(Stage(), folder)
    values = tomllib.loads(house.config.read_text(encoding="utf-8"))
    for market in values[SIMEX]["markets"]:
        market |= {"running": False, "queue": "front"}
    values[SIMEX]["limits"] = {"enabled": False}
    values["venue"] |= {
        "recv_window_ms": RECV_WINDOW_MS, "visibility_lag_ms": LAG_MS, "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }  # fmt: skip
    values[EXECUTOR]["poll_interval_ms"] = 200
    values[ORCHESTRATOR] |= {"tick_interval_ms": 250, "reconcile_timeout_ms": 2_500}
    house.config.write_text(to_toml(values), encoding="utf-8")
    return house

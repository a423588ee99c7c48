"""Deployment of the matrix: the demo's, on a market that moves on request only."""

import os
import tomllib
from pathlib import Path

import tomli_w

from gridchaos.harness.venue_faults import LAG_MS, RECV_WINDOW_MS, REQUEST_TIMEOUT_MS
from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, SIMEX, Deployment
from gridservice.config_file import read_toml

_MONTH_MS = 31 * 86_400_000
INTERVAL = 180
"""Distance between two slots, in the quote currency: the example's."""


def still_deployment(folder: Path) -> Deployment:
    """Writes its config in the folder. Our orders are first in simex's queue, and UNKNOWN orders resolve in seconds."""
    deployment = prepare_demo(DemoConfig(), folder)
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    for market in values[SIMEX]["markets"]:
        market |= {"running": False, "queue": "front"}
    values[SIMEX]["limits"] = {"enabled": False}
    values["venue"] |= {
        "recv_window_ms": RECV_WINDOW_MS, "visibility_lag_ms": LAG_MS, "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }  # fmt: skip
    values[EXECUTOR]["poll_interval_ms"] = 200
    values[ORCHESTRATOR] |= {"tick_interval_ms": 250, "reconcile_timeout_ms": 2_500}
    for grid in values["grids"]:
        grid["risk"] |= {"stale_price_ms": 15_000}  # a ban of the address stops pricemon's prices too
    deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return deployment


def age_workflows(deployment: Deployment) -> None:
    """Makes every recorded workflow a month older, as if the deployment had been down that long. The journal stays."""
    from gridtesting.live.databases import Database  # it imports the drivers of both databases

    data = read_toml(deployment.config).table(ORCHESTRATOR).text("data_dir")
    url = os.environ.get("DATABASE_URL", "")
    Database("postgres" if url else "sqlite", url).query_workflows(
        Path(data),
        f"UPDATE workflow_status SET completed_at = completed_at - {_MONTH_MS}",  # noqa: S608  # ours
    )

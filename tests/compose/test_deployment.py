"""`docker compose up`, really run: it trades, survives kills from outside, and stays one grid over `down` and `up`."""

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from gridtesting.metrics import scrape

pytestmark = pytest.mark.compose

ROOT = Path(__file__).parents[2]
FILLS = 20
SYMBOL = "BTC/USDT"
METRICS = {"pricemon": 18092, "executor": 18093, "orchestrator": 18094}
PORTS = {"Simex": 18081, "PriceMonitor": 18082, "Executor": 18083, "Orchestrator": 18084}
CLEAN = "duplicates=0 orphans=0 missing=0 twice=0 position_diff=0"
THE_SAME = ("birth_id", "ledger_birth_id", "grid", "totals", "slots", "seq", "event_offset")

Report = Callable[[str], None]


def test_it_trades_survives_kills_and_is_the_same_grid_after_down_and_up(project: Any, report: Report) -> None:
    deployment = project()
    report(f"up in {deployment.up():.0f} s")
    for service, port in PORTS.items():
        assert f"gridwright.v1.{service}" in deployment.grpcurl.services(f"127.0.0.1:{port}")
    deployment.until(lambda: deployment.fills() >= FILLS, f"{FILLS} fills")
    report(f"{deployment.fills()} fills")
    figures = {service: asyncio.run(scrape(port)) for service, port in METRICS.items()}
    assert figures["pricemon"][f"price_changes_total {SYMBOL}"] > 0
    assert figures["executor"]["ready"] == figures["orchestrator"]["database_up"] == 1
    assert figures["orchestrator"][f"fills_total {SYMBOL}"] >= FILLS

    for service in ("orchestrator", "executor", "postgres"):
        report(f"{service} killed, back after {deployment.kill(service):.0f} s")
        before = deployment.fills()
        deployment.until(lambda: deployment.fills() > before, f"a fill after the return of {service}")  # noqa: B023  called here

    deployment.set_running(running=False)
    rested = deployment.state_at_rest()
    deployment.compose("down")
    report(f"down at step {rested['seq']}, and up in {deployment.up():.0f} s")
    returned = deployment.state()
    assert {key: returned[key] for key in THE_SAME} == {key: rested[key] for key in THE_SAME}

    deployment.set_running(running=True)
    deployment.until(lambda: deployment.fills() > int(rested["totals"]["fills"]), "a fill after down and up")
    went_on = deployment.state()
    assert int(went_on["seq"]) > int(rested["seq"])
    assert int(went_on["epoch"]) > int(rested["epoch"])

    *_, line = deployment.audit().splitlines()
    report(line)
    assert line.startswith("AUDIT fills=")
    assert line.endswith(CLEAN)


def test_with_the_live_file_it_trades_another_venue_with_keys_from_secret_files(
    project: Any, report: Report, tmp_path: Path
) -> None:
    """Another simex stands in for the exchange, which lets in no keys but these."""
    keys = {"api_key": "key-of-the-account", "api_secret": "secret-of-the-account"}
    for name, text in keys.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o644)  # the containers' user is nobody here
    values = tomllib.loads((ROOT / "deploy" / "compose.toml").read_text(encoding="utf-8"))
    values["venue"]["base_url"] = "http://venue:18080"
    values["simex"] |= keys | {"control_address": "venue:18081"}
    config = tmp_path / "grid.toml"
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    config.chmod(0o644)
    files = ("docker-compose.yml", "docker-compose.live.yml", "tests/compose/venue.yml")

    deployment = project(*(ROOT / file for file in files), GRIDWRIGHT_CONFIG=str(config), SECRETS=str(tmp_path))
    report(f"live, up in {deployment.up():.0f} s")
    deployment.until(lambda: deployment.fills() > 0, "a fill")
    assert "simex" not in deployment.compose("ps", "--services").split()
    assert not any(text in str(deployment.container("executor")) for text in keys.values())
    *_, line = deployment.audit().splitlines()
    report(line)
    assert line.endswith(CLEAN)

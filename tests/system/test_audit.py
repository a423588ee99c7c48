"""`gridwright audit` against services that run: what it finds, and that the market continues after it."""

from pathlib import Path

import pytest

from griddeploy.demo.config import DemoConfig, example, prepare_demo

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("audit")]  # one deployment for all

MAX_SECONDS = 60


def test_an_audit_of_a_deployment_that_keeps_its_promises_finds_nothing_and_the_market_continues(up) -> None:
    audit = up.command("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    *_, line = audit.stdout.splitlines()
    name, fills, *findings = line.split()
    assert name == "AUDIT"
    assert int(fills.removeprefix("fills=")) > 0
    assert findings == ["duplicates=0", "orphans=0", "missing=0", "twice=0", "position_diff=0"]
    assert up.ask("simex.GetMarket", {"symbol": "BTC/USDT"})["running"] is True


def test_a_market_that_stood_still_before_the_audit_stands_still_after_it(up) -> None:
    up.ask("simex.SetRunning", {"symbol": "BTC/USDT", "running": False})
    try:
        audit = up.command("audit")
        still = up.ask("simex.GetMarket", {"symbol": "BTC/USDT"})
    finally:
        up.ask("simex.SetRunning", {"symbol": "BTC/USDT", "running": True})
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert not still.get("running")


def test_an_audit_of_a_deployment_that_is_down_says_so(gridwright, tmp_path: Path) -> None:
    deployment = prepare_demo(DemoConfig(), tmp_path)
    process = gridwright("audit", "--config", deployment.config)
    output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 1
    assert output.startswith("no audit: UNAVAILABLE")


def test_an_exchange_cannot_be_audited(gridwright, tmp_path: Path) -> None:
    config = tmp_path / "grid.toml"
    config.write_text(example("binance.toml"), encoding="utf-8")
    process = gridwright("audit", "--config", config)
    output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 2
    assert output.startswith("gridwright: simex is missing")

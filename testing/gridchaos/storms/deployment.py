"""Deployment of a storm: the demo's, with a proxy on each connection, and a market moved only by the storm's beats."""

import contextlib
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import tomli_w

from gridchaos.storms.proxy import Proxy
from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX, Deployment

TO_EXECUTOR, TO_PRICEMON = "orchestrator-executor", "orchestrator-pricemon"
TO_VENUE, FEED = "executor-venue", "pricemon-venue"
STATE, LEDGER = "orchestrator-database", "executor-database"
WIRES = (TO_EXECUTOR, TO_PRICEMON, TO_VENUE, FEED)
DATABASE_WIRES = (STATE, LEDGER)

WINDOW_MS, LAG_MS = 2_000, 300  # how long an order stays UNKNOWN


@dataclass(frozen=True, slots=True)
class StormDeployment:
    """Deployment, the config of each service that uses proxies, and the proxies by their connection."""

    deployment: Deployment
    configs: Mapping[str, Path]
    proxies: Mapping[str, Proxy]
    venue_url: str  # bypasses the proxies
    anchor: int
    interval: int


@contextlib.asynccontextmanager
async def storm_deployment(folder: Path, database_url: str) -> AsyncIterator[StormDeployment]:
    """Runs its proxies for the block. Without a database URL everything is in files."""
    deployment = prepare_demo(DemoConfig(), folder)
    values = _calmed(tomllib.loads(deployment.config.read_text(encoding="utf-8")))
    deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
    venue = values[SIMEX]["address"]
    targets = {
        TO_EXECUTOR: deployment.addresses[EXECUTOR],
        TO_PRICEMON: deployment.addresses[PRICEMON],
        TO_VENUE: venue,
        FEED: venue,
        **({STATE: _server(database_url), LEDGER: _server(database_url)} if database_url else {}),
    }
    async with contextlib.AsyncExitStack() as stack:
        proxies = {wire: await stack.enter_async_context(Proxy(target)) for wire, target in targets.items()}
        at = {wire: proxy.address for wire, proxy in proxies.items()}
        configs = {
            EXECUTOR: _config(folder, EXECUTOR, values, {"venue": {"base_url": f"http://{at[TO_VENUE]}"}}),
            PRICEMON: _config(folder, PRICEMON, values, {"venue": {"base_url": f"http://{at[FEED]}"}}),
            ORCHESTRATOR: _config(
                folder,
                ORCHESTRATOR,
                values,
                {EXECUTOR: {"address": at[TO_EXECUTOR]}, PRICEMON: {"address": at[TO_PRICEMON]}},
            ),
        }
        if database_url:
            for service, wire in ((ORCHESTRATOR, STATE), (EXECUTOR, LEDGER)):
                text = tomllib.loads(configs[service].read_text(encoding="utf-8"))
                _config(folder, service, text, {service: {"database_url": _through(database_url, at[wire])}})
        grid = values["grids"][0]
        yield StormDeployment(
            deployment, configs, proxies, f"http://{venue}", int(grid["anchor"]), int(grid["interval"])
        )


def _calmed(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a config with a still market, our orders first in the queue, and UNKNOWN orders that resolve soon."""
    for market in values[SIMEX]["markets"]:
        market |= {"running": False, "queue": "front"}
    values[SIMEX] |= {"limits": {"enabled": False}, "balances": {"USDT": "100000", "BTC": "1"}}
    values["venue"] |= {"recv_window_ms": WINDOW_MS, "visibility_lag_ms": LAG_MS, "request_timeout_ms": 800}
    values[EXECUTOR] |= {"poll_interval_ms": 200, "requests_per_second": 200}
    values[ORCHESTRATOR] |= {"tick_interval_ms": 500}
    values[PRICEMON] |= {"reconnect_first_ms": 100, "reconnect_most_ms": 1_000}
    grid = values["grids"][0]
    grid |= {"sell_window": 60, "retry_after_ms": 300}  # every exit order is in its window
    grid["risk"] |= {"stale_price_ms": 5_000, "calm_ms": 500}
    return values


def _config(folder: Path, service: str, values: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> Path:
    path = folder / f"{service}.toml"
    changed = {**values, **{table: {**values[table], **change} for table, change in changes.items()}}
    path.write_text(tomli_w.dumps(changed), encoding="utf-8")
    return path


def _server(database_url: str) -> str:
    url = sa.make_url(database_url)
    return f"{url.host}:{url.port}"


def _through(database_url: str, address: str) -> str:
    host, _, port = address.rpartition(":")
    return sa.make_url(database_url).set(host=host, port=int(port)).render_as_string(hide_password=False)

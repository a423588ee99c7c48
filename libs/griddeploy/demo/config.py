"""Prepares a demo: takes an example's config, gives it ports and folders of its own, and writes it to disk."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from gridcore.model.money import canonical
from griddeploy.demo.examples import example, example_of_tape
from griddeploy.demo.tape_grid import suggest
from griddeploy.demo.tape_scan import scan
from griddeploy.demo.tapes import TapeInfo, lines_of
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX, Deployment, read_deployment
from griddeploy.free_ports import free_ports
from gridservice.config_file import MISSING, ConfigError

CONFIG_NAME = "grid.toml"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """The market of a demo: one of our examples, the user's config, or a tape. `speed` None: the market's own speed."""

    config: Path | None = None
    tape: TapeInfo | None = None
    seed: int = 7
    speed: str | None = None


def prepare_demo(demo_config: DemoConfig, folder: Path) -> Deployment:
    """Writes the run's config into the folder. Raises ConfigError if the user's config cannot be used for a demo."""
    values = _base(demo_config)
    markets = values.get(SIMEX, {}).get("markets")
    if not markets:
        raise ConfigError("simex.markets", MISSING, "a demo trades against simex: add a [[simex.markets]]")
    for market in markets:
        _direct(market, demo_config)
    _move_in(values, folder)
    config = folder / CONFIG_NAME
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return read_deployment(config)


def _base(demo_config: DemoConfig) -> dict[str, Any]:
    if demo_config.config is not None:
        read_deployment(demo_config.config)  # raises its errors about a file that is missing or not TOML
        return tomllib.loads(demo_config.config.read_text(encoding="utf-8"))
    if demo_config.tape is None:
        return tomllib.loads(example("demo.toml"))
    own = example_of_tape(demo_config.tape.path.name)
    if own is not None:
        return tomllib.loads(example(own))
    return _any_tape(tomllib.loads(example("demo.toml")), demo_config.tape)


def _any_tape(values: dict[str, Any], tape: TapeInfo) -> dict[str, Any]:
    """Moves the demo's grid to another market, with an interval and a quantity that suit the tape."""
    rules, grid = tape.rules, values["grids"][0]
    fees = {name: values[SIMEX]["markets"][0][name] for name in ("maker_fee", "taker_fee")}
    market = {
        "symbol": tape.symbol, "source": "replay", "tick_size": rules.tick_size, "lot_size": rules.lot_size,
        "min_notional": rules.min_notional, **fees,
    }  # fmt: skip
    suggested = suggest(tape, scan(lines_of(tape.path)))
    grid |= {
        "symbol": tape.symbol, "anchor": canonical(tape.first_price), "spacing": "geometric",
        "interval": suggested.interval, "quote_per_slot": suggested.quote_per_slot,
    }  # fmt: skip
    grid["risk"] |= {"max_position": suggested.max_position}
    values[SIMEX] |= {"markets": [market], "balances": {tape.symbol.partition("/")[2]: suggested.balance}}
    values[SIMEX]["limits"] = {"enabled": False}  # as the examples of tapes have it
    return values


def _direct(market: dict[str, Any], demo_config: DemoConfig) -> None:
    """Sets the run's seed, tape and speed in a market."""
    if demo_config.tape is not None:
        # It is paused at its first price until all services are ready.
        market |= {"source": "replay", "file": str(demo_config.tape.path.resolve()), "running": False}
    if market.get("source", "simulation") == "simulation":
        market["seed"] = demo_config.seed
    if demo_config.speed is not None:
        market["speed"] = demo_config.speed


def _move_in(values: dict[str, Any], folder: Path) -> None:
    """Replaces the config's ports and folders by free ports and folders inside the run's folder."""
    http, control, *others = free_ports(5)
    values.setdefault("venue", {})["base_url"] = f"http://{_LOOPBACK}:{http}"
    values[SIMEX] |= {"address": f"{_LOOPBACK}:{http}", "control_address": f"{_LOOPBACK}:{control}"}
    for name, port in zip((PRICEMON, EXECUTOR, ORCHESTRATOR), others, strict=True):
        own = values.setdefault(name, {})
        own["address"] = f"{_LOOPBACK}:{port}"
        own.pop("listen", None)
    for name in (SIMEX, EXECUTOR, ORCHESTRATOR):
        section: Mapping[str, Any] = values[name]
        values[name] = {**section, "data_dir": str((folder / name).resolve())}

"""`gridwright simex`: runs an exchange for the user's own client, from command-line options or a config file."""

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

from griddeploy.demo.examples import example, example_of_tape
from griddeploy.demo.tape_scan import guess_steps
from griddeploy.demo.tapes import known_rules, lines_of, tape_symbol
from gridservice.config_file import ConfigError, Table, read_toml
from simex.__main__ import run_simex
from simex.config import Settings, read_settings
from simex.server import Simex

_SECRET = "simex"  # noqa: S105  # what every simex comes with; the user's own is not shown
_OF_A_MARKET = ("symbol", "speed", "seed", "start_price", "tick_size", "lot_size", "balance")

SNIPPET = """
import ccxt

exchange = ccxt.binance({{"apiKey": {key!r}, "secret": {secret!r}, "options": {{
    "fetchMarkets": {{"types": ["spot"]}}, "fetchCurrencies": False, "fetchMargins": False}}}})
exchange.urls["api"] |= dict.fromkeys(("public", "private"), "{url}/api/v3")
print(exchange.fetch_ticker({symbol!r})["last"], exchange.fetch_balance()["total"])
"""


def run_simex_alone(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C and returns simex's exit code. Raises ConfigError for options that exclude each other."""
    if arguments.config is not None:
        given = _given(arguments)
        section = read_toml(arguments.config).table("simex").overridden(given)
    else:
        section = Table(_section(arguments), "simex")
    settings = read_settings(section)
    return run_simex(settings, lambda simex: _announce(simex, settings))


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that override those of a config."""
    for name in _OF_A_MARKET:
        if getattr(arguments, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(flag, getattr(arguments, name), "it only applies with --market; set it in the config")
    addresses = {"address": arguments.port, "control_address": arguments.control_port}
    given: dict[str, Any] = {key: f"127.0.0.1:{port}" for key, port in addresses.items() if port is not None}
    if arguments.no_limits:
        given["limits"] = {"enabled": False}
    return given if arguments.data_dir is None else {**given, "data_dir": str(arguments.data_dir)}


def _section(arguments: argparse.Namespace) -> dict[str, Any]:
    kind, _, what = arguments.market.partition(":")
    if kind not in {"replay", "sim"} or not what:
        raise ConfigError("--market", arguments.market, "give replay:FILE or sim:SYMBOL, such as sim:BTC/USDT")
    market = _replay(Path(what), arguments) if kind == "replay" else _simulation(what, arguments)
    market |= {
        name: getattr(arguments, name) for name in ("tick_size", "lot_size", "speed") if getattr(arguments, name)
    }
    base, _, quote = market["symbol"].partition("/")
    name = Path(what).name.partition(".")[0] if kind == "replay" else f"{base}{quote}-{market['seed']}"
    return {
        "markets": [market],
        "balances": dict(arguments.balance or ((base, "1"), (quote, "100000"))),
        "address": f"127.0.0.1:{8080 if arguments.port is None else arguments.port}",
        "control_address": f"127.0.0.1:{arguments.control_port or 0}",
        "data_dir": str(arguments.data_dir or Path(".gridwright/simex") / f"{kind}-{name}"),
        "limits": {"enabled": not arguments.no_limits},
    }


def _simulation(symbol: str, arguments: argparse.Namespace) -> dict[str, Any]:
    start = {} if arguments.start_price is None else {"start_price": arguments.start_price}
    return {"symbol": symbol, "seed": 1 if arguments.seed is None else arguments.seed, **start}


def _replay(tape: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    if not tape.is_file():
        raise ConfigError("--market", f"replay:{tape}", "there is no such file; give the path of a tape")
    symbol = arguments.symbol or tape_symbol(tape.name)
    if symbol is None:
        raise ConfigError("--symbol", tape.name, "its name contains no symbol; add --symbol, such as BTC/USDT")
    market = {"symbol": symbol, "source": "replay", "file": str(tape), **_known_of(tape)}
    rules = known_rules(symbol)
    if rules is not None:
        return market | {"tick_size": rules.tick_size, "lot_size": rules.lot_size, "min_notional": rules.min_notional}
    given = {name for name in ("tick_size", "lot_size") if getattr(arguments, name) is not None}
    guessed = {name: step for name, step in guess_steps(lines_of(tape)).items() if name not in given}
    if guessed:
        _say(f"guessed from the tape's decimals: {', '.join(f'{name} {step}' for name, step in guessed.items())}")
    return market | guessed


def _known_of(tape: Path) -> dict[str, Any]:
    """The market settings of the example that plays a tape of this kind; empty if there is none."""
    name = example_of_tape(tape.name)
    if name is None:
        return {}
    (market,) = tomllib.loads(example(name))["simex"]["markets"]
    return {key: market[key] for key in ("volume_in_quote", "time_shift_ms") if key in market}


def _announce(simex: Simex, settings: Settings) -> None:
    for market in settings.markets:
        rules = market.rules
        what = f"replay of {market.file}" if market.file else f"simulation, seed {market.seed}"
        _say(
            f"{rules.symbol}: {what}, speed {market.speed}, tick_size {rules.tick_size:f}, lot_size {rules.lot_size:f}"
        )
    balances = ", ".join(f"{balance.free} {balance.asset}" for balance in settings.balances)
    _say(f"a new book begins with {balances or 'nothing'}; the book is kept in {settings.data_dir}")
    _say(f"limits {'as on Binance' if settings.limits.enabled else 'off'}; in Python, ccxt trades on it like this:")
    symbol = settings.markets[0].rules.symbol
    ours = settings.api_secret == _SECRET
    _say(SNIPPET.format(key=settings.api_key, secret=_SECRET if ours else "***", url=simex.http_url, symbol=symbol))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

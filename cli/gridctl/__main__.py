"""The `gridwright` command: parses the arguments, runs the command and turns its outcome into an exit code.

0: success. 1: the command failed; the last lines of its output give the reason. 2: the command line or the config is
unusable. 4: a running service holds the database's lease. 5: the database has a newer schema version. 6: the database
does not answer. 130: interrupted by a second Ctrl-C.
"""

import argparse
import asyncio
import os
import sys
import uuid
from collections.abc import Callable

from rich.console import Console

from gridctl.cli import parser
from gridctl.commands.audit import run_audit
from gridctl.commands.demo import DemoOptions, run_demo
from gridctl.commands.operator import OperationError, OperatorCommand, OrderStatement, Verb, operate, resolve_order
from gridctl.commands.status import ask, doubts, foreign_orders, grids_tables, reasons, rebuilds, services_tables
from gridctl.commands.trade import ACTIONS, ManualTrader, TradeError
from gridctl.commands.up import only, run_up, run_watch
from gridctl.view.screen import Screen
from gridctl.view.troubles import lines
from griddb.errors import DatabaseError
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.tapes import TapeInfo, is_step, tape_info
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, read_deployment
from gridrpc.channel import open_sync_channel
from gridservice.clock import now_ms
from gridservice.config_file import ConfigError


def main() -> None:
    """Runs the command of `sys.argv` and exits with its code."""
    sys.exit(run(parser().parse_args(), Console()))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Runs the chosen command and returns its exit code."""
    try:
        return COMMANDS[arguments.command](arguments, console)
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"gridwright: {error}\n")
        return 2
    except DatabaseError as error:
        sys.stderr.write(f"gridwright: {error}\n")
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("gridwright: interrupted\n")
        return 130


def _demo(arguments: argparse.Namespace, console: Console) -> int:
    if {"DATABASE_URL", "DATABASE_URL_FILE"} & os.environ.keys():
        from griddeploy.demo.database import own_database  # a demo in files needs no Postgres driver

        own_database(os.environ)
    demo_config = DemoConfig(
        config=arguments.config,
        tape=_tape(arguments),
        seed=arguments.seed if arguments.seed is not None else now_ms() % 1_000_000,
        speed=f"{arguments.speed:g}" if arguments.speed else None,
    )
    options = DemoOptions(arguments.data_dir, demo_config, arguments.duration, kill=arguments.kill)
    return asyncio.run(run_demo(options, Screen(console, plain=arguments.plain)))


def _tape(arguments: argparse.Namespace) -> TapeInfo | None:
    words = {name: getattr(arguments, name) for name in ("symbol", "tick_size", "lot_size")}
    if arguments.replay is None:
        for name, word in words.items():
            if word:
                raise ConfigError(f"--{name.replace('_', '-')}", word, "it applies to a tape: add --replay TAPE")
        return None
    for name in ("tick_size", "lot_size"):
        if words[name] and not is_step(words[name]):
            raise ConfigError(f"--{name.replace('_', '-')}", words[name], "give a decimal above 0, such as 0.01")
    return tape_info(arguments.replay, **words)


def _up(arguments: argparse.Namespace, console: Console) -> int:
    deployment = only(read_deployment(arguments.config), arguments.only)
    return asyncio.run(run_up(deployment, arguments.data_dir / "logs", Screen(console, plain=arguments.plain)))


def _watch(arguments: argparse.Namespace, console: Console) -> int:
    return asyncio.run(run_watch(read_deployment(arguments.config), Screen(console, plain=arguments.plain)))


def _status(arguments: argparse.Namespace, console: Console) -> int:
    deployment = read_deployment(arguments.config)
    status = ask(deployment, open_sync_channel)
    for table in [*services_tables(status, deployment, console.width), *grids_tables(status, console.width)]:
        console.print(table)
        console.print()
    said = [*lines(status.troubles), *reasons(status), *doubts(status), *foreign_orders(status), *rebuilds(status)]
    for line in said:  # a terminal breaks lines between words; a file or a pipe gets each in one
        console.print(line, soft_wrap=not console.is_terminal, markup=False, highlight=False)
    return 0 if status.in_order else 1


def _audit(arguments: argparse.Namespace, console: Console) -> int:
    return asyncio.run(run_audit(read_deployment(arguments.config), Screen(console, plain=True)))


def _conformance(arguments: argparse.Namespace, console: Console) -> int:
    from gridctl.commands.conformance import (  # imports ccxt, which no other command needs
        Options,
        run_conformance,
    )

    names = ("exchange", "url", "sandbox", "symbol", "samples", "yes", "mainnet", "out")
    options = Options(**{name: getattr(arguments, name) for name in names})
    return asyncio.run(run_conformance(options, Screen(console, plain=True)))


def _db(arguments: argparse.Namespace, console: Console) -> int:
    from gridctl.commands import db  # imports the services' databases, which few commands need

    found = db.holdings(arguments.config)
    if arguments.action == "begin-anew":
        return db.begin_anew(found, console, confirmed=arguments.yes)
    return db.upgrade_all(found, console) if arguments.action == "upgrade" else db.show_status(found, console)


def _cancel_workflow(arguments: argparse.Namespace, console: Console) -> int:
    from gridctl.commands.db import cancel_workflows  # as above

    return cancel_workflows(arguments.config, arguments.workflow, console)


def _simex(arguments: argparse.Namespace, _console: Console) -> int:
    from gridctl.commands.simex import run_simex_alone  # imports the exchange, which no other command needs

    return run_simex_alone(arguments)


def _trade(arguments: argparse.Namespace, console: Console) -> int:
    trader = ManualTrader(arguments.url, arguments.key, arguments.secret)
    try:
        for line in ACTIONS[arguments.action](trader, arguments):
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    except TradeError as error:
        sys.stderr.write(f"gridwright: {error}\n")
        return 1
    return 0


def _operation(arguments: argparse.Namespace, console: Console) -> int:
    deployment = read_deployment(arguments.config)
    order = OperatorCommand(
        verb=Verb(" ".join(filter(None, (arguments.command, getattr(arguments, "switch", ""))))),
        symbol=arguments.symbol,
        who=arguments.who,
        why=arguments.why,
        request_id=arguments.request_id or uuid.uuid4().hex,
    )
    with open_sync_channel(deployment.addresses[ORCHESTRATOR]) as channel:
        return _said(lambda: operate(channel, order), console)


def _resolve_order(arguments: argparse.Namespace, console: Console) -> int:
    deployment = read_deployment(arguments.config)
    symbols = (arguments.symbol,) if arguments.symbol else deployment.symbols
    if len(symbols) != 1:
        raise ConfigError("--symbol", "", f"name the order's grid: {', '.join(symbols)}")
    word = OrderStatement(
        symbol=symbols[0],
        client_order_id=arguments.client_order_id,
        placed_as=arguments.placed_as,
        gone=arguments.gone,
        who=arguments.who,
        why=arguments.why,
        request_id=arguments.request_id or uuid.uuid4().hex,
    )
    with open_sync_channel(deployment.addresses[EXECUTOR]) as channel:
        return _said(lambda: resolve_order(channel, word), console)


def _said(command: Callable[[], str], console: Console) -> int:
    try:
        answer = command()
    except OperationError as error:
        sys.stderr.write(f"gridwright: {error}\n")
        return 1
    console.print(answer, soft_wrap=True, markup=False, highlight=False)
    return 0


COMMANDS = {
    "demo": _demo,
    "up": _up,
    "watch": _watch,
    "status": _status,
    "audit": _audit,
    "conformance": _conformance,
    "db": _db,
    "simex": _simex,
    "trade": _trade,
    "pause": _operation,
    "resume": _operation,
    "safe-mode": _operation,
    "resolve-order": _resolve_order,
    "cancel-workflow": _cancel_workflow,
}


if __name__ == "__main__":
    main()

"""The argument parser of `gridwright`: the commands and their options."""

import argparse
import getpass
from pathlib import Path

from gridctl.commands.operator import Verb
from gridctl.commands.trade import TYPES

_HELP = {
    Verb.PAUSE: "place nothing new; resting orders stay on the exchange",
    Verb.RESUME: "trade again after a pause",
}


def parser() -> argparse.ArgumentParser:
    """Builds the parser for all commands. The parsed namespace has the chosen command in `command`."""
    root = argparse.ArgumentParser(prog="gridwright", description="A durable grid market maker.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="trade a simulated exchange on this machine, then audit it"))
    _add_up(commands.add_parser("up", help="run the services of a config until Ctrl-C"))
    watch = commands.add_parser("watch", help="show grids that another process runs")
    _add_config(watch)
    watch.add_argument("--plain", action="store_true", help="print lines instead of the live view")
    _add_config(commands.add_parser("status", help="show services and grids; exit code 0 if all is in order"))
    _add_config(
        commands.add_parser("audit", help="compare the grids with simex's book; the market is paused meanwhile")
    )
    _add_conformance(commands.add_parser("conformance", help="measure how a venue behaves where venues differ"))
    _add_db(commands.add_parser("db", help="show and migrate the services' databases"))
    _add_simex(commands.add_parser("simex", help="run a local exchange for your own client until Ctrl-C"))
    _add_trade(commands.add_parser("trade", help="place and cancel manual orders on a simex account"))
    for verb, text in _HELP.items():
        _add_operation(commands.add_parser(verb.value, help=text))
    safe_mode = commands.add_parser("safe-mode", help="on: cancel opening orders; off: trade again")
    safe_mode.add_argument("switch", choices=("on", "off"))
    _add_operation(safe_mode)
    _add_resolve_order(
        commands.add_parser("resolve-order", help="state what became of an order that is UNKNOWN or not shown")
    )
    cancel = commands.add_parser(
        "cancel-workflow", help="cancel a workflow that blocks startup (the orchestrator must be stopped)"
    )
    _add_config(cancel)
    cancel.add_argument("workflow", nargs="+", metavar="WORKFLOW", help="its id, as the startup error names it")
    return root


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--duration", type=positive, metavar="SECONDS", help="default: 60, or the tape's length")
    demo.add_argument("--kill", action="store_true", help="SIGKILL one of the services every few seconds")
    demo.add_argument(
        "--replay", type=Path, metavar="TAPE", help="a recorded market: .csv or .csv.gz of trades, quotes or 1m candles"
    )
    demo.add_argument(
        "--symbol", default="", metavar="SYMBOL", help="the tape's symbol, if its file name does not contain it"
    )
    for step in ("--tick-size", "--lot-size"):
        demo.add_argument(
            step, default="", metavar="STEP", help="step of the tape's market; default: guessed from the tape"
        )
    demo.add_argument("--speed", type=positive, metavar="N", help="market seconds per second")
    demo.add_argument(
        "--seed", type=int, metavar="N", help="seed of the simulated market and of the kills; default: random"
    )
    demo.add_argument("--config", type=Path, metavar="FILE", help="your own config with a [simex] section")
    demo.add_argument("--data-dir", type=Path, default=Path(".gridwright"), metavar="DIR", help="default: .gridwright")
    demo.add_argument("--plain", action="store_true", help="print lines instead of the live view")


def _add_up(up: argparse.ArgumentParser) -> None:
    _add_config(up)
    up.add_argument(
        "--only", action="append", default=[], metavar="SERVICE", help="start only this service; may be repeated"
    )
    up.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".gridwright"),
        metavar="DIR",
        help="folder that holds logs/; default: .gridwright",
    )
    up.add_argument("--plain", action="store_true", help="print lines instead of the live view")


def _add_conformance(conformance: argparse.ArgumentParser) -> None:
    add = conformance.add_argument
    add("--exchange", required=True, metavar="ID", help="simex, or a ccxt exchange id")
    add(
        "--url",
        default="",
        metavar="URL",
        help="server to use instead of the exchange; default for simex: start one",
    )
    add("--sandbox", action="store_true", help="use the exchange's test network")
    add("--mainnet", action="store_true", help="use its real market: this trades real money")
    add(
        "--yes",
        action="store_true",
        help="confirm placing real orders (the worst-case cost is shown first; not needed for simex)",
    )
    add("--symbol", default="BTC/USDT", help="default: BTC/USDT")
    add(
        "--samples", type=count, default=10, metavar="N", help="number of orders used to time the look-ups; default: 10"
    )
    add("--out", type=Path, metavar="FILE", help="file for the venue profile; default: .gridwright/venues/NAME.toml")


def _add_db(db: argparse.ArgumentParser) -> None:
    actions = db.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_config(actions.add_parser("status", help="list the databases; exit code 0 if all have the newest version"))
    _add_config(actions.add_parser("upgrade", help="back up and migrate; the services must be stopped"))
    anew = actions.add_parser(
        "begin-anew", help="after a reset of the exchange: move all data aside, delete nothing; services stopped"
    )
    _add_config(anew)
    anew.add_argument("--yes", action="store_true", help="confirm; without it the command only prints what it would do")


def _add_simex(simex: argparse.ArgumentParser) -> None:
    what = simex.add_mutually_exclusive_group(required=True)
    what.add_argument("--market", metavar="MARKET", help="replay:FILE (a tape) or sim:SYMBOL, such as sim:BTC/USDT")
    what.add_argument("--config", type=Path, metavar="FILE", help="use a config with a [simex] section instead")
    simex.add_argument(
        "--port", type=int, metavar="N", help="port of REST and websockets; default: 8080; 0: any free port"
    )
    simex.add_argument("--control-port", type=int, metavar="N", help="port of the control RPC; default: any free port")
    simex.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the book; default: .gridwright/simex/MARKET"
    )
    simex.add_argument("--balance", action="append", type=_balance, metavar="ASSET=AMOUNT", help="may be repeated")
    simex.add_argument("--speed", metavar="N", help="market seconds per second; default: 1")
    simex.add_argument("--seed", type=int, metavar="N", help="seed of the simulation; default: 1")
    simex.add_argument("--start-price", metavar="PRICE", help="first price of the simulation; default: 60000")
    simex.add_argument("--symbol", metavar="SYMBOL", help="the tape's symbol, if its file name does not contain it")
    simex.add_argument(
        "--tick-size", metavar="STEP", help="default: the market's known step, else guessed from the tape"
    )
    simex.add_argument("--lot-size", metavar="STEP", help="likewise")
    simex.add_argument("--no-limits", action="store_true", help="no rate limits, no bans")


def _add_trade(trade: argparse.ArgumentParser) -> None:
    trade.add_argument("--url", default="http://127.0.0.1:8080", help="default: %(default)s")
    trade.add_argument("--key", default="simex", help="API key of the account; default: %(default)s")
    trade.add_argument("--secret", default="simex", help="API secret of the account; default: %(default)s")
    actions = trade.add_subparsers(dest="action", required=True, metavar="ACTION")
    for side in ("buy", "sell"):
        order = actions.add_parser(side, help="place a GTC limit order, or one of another --type")
        for name in ("symbol", "quantity"):
            order.add_argument(name)
        order.add_argument(
            "price", nargs="?", default="", help="limit price; none for MARKET, STOP_LOSS and TAKE_PROFIT"
        )
        order.add_argument("--id", default="", help="client order id; default: assigned by the venue")
        order.add_argument("--type", default="LIMIT", choices=TYPES, metavar="TYPE", help=f"one of {', '.join(TYPES)}")
        order.add_argument("--stop", default="", metavar="PRICE", help="trigger price of a stop or take-profit order")
        order.add_argument(
            "--trailing", default="", metavar="BIPS", help="trailing distance in basis points; 100 is 1 %%"
        )
    oco = actions.add_parser("oco", help="place a LIMIT_MAKER and a stop order; a fill of one cancels the other")
    oto = actions.add_parser("oto", help="place a LIMIT order and, once it is filled, one of the other side")
    for pair, last, meaning in ((oco, "stop", "trigger price of the stop"), (oto, "then", "the other side's price")):
        pair.add_argument("side", choices=("buy", "sell"))
        for name in ("symbol", "quantity", "price"):
            pair.add_argument(name)
        pair.add_argument(last, help=meaning)
    cancel = actions.add_parser("cancel", help="cancel an open order")
    cancel.add_argument("order", type=int, help="order id, as `orders` lists it")
    orders = actions.add_parser("orders", help="list all open orders of the account")
    for one in (cancel, orders):
        one.add_argument("--symbol", default="", help="only this market")
    actions.add_parser("balances", help="show the account's balances")


def _add_operation(operation: argparse.ArgumentParser) -> None:
    _add_config(operation)
    operation.add_argument("--symbol", default="", help="the grid's symbol; optional if there is only one grid")
    operation.add_argument("--why", required=True, help="the reason, for the record")
    operation.add_argument(
        "--who", default=getpass.getuser(), help="the operator's name, for the record; default: your user name"
    )
    operation.add_argument("--request-id", default="", metavar="ID", help="id of an unanswered command to repeat")


def _add_resolve_order(resolve: argparse.ArgumentParser) -> None:
    resolve.add_argument("client_order_id", metavar="ORDER", help="client order id, as `status` shows it")
    evidence = resolve.add_mutually_exclusive_group(required=True)
    evidence.add_argument(
        "--placed-as", default="", metavar="ID", help="the venue has the order, under this exchange order id"
    )
    evidence.add_argument(
        "--never-placed", action="store_true", help="you have checked: the venue has no trace of the order"
    )
    evidence.add_argument(
        "--gone", action="store_true", help="it was open and the venue no longer shows it: it has ended"
    )
    _add_operation(resolve)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, default=Path("grid.toml"), metavar="FILE", help="default: grid.toml")


def _balance(text: str) -> tuple[str, str]:
    asset, equals, amount = text.partition("=")
    if not asset or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not ASSET=AMOUNT, such as USDT=10000")
    return asset, amount


def count(text: str) -> int:
    """Parses a whole number above 0. Raises ArgumentTypeError for anything else."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return value


def positive(text: str) -> float:
    """Parses a finite number above 0. Raises ArgumentTypeError for anything else."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value

"""SIGKILL at every single statement of a transaction: the book is as it was before, or as it is after, never between.

The file is its own victim: run as a script, it forks processes that trade once, each killed at a later statement.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from gridsim.account import MAIN, Balance
from gridsim.market import Liquidity, MarketTrade, Queue
from gridsim.orders import NewOrder, OrderType, Side
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from simex.exchange.store import Store
from simex.exchange.venue import Listing, Venue

BTC = "BTC/USDT"


def venue_on(store: Store) -> Venue:
    rules, start = SymbolRules(BTC), [Balance("BTC", Decimal(1)), Balance("USDT", Decimal(100_000))]
    listing = Listing(rules, Liquidity(queue=Queue.FRONT), Simulation(rules, 7, Decimal(60_000)), "simulation 7")
    return Venue([listing], {MAIN: start, "bob": start}, store)


def order(price: str, side: Side = Side.BUY) -> NewOrder:
    return NewOrder(BTC, side, OrderType.LIMIT, Decimal("0.01"), Decimal(price))


def prepare(venue: Venue) -> None:
    venue.place(MAIN, order("59000"), 1)
    venue.place(MAIN, order("59999.99"), 1)


def fill_both(venue: Venue) -> None:
    venue.inject(BTC, MarketTrade(0, Decimal(58_000), Decimal(1), Side.SELL), 2)


def cancel_both(venue: Venue) -> None:
    venue.cancel_all(MAIN, BTC, 2)


def place_and_take(venue: Venue) -> None:
    venue.place(MAIN, order("61000"), 2)


def trade_with_each_other(venue: Venue) -> None:
    outcome = venue.place("bob", order("59999.99", Side.SELL), 2)
    assert len({each.order.account for each in outcome.executions if each.trade}) == 2


COMMANDS = {command.__name__: command for command in (fill_both, cancel_both, place_and_take, trade_with_each_other)}


def book_of(path: Path) -> tuple[object, ...]:
    store = Store(path)
    venue = venue_on(store)
    found = (store.all_orders(), store.all_trades(BTC), store.balances(), store.market(BTC), venue.book(BTC).orders)
    store.close()
    return found


@pytest.mark.system
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_killed_anywhere_has_happened_whole_or_not_at_all(tmp_path: Path, command: str) -> None:
    path = tmp_path / "unbroken.sqlite"
    store = Store(path)
    prepare(venue_on(store))
    store.close()
    before = book_of(path)
    store = Store(path)
    COMMANDS[command](venue_on(store))
    store.close()
    after = book_of(path)

    script = [sys.executable, __file__, str(tmp_path), command]
    codes = [int(line) for line in subprocess.run(script, check=True, stdout=subprocess.PIPE).stdout.split()]

    *killed, last = codes
    assert len(killed) >= 5
    assert set(killed) == {-signal.SIGKILL}
    assert last == 0
    assert before != after
    for statement, code in enumerate(codes, 1):
        book = book_of(tmp_path / f"{statement}.sqlite")
        assert book == (before if code else after), f"killed at statement {statement}"


def _die_at(statement: int) -> Callable[[str], None]:
    left = [statement]

    def note(_sql: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return note


def _victim(path: Path, command: str, statement: int) -> None:
    store = Store(path)
    venue = venue_on(store)
    prepare(venue)
    store._db.set_trace_callback(_die_at(statement))
    COMMANDS[command](venue)


def _end_of_victim(path: Path, command: str, statement: int) -> int:
    """Its exit code, below 0 the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        _victim(path, command, statement)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for number in count(1):
        exit_code = _end_of_victim(Path(sys.argv[1]) / f"{number}.sqlite", sys.argv[2], number)
        print(exit_code)  # noqa: T201  # to the test
        if exit_code != -signal.SIGKILL:
            break

"""Bad input is refused in one sentence with field, value and remedy, and by a stable exit code.

Real services on a deployment that has traded. Each case stops its services, starts them with the bad input, checks that
their records are unchanged, corrects the input and checks that the same grid continues. In the end venue and records
agree.
"""

import contextlib
import gzip
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w

from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.demo.examples import example
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from griddeploy.free_ports import free_ports
from gridrpc.channel import open_sync_channel
from gridtesting.live.forked import fork
from gridtesting.live.manual_services import (
    DEADLINE_SECONDS,
    SECRET,
    Services,
    Start,
    Values,
    exit_code,
    query,
    rows,
    the_sentence,
    until,
)
from gridtesting.live.orchestrator import eventually
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import orchestrator_pb2, simex_pb2, simex_pb2_grpc

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("bad_input")]  # one deployment for all


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A deployment that trades."""
    folder = tmp_path_factory.mktemp("bad-input")
    values = tomllib.loads(example("demo.toml"))
    values["grids"][0]["risk"]["stale_price_ms"] = 600_000  # no safe mode while pricemon is out
    own = folder / "own.toml"
    own.write_text(tomli_w.dumps(values), encoding="utf-8")
    services = Services(prepare_demo(DemoConfig(config=own), folder), folder)
    try:
        services.start(SIMEX)
        services.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
        services.goes_on()
        yield services
    finally:
        services.end()


# The cases. Each says what is wrong for as long as its block lasts, and with what the services are started then.


@contextlib.contextmanager
def unknown_symbol(services: Services) -> Iterator[Start]:
    def misspell(values: Values) -> None:
        values["grids"][0]["symbol"] = "BTC/USDX"  # with a second grid that is right, only this one is refused

    yield Start(services.edited(misspell))


@contextlib.contextmanager
def wrong_key(services: Services) -> Iterator[Start]:
    keys = {"GRIDWRIGHT_API_KEY": SECRET, "GRIDWRIGHT_API_SECRET": "simex"}
    yield Start(services.deployment.config, keys)


@contextlib.contextmanager
def wrong_secret(services: Services) -> Iterator[Start]:
    keys = {"GRIDWRIGHT_API_KEY": "simex", "GRIDWRIGHT_API_SECRET": SECRET}
    yield Start(services.deployment.config, keys)


@contextlib.contextmanager
def malformed_toml(services: Services) -> Iterator[Start]:
    path = services.folder / "malformed.toml"
    path.write_text(services.deployment.config.read_text(encoding="utf-8") + "\n[grids.risk\n", encoding="utf-8")
    yield Start(path, forked=False)


@contextlib.contextmanager
def interval_under_the_tick(services: Services) -> Iterator[Start]:
    def narrow(values: Values) -> None:
        values["grids"][0]["interval"] = "0.001"

    yield Start(services.edited(narrow))


@contextlib.contextmanager
def unwritable_folder(services: Services) -> Iterator[Start]:
    """Under a regular file no user can write, not even root."""
    (services.folder / "file").touch()

    def move(values: Values) -> None:
        for name in (SIMEX, EXECUTOR, ORCHESTRATOR):
            values[name]["data_dir"] = str(services.folder / "file" / "data")

    yield Start(services.edited(move))


@contextlib.contextmanager
def port_in_use(services: Services) -> Iterator[Start]:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        address = f"127.0.0.1:{owner.getsockname()[1]}"

        def move(values: Values) -> None:
            values[SIMEX] |= {"address": address, "data_dir": str(services.folder / "another-book")}
            for name in (PRICEMON, EXECUTOR, ORCHESTRATOR):
                values[name]["listen"] = address

        yield Start(services.edited(move))


@contextlib.contextmanager
def metrics_port_in_use(services: Services) -> Iterator[Start]:
    with socket.create_server(("127.0.0.1", 0)) as owner:

        def move(values: Values) -> None:
            for name in (PRICEMON, EXECUTOR, ORCHESTRATOR):
                values[name]["metrics"] = f"127.0.0.1:{owner.getsockname()[1]}"

        yield Start(services.edited(move))


@contextlib.contextmanager
def newer_schema(services: Services) -> Iterator[Start]:
    kept = {name: query(services.database(name), "SELECT version_num FROM alembic_version") for name in STATEFUL}
    for name in STATEFUL:
        query(services.database(name), "UPDATE alembic_version SET version_num = '9999_of_the_future'")
    try:
        yield Start(services.deployment.config)
    finally:
        for name, [(version,)] in kept.items():
            query(services.database(name), f"UPDATE alembic_version SET version_num = '{version}'")


@contextlib.contextmanager
def database_unreachable(services: Services) -> Iterator[Start]:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]  # nothing listens there once it is released

    def be_quick(values: Values) -> None:
        values["database"] = {"wait_seconds": 0}

    url = f"postgresql://grid:{SECRET}@127.0.0.1:{port}/grid"
    yield Start(services.edited(be_quick), {"DATABASE_URL": url})


STATEFUL = (EXECUTOR, ORCHESTRATOR)
ALL = (PRICEMON, EXECUTOR, ORCHESTRATOR, SIMEX)


@dataclass(frozen=True)
class Case:
    """Bad input, the services that get it, and what they answer. `parts` are the field, the value and the remedy."""

    wrong: Callable[[Services], AbstractContextManager[Start]]
    names: tuple[str, ...]
    code: int
    parts: tuple[str, ...]


CASES = {
    "unknown symbol": Case(
        unknown_symbol, (PRICEMON, EXECUTOR), 2, ("grids.symbol = 'BTC/USDX'", "does not trade it", "BTC/USDT?")
    ),
    "unknown symbol, the executor has the right one": Case(
        unknown_symbol, (ORCHESTRATOR,), 2, ("grids.symbol = 'BTC/USDX'", "did you mean BTC/USDT?", "correct it")
    ),
    "wrong key": Case(wrong_key, (EXECUTOR,), 2, ("GRIDWRIGHT_API_KEY", "= ***", "-2015", "give the pair")),
    "wrong secret": Case(wrong_secret, (EXECUTOR,), 2, ("GRIDWRIGHT_API_SECRET", "= ***", "-1022", "give the pair")),
    "malformed TOML": Case(malformed_toml, ALL, 2, ("config = ", "malformed.toml'", "line ", "fix that line")),
    "interval under the tick": Case(
        interval_under_the_tick, (ORCHESTRATOR,), 2, ("interval = 0.001", "tick_size of 0.01", "widen it")
    ),
    "unwritable data folder": Case(
        unwritable_folder, (*STATEFUL, SIMEX), 2, (".data_dir = ", "/file/data'", "Not a directory", "give a folder")
    ),
    "port in use": Case(port_in_use, ALL, 3, ("address '127.0.0.1:", "cannot be bound", "choose another")),
    "port of the metrics in use": Case(
        metrics_port_in_use, (PRICEMON, *STATEFUL), 3, ("metrics address '127.", "cannot be bound", "choose another")
    ),
    "database of a newer schema": Case(
        newer_schema, STATEFUL, 5, (".sqlite has schema version 9999_of_the_future", "start that version")
    ),
    "database unreachable": Case(
        database_unreachable, STATEFUL, 6, ("database url = 'postgresql://127.0.0.1:", "no connection", "start the ")
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_one_sentence_and_an_exit_code_and_loses_nothing(services: Services, case: Case) -> None:
    stopped = [name for name in case.names if name != SIMEX]  # the bad simex is another one, beside the deployment's
    services.stop(*stopped)
    with services.started_after(*stopped), case.wrong(services) as start:
        before = {name: rows(services.folder / name) for name in stopped}
        for name in case.names:
            code, stderr = services.refused(name, start)

            assert code == case.code, stderr
            sentence = the_sentence(stderr, name)
            assert all(part in sentence for part in case.parts), sentence
        for name, known in before.items():
            now = rows(services.folder / name)
            assert {table: now.get(table) for table in known} == known
    services.goes_on()


def test_a_second_executor_on_the_account_is_refused_and_the_first_goes_on(services: Services) -> None:
    def beside(values: Values) -> None:
        values[EXECUTOR]["address"] = "127.0.0.1:0"

    lease = "SELECT birth_id, holder, epoch FROM meta, fences"
    before = query(services.database(EXECUTOR), lease)

    code, stderr = services.refused(EXECUTOR, Start(services.edited(beside)))

    sentence = the_sentence(stderr, EXECUTOR)
    assert code == 4, stderr
    assert all(part in sentence for part in ("another executor", "account's ledger", "stop it first")), sentence
    assert query(services.database(EXECUTOR), lease) == before
    services.goes_on()


@pytest.mark.parametrize(
    ("own_folder", "expected", "parts"),
    [
        (False, 4, ("another orchestrator holds", "orchestrator.lock", "stop it first", "orchestrator.data_dir")),
        (True, 4, ("BTC/USDT is not rebuilt", "an orchestrator follows the log of BTC/USDT", "stop it first")),
    ],
    ids=["same data", "data of its own"],
)
def test_a_second_orchestrator_on_the_symbol_is_refused_and_the_first_goes_on(
    services: Services, own_folder: bool, expected: int, parts: tuple[str, ...]
) -> None:
    def beside(values: Values) -> None:
        values[ORCHESTRATOR]["address"] = "127.0.0.1:0"
        if own_folder:
            values[ORCHESTRATOR]["data_dir"] = str(services.folder / "second")

    fence = "SELECT epoch, state_birth_id FROM fences"
    before = query(services.database(EXECUTOR), fence)

    for _ in range(2):  # a second start has the higher epoch
        code, stderr = services.refused(ORCHESTRATOR, Start(services.edited(beside)))

        sentence = the_sentence(stderr, ORCHESTRATOR)
        assert code == expected, stderr
        assert all(part in sentence for part in parts), sentence
    assert query(services.database(EXECUTOR), fence) == before
    services.goes_on()


def test_after_all_that_was_refused_venue_and_records_agree(services: Services) -> None:
    command = [sys.executable, "-m", "gridctl", "audit", "--config", str(services.deployment.config)]

    audit = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS)

    assert audit.returncode == 0, audit.stdout
    assert "duplicates=0 orphans=0 missing=0 twice=0 position_diff=0" in audit.stdout.splitlines()[-1]


TAPE = "ts_ms,price,qty,side\n" + "".join(f"{1_000 * n},100.0{n % 10},1.25,buy\n" for n in range(1, 400))


class Exchange:
    """A simex of its own that plays a tape."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self.tape = folder, folder / f"tape{suffix}"
        http, control = free_ports(2)
        self._control = f"127.0.0.1:{control}"
        market = {"symbol": "BTC/USDT", "source": "replay", "file": str(self.tape), "speed": "20"}
        values = {"address": f"127.0.0.1:{http}", "control_address": self._control, "data_dir": str(folder / "book")}
        self._config, self._log = folder / "grid.toml", folder / "simex.log"
        self._config.write_text(tomli_w.dumps({SIMEX: {**values, "markets": [market]}}), encoding="utf-8")

    def record(self, text: str, lost_bytes: int = 0) -> None:
        """Makes this the tape, without the last bytes of the file."""
        content = text.encode("ascii")
        content = gzip.compress(content, mtime=0) if self.tape.suffix == ".gz" else content
        self.tape.write_bytes(content[: len(content) - lost_bytes])

    def play(self, events: int) -> None:
        """Lets so many events of it have happened, over all its runs."""
        process = fork(SIMEX, self._config, self._log)
        try:
            until(lambda: not process.is_alive() or self._events() >= events, lambda: f"{events} events")
        finally:
            process.terminate()
            assert exit_code(process) == 0

    def refused(self) -> tuple[int, str]:
        """Exit code and what it says."""
        self._log.unlink()
        return exit_code(fork(SIMEX, self._config, self._log)), self._log.read_text(encoding="utf-8")

    def _events(self) -> int:
        with open_sync_channel(self._control) as channel:
            asked = simex_pb2.GetMarketRequest(symbol="BTC/USDT")
            answer = simex_pb2_grpc.SimexStub(channel).GetMarket(asked, timeout=DEADLINE_SECONDS, wait_for_ready=True)
            return answer.events_done


@pytest.mark.parametrize(
    ("suffix", "text", "lost_bytes", "parts"),
    [
        (".csv", TAPE[:-8], 0, ("line 400 of the tape, '399000,100.09,1'", "there must be 4 fields")),
        (".csv", TAPE[:-1], 0, ("line 400 of the tape, '399000,100.09,1.25,buy'", "breaks off", "fetch it whole")),
        (".csv.gz", TAPE[:-8], 0, ("line 400 of the tape, '399000,100.09,1'", "there must be 4 fields")),
        (".csv.gz", TAPE, 200, (" of the tape, '", "breaks off after this line", "fetch it whole")),
    ],
    ids=["in a field", "before the line's end", "packed after the cut", "cut after it was packed"],
)
def test_a_tape_that_ends_in_the_middle_of_a_line_is_refused_and_its_book_goes_on(
    tmp_path: Path, suffix: str, text: str, lost_bytes: int, parts: tuple[str, ...]
) -> None:
    exchange = Exchange(tmp_path, suffix)
    exchange.record(TAPE)
    exchange.play(events=5)
    before = rows(tmp_path / "book")

    exchange.record(text, lost_bytes)
    code, stderr = exchange.refused()

    sentence = the_sentence(stderr, SIMEX)
    assert code == 2, stderr
    assert all(part in sentence for part in ("simex.markets.file = ", f"/tape{suffix}'", *parts)), sentence
    assert rows(tmp_path / "book") == before
    exchange.record(TAPE)
    events_done: int = before["simex.sqlite:markets"][0][2]
    exchange.play(events_done + 5)


@pytest.mark.parametrize("offset_ms", [10_000, -10_000], ids=["the venue is ahead", "the venue is behind"])
async def test_with_a_clock_off_by_ten_seconds_the_grid_trades_and_nothing_is_lost(
    tmp_path: Path, offset_ms: int
) -> None:
    values = tomllib.loads(example("demo.toml"))
    values[SIMEX]["clock_offset_ms"] = offset_ms
    own = tmp_path / "own.toml"
    own.write_text(tomli_w.dumps(values), encoding="utf-8")
    async with running_stack(tmp_path, DemoConfig(config=own), forked=True) as stack:
        await eventually(lambda: has_traded(stack), "five fills")
        report = await stack.audit()

    assert report.clean, report
    assert report.fills >= 5


async def has_traded(stack: Stack) -> bool:
    asked = orchestrator_pb2.GetStateRequest(symbol="BTC/USDT")
    return (await stack.channels.orchestrator.GetState(asked)).state.totals.fills >= 5

"""The stage of a demo: its config, its folder, its ports, its tape."""

import gzip
import socket
import tomllib
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridctl.house import read_house
from gridctl.killer import victims
from gridctl.ports import free_ports
from gridctl.stage import Stage, example, set_stage
from gridctl.tapes import tape_info
from gridctl.toml import to_toml
from gridctl.workspace import MARKER, fresh_folder
from gridrpc.settings import ConfigError, Table
from orchestrator.config import load_settings
from pricemon.config import read_settings as read_pricemon
from simex.config import read_settings as read_simex

_words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)
_scalars = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), _words, st.lists(_words, max_size=3))
_keys = st.text("abcdefghij_", min_size=1, max_size=6)
_tables = st.recursive(
    st.dictionaries(_keys, _scalars, max_size=3),
    lambda inner: st.dictionaries(
        _keys, st.one_of(_scalars, inner, st.lists(inner, min_size=1, max_size=2)), max_size=3
    ),
    max_leaves=6,
)


@given(_tables)
def test_what_is_written_as_toml_is_read_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(values)) == values


@pytest.mark.parametrize("name", ["demo.toml", "replay-trx.toml", "binance.toml"])
def test_every_example_is_one_that_the_services_take(name: str, tmp_path: Path) -> None:
    values = tomllib.loads(example(name))
    for market in values.get("simex", {}).get("markets", []):
        market.update({"file": __file__} if "file" in market else {})
    config = tmp_path / name
    config.write_text(to_toml(values), encoding="utf-8")
    house = read_house(config)
    assert load_settings(config).executor_address == house.addresses["executor"]
    assert read_pricemon(config).address == house.addresses["pricemon"]
    if "simex" in values:
        assert read_simex(Table(values["simex"], "simex")).control_address == house.addresses["simex"]


def test_a_stage_has_ports_and_folders_of_its_own(tmp_path: Path) -> None:
    house = set_stage(Stage(seed=11, speed="2"), tmp_path)
    values = tomllib.loads(house.config.read_text())
    assert len(set(house.addresses.values())) == 4
    assert values["venue"]["base_url"] == f"http://{values['simex']['address']}"
    assert all(Path(values[name]["data_dir"]).parent == tmp_path for name in ("simex", "executor", "orchestrator"))
    assert (values["simex"]["markets"][0]["seed"], values["simex"]["markets"][0]["speed"]) == (11, "2")


def test_a_config_of_the_users_own_keeps_its_grid(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(example("demo.toml").replace('interval = "180"', 'interval = "300"'), encoding="utf-8")
    house = set_stage(Stage(config=own), tmp_path)
    assert tomllib.loads(house.config.read_text())["grids"][0]["interval"] == "300"


def test_a_config_without_a_simulated_market_is_no_demo(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(example("binance.toml"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"simex\.markets is missing: a demo trades against simex"):
        set_stage(Stage(config=own), tmp_path)


def tape(folder: Path, name: str, price: str = "0.2312") -> Path:
    path = folder / name
    with gzip.open(path, "wt") as lines:
        lines.write(f"ts_ms,price,qty,side\n1741046401271,{price},2619.4,sell\n")
    return path


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("trades_binance_spot_TRXUSDT_20250304T0000.csv.gz", "TRX/USDT"),
        ("candles1m_ftx_BTCPERP_crash_20220120_20220124.csv.gz", "BTC/USD"),
        ("candles1m_binance_BTCBUSD_spike_20221213.csv.gz", "BTC/BUSD"),
        ("trades_coinbase_BTCUSD_20230905T1600.csv.gz", "BTC/USD"),
    ],
)
def test_a_tapes_name_tells_its_symbol(tmp_path: Path, name: str, symbol: str) -> None:
    info = tape_info(tape(tmp_path, name, price="23"))
    assert (info.symbol, info.first_price) == (symbol, Decimal(23))
    house = set_stage(Stage(tape=info, speed="60"), tmp_path)
    values = tomllib.loads(house.config.read_text())
    assert house.symbols == (symbol,)
    assert values["simex"]["markets"][0]["source"] == "replay"
    assert Path(values["simex"]["markets"][0]["file"]) == info.path


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("trades_binance_spot_DOGEUSDT_2025.csv.gz", "whose rules are known"),
        ("mytape.csv.gz", "whose rules are known"),
    ],
)
def test_a_tape_that_tells_no_known_symbol_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        tape_info(tape(tmp_path, name))


def test_a_tape_that_is_not_there_or_no_tape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        tape_info(tmp_path / "trades_x_TRXUSDT_1.csv.gz")
    with pytest.raises(ConfigError, match="it is no tape"):
        tape_info(tape(tmp_path, "trades_x_TRXUSDT_1.csv.gz", price="much"))


def test_a_fresh_folder_is_emptied_only_if_it_is_ours(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path / "demo")
    (folder / "left.sqlite").write_text("old")
    assert [path.name for path in fresh_folder(folder).iterdir()] == [MARKER]
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("ten years")
    with pytest.raises(ConfigError, match="it holds things of yours"):
        fresh_folder(theirs)
    assert (theirs / "thesis.tex").read_text() == "ten years"


def _socket() -> socket.socket:
    """As a service has it: connections that have just ended on the port do not matter."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return bound


def test_free_ports_are_free_distinct_and_out_of_the_way_of_outgoing_connections() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(10_000 <= port < lowest for port in ports)
    for port in ports:
        with _socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_port_that_somebody_holds_is_not_chosen() -> None:
    port = free_ports(1)[0]
    with _socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        assert port not in free_ports(5)


@pytest.mark.parametrize("seed", range(5))
def test_ninety_seconds_kill_each_service_several_times(seed: int) -> None:
    names = ("pricemon", "executor", "orchestrator")
    elapsed, killed = 0.0, []
    for pause, name in islice(victims(names, seed), 100):
        elapsed += pause
        if elapsed > 90:
            break
        killed.append(name)
    assert len(killed) >= 12, f"seed {seed}: {killed}"
    assert min(killed.count(name) for name in names) >= 3
    assert killed[:3] == [name for _, name in islice(victims(names, seed), 3)]


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.0.0.1", ":1", "127.0.0.1:70000"])
def test_services_that_must_find_each_other_need_fixed_ports(tmp_path: Path, address: str) -> None:
    config = tmp_path / "grid.toml"
    config.write_text(f'[executor]\naddress = "{address}"\n[[grids]]\nsymbol = "BTC/USDT"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"executor\.address = .*fixed port"):
        read_house(config)

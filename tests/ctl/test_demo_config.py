"""The stage of a demo: its config, its folder, its ports, its tape."""

import gzip
import socket
import tomllib
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
import tomli_w

from gridcore.grid.grid_checks import check_grid
from gridcore.model.market_rules import MarketRules
from griddeploy.demo.config import DemoConfig, example, prepare_demo
from griddeploy.demo.tape_scan import Scan, scan
from griddeploy.demo.tapes import tape_info
from griddeploy.deployment import read_deployment
from griddeploy.free_ports import free_ports
from griddeploy.process.random_kills import victims
from griddeploy.run_folder import MARKER, fresh_folder
from gridservice.config_file import ConfigError, Table
from orchestrator.config import load_settings
from pricemon.config import read_settings as read_pricemon
from simex.config import read_settings as read_simex


@pytest.mark.parametrize("name", ["demo.toml", "replay-trx.toml", "binance.toml"])
def test_every_example_is_one_that_the_services_take(name: str, tmp_path: Path) -> None:
    values = tomllib.loads(example(name))
    for market in values.get("simex", {}).get("markets", []):
        market.update({"file": __file__} if "file" in market else {})
    config = tmp_path / name
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    deployment = read_deployment(config)
    assert load_settings(config).executor_address == deployment.addresses["executor"]
    assert read_pricemon(config).address == deployment.addresses["pricemon"]
    if "simex" in values:
        assert read_simex(Table(values["simex"], "simex")).control_address == deployment.addresses["simex"]


def test_a_stage_has_ports_and_folders_of_its_own(tmp_path: Path) -> None:
    deployment = prepare_demo(DemoConfig(seed=11, speed="2"), tmp_path)
    values = tomllib.loads(deployment.config.read_text())
    assert len(set(deployment.addresses.values())) == 4
    assert values["venue"]["base_url"] == f"http://{values['simex']['address']}"
    assert all(Path(values[name]["data_dir"]).parent == tmp_path for name in ("simex", "executor", "orchestrator"))
    assert (values["simex"]["markets"][0]["seed"], values["simex"]["markets"][0]["speed"]) == (11, "2")


def test_a_config_of_the_users_own_keeps_its_grid(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(example("demo.toml").replace('interval = "180"', 'interval = "300"'), encoding="utf-8")
    deployment = prepare_demo(DemoConfig(config=own), tmp_path)
    assert tomllib.loads(deployment.config.read_text())["grids"][0]["interval"] == "300"


def test_a_config_without_a_simulated_market_is_no_demo(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(example("binance.toml"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"simex\.markets is missing: a demo trades against simex"):
        prepare_demo(DemoConfig(config=own), tmp_path)


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
def test_the_symbol_follows_from_the_name_of_a_tape(tmp_path: Path, name: str, symbol: str) -> None:
    info = tape_info(tape(tmp_path, name, price="23"))
    assert (info.symbol, info.first_price) == (symbol, Decimal(23))
    deployment = prepare_demo(DemoConfig(tape=info, speed="60"), tmp_path)
    values = tomllib.loads(deployment.config.read_text())
    assert deployment.symbols == (symbol,)
    assert values["simex"]["markets"][0]["source"] == "replay"
    assert Path(values["simex"]["markets"][0]["file"]) == info.path


def test_a_tape_without_a_symbol_in_its_name_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="add --symbol, such as ETH/USDT"):
        tape_info(tape(tmp_path, "mytape.csv.gz"))
    with pytest.raises(ConfigError, match="write it as ccxt does"):
        tape_info(tape(tmp_path, "mytape.csv.gz"), symbol="ETHUSDT")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("trades_binance_spot_ETHUSDT_20250304T0000.csv.gz", "ETH/USDT"),
        ("trades_kraken_1000SATSUSDC_2025.csv.gz", "1000SATS/USDC"),
        ("my-ETH-BTC.csv.gz", "ETH/BTC"),
        ("SOL_USDT-day.csv.gz", "SOL/USDT"),
    ],
)
def test_a_tape_of_any_market_is_taken(tmp_path: Path, name: str, symbol: str) -> None:
    info = tape_info(tape(tmp_path, name))
    assert info.symbol == symbol
    assert (info.rules.tick_size, info.rules.lot_size) == ("0.0001", "0.1")


def test_what_is_given_of_a_tape_counts(tmp_path: Path) -> None:
    info = tape_info(tape(tmp_path, "mytape.csv.gz"), symbol="ETH/USDT", tick_size="0.00005", lot_size="2")
    assert (info.symbol, info.rules.tick_size, info.rules.lot_size) == ("ETH/USDT", "0.00005", "2")


MARKETS = {
    "ETH/USDT": ["3012.11,0.5", "2950.2,0.0013", "3100,2"],
    "DOGE/USDT": ["0.10231,510", "0.09801,12"],
    "SHIB/USDT": ["0.00001234,1000000", "0.00001235,5"],
    "ETH/BTC": ["0.05123,0.11", "0.05119,1.2"],
    "BTC/USD": ["61837.63,1", "61000,3"],
    "PEPE/EUR": ["0.0000081,1", "0.0000082,1"],
    "XYZ/TRY": ["7,1", "8,1"],
}


@pytest.mark.parametrize("symbol", MARKETS)
def test_the_grid_that_is_suggested_for_a_tape_is_one_that_trades(tmp_path: Path, symbol: str) -> None:
    path = tmp_path / f"trades_x_{symbol.replace('/', '')}_1.csv"
    rows = [f"{number},{row},buy" for number, row in enumerate(MARKETS[symbol], start=1)]
    path.write_text("\n".join(["ts_ms,price,qty,side", *rows]), encoding="utf-8")
    deployment = prepare_demo(DemoConfig(tape=tape_info(path)), tmp_path)
    (grid,) = load_settings(deployment.config).grids
    (market,) = read_simex(Table(tomllib.loads(deployment.config.read_text())["simex"], "simex")).markets
    rules = market.rules
    check_grid(
        grid,
        MarketRules(
            symbol, *symbol.split("/"), rules.tick_size, rules.lot_size, rules.lot_size, rules.min_notional,
            rules.maker_fee, rules.taker_fee,
        ),
    )  # fmt: skip


def frame(text: str) -> str:
    return f'1723161254087000000 {{"stream":"ethusdt@trade","data":{text}}}'


def test_the_steps_of_recorded_frames_follow_from_their_numbers() -> None:
    frames = [
        frame('{"p":"3012.10000000","q":"0.00500000"}'),
        frame('{"b":[["3012.01000000","1.00000000"]],"a":[["3012.5","0.00010000"]]}'),
    ]
    assert scan(frames) == Scan("0.01", "0.0001", Decimal("3012.01"), Decimal("3012.5"))


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
    with pytest.raises(ConfigError, match="it holds files of yours"):
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
        read_deployment(config)

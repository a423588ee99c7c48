"""Executor and pricemon build the clients of the exchanges that their settings may name, and reach them."""

import asyncio
import gc
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import ccxt.pro  # noqa: TID251  # its list of exchanges
import pytest

from executor.config import Settings as ExecutorSettings
from executor.config import read_settings as read_executor_settings
from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from gridservice.config_file import ConfigError, Table, read_toml
from gridservice.shared_settings import Venue
from gridtesting.fakes.canned_server import CannedServer, Dropped, canned
from pricemon.ccxt_feed import CcxtFeed, build_exchange
from pricemon.config import read_settings as read_pricemon_settings
from pricemon.ports import FeedLost

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("examples/*.toml"), *ROOT.glob("deploy/*.toml")])
KEYS = {"GRIDWRIGHT_API_KEY": "not-a-key", "GRIDWRIGHT_API_SECRET": "not-a-secret"}
BTC = "BTC/USDT"


def ids_with_test_network() -> list[str]:
    return [name for name in ccxt.pro.exchanges if getattr(ccxt.pro, name)().urls.get("test")]


def executor_settings(**venue: Any) -> ExecutorSettings:
    values = {"venue": venue, "grids": [{"symbol": BTC}], "executor": {"data_dir": "/tmp"}}  # not written
    return read_executor_settings(Table(values), KEYS)


def build(service: str, exchange: str, *, sandbox: bool = False, base_url: str = "") -> Any:
    if service == "executor":
        return make_client(executor_settings(exchange=exchange, sandbox=sandbox, base_url=base_url).venue)
    return build_exchange(Venue(exchange, base_url, sandbox=sandbox))


def test_many_exchanges_have_a_test_network() -> None:
    assert {"binance", "binanceus", "okx", "gate", "bybit"} <= set(ids_with_test_network())


@pytest.mark.parametrize("service", ["executor", "pricemon"])
def test_a_client_is_built_for_every_test_network(service: str) -> None:
    for name in ids_with_test_network():
        client = build(service, name, sandbox=True)
        assert client.urls["api"] == client.urls["test"], f"{name} is not at its test network"


@pytest.mark.parametrize("service", ["executor", "pricemon"])
def test_a_client_is_built_for_every_exchange_at_another_address(service: str) -> None:
    for name in ccxt.pro.exchanges:
        client = build(service, name, base_url="http://127.0.0.1:9")
        assert not _hosts(client.urls["api"]) - {"127.0.0.1:9"}, name


def test_a_test_network_may_stand_behind_another_address() -> None:
    for service in ("executor", "pricemon"):
        client = build(service, "binance", sandbox=True, base_url="http://127.0.0.1:9")
        assert _hosts(client.urls["api"]) == {"127.0.0.1:9"}
        assert client.isSandboxModeEnabled


def test_an_exchange_without_a_test_network_is_refused_by_both() -> None:
    with pytest.raises(ConfigError, match=r"venue.sandbox = True: ccxt knows no test network of kraken"):
        make_client(executor_settings(exchange="kraken", sandbox=True).venue)
    with pytest.raises(ConfigError, match=r"venue.sandbox = True: ccxt knows no test network of kraken"):
        build_exchange(Venue("kraken", sandbox=True))


@pytest.mark.parametrize("service", ["executor", "pricemon"])
def test_a_misspelt_exchange_is_refused_with_the_names_that_it_may_mean(service: str) -> None:
    with pytest.raises(ConfigError, match=r"venue.exchange = 'krakn': not an exchange .* did you mean kraken"):
        build(service, "krakn")


def _hosts(urls: Any) -> set[str]:
    if isinstance(urls, dict):
        return set().union(*(_hosts(url) for url in urls.values())) if urls else set()
    # A place holder, as in https://{hostname}, went with the host; what is no address (None) stays.
    return {re.sub(r"^\w+://([^/]*).*$", r"\1", urls)} if isinstance(urls, str) else set()


KRAKEN = {
    "GET /0/public/Assets": {"error": [], "result": {}},
    "GET /0/public/AssetPairs": {
        "error": [],
        "result": {
            "XXBTZUSD": {
                "altname": "XBTUSD",
                "wsname": "XBT/USD",
                "base": "XXBT",
                "quote": "ZUSD",
                "pair_decimals": 1,
                "cost_decimals": 5,
                "lot_decimals": 8,
                "lot_multiplier": 1,
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "ordermin": "0.00005",
                "costmin": "0.5",
                "tick_size": "0.1",
                "status": "online",
                "leverage_buy": [2],
                "leverage_sell": [2],
            }
        },
    },
}
COINBASE = {
    "GET /v2/currencies": {"data": []},
    "GET /v2/currencies/crypto": {"data": []},
    "GET /v2/exchange-rates": {"data": {"currency": "USD", "rates": {}}},
    "GET /api/v3/brokerage/market/products": {
        "products": [
            {
                "product_id": "BTC-USD",
                "price": "60000",
                "base_increment": "0.00000001",
                "quote_increment": "0.01",
                "base_min_size": "0.00000001",
                "base_max_size": "3400",
                "quote_min_size": "1",
                "quote_max_size": "150000000",
                "base_name": "Bitcoin",
                "quote_name": "US Dollar",
                "status": "online",
                "product_type": "SPOT",
                "quote_currency_id": "USD",
                "base_currency_id": "BTC",
                "base_display_symbol": "BTC",
                "quote_display_symbol": "USD",
                "price_increment": "0.01",
                "trading_disabled": False,
            }
        ],
        "num_products": 1,
    },
}
HTX = {
    "GET /v2/reference/currencies": {"code": 200, "data": []},
    "GET /v1/common/symbols": {
        "status": "ok",
        "data": [
            {
                "base-currency": "btc",
                "quote-currency": "usd",
                "price-precision": 2,
                "amount-precision": 6,
                "symbol-partition": "main",
                "symbol": "btcusd",
                "state": "online",
                "value-precision": 8,
                "min-order-amt": 0.000001,
                "max-order-amt": 1000,
                "min-order-value": 5,
                "api-trading": "enabled",
            }
        ],
    },
}


@pytest.mark.parametrize(
    ("exchange", "replies"),
    [("kraken", KRAKEN), ("coinbase", COINBASE), ("htx", HTX)],
    ids=["kraken", "coinbase", "htx"],
)
async def test_both_services_load_the_markets_of_exchanges_whose_options_have_other_forms(
    exchange: str, replies: dict[str, Any]
) -> None:
    async with canned(dict(replies)) as server:
        feed = CcxtFeed(build("pricemon", exchange, base_url=server.url))
        await feed.open(["BTC/USD"])
        await feed.close()
        client = build("executor", exchange, base_url=server.url)
        if exchange == "coinbase":  # with keys it asks for the account's fees too, which are not reported here
            client.apiKey = client.secret = ""
        venue = CcxtVenue(client, None)
        await venue.connect(("BTC/USD",))
        assert client.market("BTC/USD")["precision"]["price"] is not None
        await venue.close()


def moved_config(file: Path, base_url: str, folder: Path) -> Path:
    """The file with its addresses replaced, and nothing else: the venue's, our own (any port), and the folders."""
    text = file.read_text(encoding="utf-8")
    line = f'base_url = "{base_url}"'
    text, count = re.subn(r"(?m)^base_url = .*$", line, text)
    if not count:
        text = re.sub(r"(?m)^\[venue\]$", f"[venue]\n{line}", text)
    text = re.sub(r"(?m)^(address|listen|metrics) = .*$", r'\1 = "127.0.0.1:0"', text)
    text = re.sub(r"(?m)^data_dir = .*$", f'data_dir = "{folder}"', text)
    moved = folder / file.name
    moved.write_text(text, encoding="utf-8")
    return moved


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_each_shipped_file_leads_both_services_to_their_first_request(file: Path, tmp_path: Path) -> None:
    async with canned({"GET /api/v3/time": {"serverTime": 1_700_000_000_000}}) as server:
        config = moved_config(file, server.url, tmp_path)
        settings = read_executor_settings(read_toml(config), KEYS)
        client = make_client(settings.venue)
        try:
            assert await CcxtVenue(client, settings.venue.request_window_ms).time_ms() == 1_700_000_000_000
        finally:
            await client.close()
        feed = CcxtFeed(build_exchange(read_pricemon_settings(config).venue))
        with pytest.raises(FeedLost):  # there are no markets here
            await feed.open(read_pricemon_settings(config).symbols)
        await feed.close()
        assert server.requests[0] == "GET /api/v3/time"
        assert "GET /api/v3/exchangeInfo" in server.requests


@pytest.mark.system
@pytest.mark.parametrize("service", ["executor", "pricemon"])
async def test_a_process_with_the_file_for_the_test_network_comes_to_its_first_request(
    service: str, tmp_path: Path
) -> None:
    async with canned({}) as server:
        config = moved_config(ROOT / "examples" / "binance.toml", server.url, tmp_path)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            service,
            "--config",
            str(config),
            env=os.environ | KEYS,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await _until_asked(server, process)
        finally:
            if process.returncode is None:
                process.terminate()
            _, said = await process.communicate()
        assert b"Traceback" not in said


async def _until_asked(server: CannedServer, process: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + 60
    while not server.requests:
        assert process.returncode is None, "it ended before its first request"
        assert time.monotonic() < deadline, "no request"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_request_on_a_connection_that_breaks_is_sent_once(method: str) -> None:
    def drop(_: object) -> Any:
        raise Dropped

    async with canned({"GET /api/v3/time": {"serverTime": 1}, f"{method} /api/v3/order": drop}) as server:
        client = build("executor", "binance", base_url=server.url)
        await client.fetch_time()  # leaves a connection that is kept alive, which aiohttp would trust less
        with pytest.raises(ccxt.NetworkError):
            await client.fetch(f"{server.url}/api/v3/order", method)
        await client.close()
        assert server.requests.count(f"{method} /api/v3/order") == 1


@pytest.mark.parametrize("service", ["executor", "pricemon"])
async def test_a_rejection_that_nobody_waits_for_is_not_logged(service: str) -> None:
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
    client = build(service, "binance", base_url="http://127.0.0.1:9")
    socket = client.client("ws://127.0.0.1:9/ws")
    for name in ("trades", "trades", "orders"):
        socket.future(name)
    socket.reject(ccxt.NetworkError("connection reset"))
    await client.close()
    del socket, client
    gc.collect()
    assert said == []

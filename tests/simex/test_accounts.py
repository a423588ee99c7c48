"""Several accounts on one simex, each with its own keys: they trade with each other and see nothing of each other."""

import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support  # noqa: TID251  the client that simex is made for
import pytest

from gridservice.config_file import ConfigError, Table
from gridtesting.live.simex import SimexHandle, running_simex
from simex.access.keys import ApiKey
from simex.config import read_settings

ACCOUNTS = {"ann": {"BTC": Decimal(2), "USDT": Decimal(500)}, "bob": {"USDT": Decimal(5000)}}
KEYS = (
    ApiKey("ann", "ann-key", "ann-secret"),
    ApiKey("bob", "bob-key", "bob-secret", ips=frozenset({"127.0.0.1"})),
    ApiKey("bob", "bob-reads", "bob-secret", may_trade=False),
    ApiKey("bob", "bob-elsewhere", "bob-secret", ips=frozenset({"10.1.2.3"})),
)
DENIED = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path, accounts=ACCOUNTS, keys=KEYS) as handle:
        yield handle


@pytest.fixture
async def client(simex: SimexHandle, point_at: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """Makes an unmodified ccxt client with one of the keys."""
    async with contextlib.AsyncExitStack() as stack:

        def make(name: str) -> Any:
            made = point_at(ccxt.async_support.binance, simex.http_url.removeprefix("http://"))
            made.apiKey, made.secret = f"{name}-key", f"{name}-secret"
            stack.push_async_callback(made.close)
            return made

        yield make


async def test_two_accounts_trade_with_each_other(simex: SimexHandle, client: Callable[..., Any]) -> None:
    ann, bob = client("ann"), client("bob")
    await ann.create_order("BTC/USDT", "limit", "sell", 0.05, 60_000, {"clientOrderId": "same"})

    taken = await bob.create_order("BTC/USDT", "limit", "buy", 0.02, 60_000, {"clientOrderId": "same"})

    assert (taken["status"], taken["filled"], taken["average"]) == ("closed", 0.02, 60_000)
    sold, bought = (await ann.fetch_my_trades("BTC/USDT"))[0], (await bob.fetch_my_trades("BTC/USDT"))[0]
    assert sold["id"] == bought["id"]
    assert (sold["takerOrMaker"], bought["takerOrMaker"]) == ("maker", "taker")
    assert (sold["fee"]["currency"], bought["fee"]["currency"]) == ("USDT", "BTC")
    assert [each["id"] for each in await ann.fetch_trades("BTC/USDT")] == [sold["id"]]  # one print
    held = await ann.fetch_balance()
    assert (held["BTC"]["free"], held["BTC"]["used"]) == (1.95, 0.03)
    assert held["USDT"]["total"] == pytest.approx(500 + 1200 * 0.999)
    truth = await simex.truth()
    assert [trade.account for trade in truth.trades] == ["ann", "bob"]
    assert {(each.account, each.asset) for each in truth.balances} == {
        ("ann", "BTC"), ("ann", "USDT"), ("bob", "BTC"), ("bob", "USDT"), ("main", "BTC"), ("main", "USDT"),
    }  # fmt: skip


async def test_an_account_sees_and_cancels_its_own_orders_alone(client: Callable[..., Any]) -> None:
    ann, bob = client("ann"), client("bob")
    order = await ann.create_order("BTC/USDT", "limit", "buy", 0.001, 59_000)

    with pytest.raises(ccxt.async_support.OrderNotFound):
        await bob.fetch_order(order["id"], "BTC/USDT")
    with pytest.raises(ccxt.async_support.OrderNotFound):
        await bob.cancel_order(order["id"], "BTC/USDT")
    assert await bob.fetch_open_orders("BTC/USDT") == await bob.fetch_orders("BTC/USDT") == []
    assert [each["id"] for each in await ann.fetch_open_orders("BTC/USDT")] == [order["id"]]


async def test_a_key_does_what_it_may_from_where_it_may(simex: SimexHandle, signed: Any) -> None:
    bob = type(signed)(signed.http, simex.http_url, "bob-secret")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001", "price": "59000"}

    assert (await bob.call("GET", "account", key="bob-reads"))[0] == 200
    assert await bob.call("POST", "order", key="bob-reads", **order) == DENIED
    assert await bob.call("GET", "account", key="bob-elsewhere") == DENIED
    assert (await bob.call("POST", "order", key="bob-key", **order))[0] == 200
    status, answer = await bob.call("GET", "account", key="ann-key")  # signed with another secret
    assert (status, answer["code"]) == (400, -1022)


async def test_ccxt_takes_a_key_that_may_only_read_for_what_it_is(client: Callable[..., Any]) -> None:
    bob = client("bob")
    bob.apiKey = "bob-reads"

    assert (await bob.fetch_balance())["USDT"]["free"] == 5000
    with pytest.raises(ccxt.async_support.DDoSProtection, match="-2015"):  # its status once a call has succeeded
        await bob.create_order("BTC/USDT", "limit", "buy", 0.001, 59_000)
    assert await bob.fetch_open_orders("BTC/USDT") == []


async def test_an_account_that_is_added_later_begins_then_and_one_left_out_stays(tmp_path: Path, signed: Any) -> None:
    folder = tmp_path / "again"
    async with running_simex(folder, accounts={"ann": ACCOUNTS["ann"]}, keys=KEYS[:1]) as simex:
        ann = type(signed)(signed.http, simex.http_url, "ann-secret")
        placed = await ann.call("POST", "order", key="ann-key", symbol="BTCUSDT", side="SELL", type="LIMIT_MAKER",
                                quantity="0.5", price="60000")  # fmt: skip
        assert placed[0] == 200
    async with (
        running_simex(folder, accounts={"bob": ACCOUNTS["bob"]}, keys=KEYS[1:2]) as simex,
        aiohttp.ClientSession() as http,
    ):
        bob = type(signed)(http, simex.http_url, "bob-secret")
        taken = await bob.call("POST", "order", key="bob-key", symbol="BTCUSDT", side="BUY", type="MARKET",
                               quantity="0.01")  # fmt: skip
        truth = await simex.truth()

    assert taken[1]["status"] == "FILLED"
    assert [(each.account, each.fill.maker) for each in truth.trades] == [("ann", True), ("bob", False)]
    starts = {(each.account, each.asset): each.at_start for each in truth.balances}
    assert (starts["ann", "BTC"], starts["bob", "USDT"], starts["main", "BTC"]) == ("2", "5000", "1")


KEY = {"key": "k", "secret": "s"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param({"accounts": [{}]}, "simex.accounts[0].name is missing", id="no name"),
        pytest.param({"accounts": [{"name": "a b"}]}, "simex.accounts[0].name = 'a b': give 1 to 36", id="name"),
        pytest.param({"accounts": [{"name": "main"}]}, "this account is there already", id="main"),
        pytest.param({"accounts": [{"name": "a"}, {"name": "a"}]}, "two accounts have this name", id="twice"),
        pytest.param(
            {"accounts": [{"name": "a", "balances": {"BTC": "-1"}}]}, "simex.accounts[0].balances.BTC", id="balance"
        ),
        pytest.param({"accounts": [{"name": "a", "money": 1}]}, "no such setting", id="misspelt"),
        pytest.param({"keys": [KEY | {"account": "x"}]}, "account = 'x': there is no such account; there are main",
                     id="nobody's"),
        pytest.param({"keys": [{"key": "k"}]}, "simex.keys[0].secret is missing", id="no secret"),
        pytest.param({"keys": [KEY | {"key": "sim ex"}]}, "simex.keys[0].key = ***: give printable", id="blank"),
        pytest.param({"keys": [KEY, KEY]}, "simex.keys[1].key = ***: two keys are the same", id="key twice"),
        pytest.param({"keys": [KEY | {"key": "simex"}]}, "two keys are the same", id="the main key again"),
        pytest.param({"keys": [KEY | {"permissions": ["trade"]}]}, "permissions = ['trade']: give", id="blind"),
        pytest.param({"keys": [KEY | {"permissions": ["read", "withdraw"]}]}, 'give ["read"] or', id="withdraw"),
        pytest.param({"keys": [KEY | {"ips": ["localhost"]}]}, "ips = 'localhost': give addresses", id="name of host"),
        pytest.param({"keys": [KEY | {"ips": "127.0.0.1"}]}, "give an array of strings", id="no list"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_account_or_a_key_is_refused_with_the_remedy(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(Table({"markets": [{"symbol": "BTC/USDT"}]} | values, "simex"))
    assert sentence in str(refused.value)
    assert "'s'" not in str(refused.value)


def test_accounts_and_keys_are_read_beside_the_main_one() -> None:
    settings = read_settings(
        Table(
            {
                "markets": [{"symbol": "BTC/USDT"}],
                "balances": {"USDT": "10"},
                "accounts": [{"name": "ann", "balances": {"BTC": "1"}}, {"name": "bob"}],
                "keys": [
                    KEY | {"account": "ann", "permissions": ["read"], "ips": ["::1", "127.0.0.1"]},
                    {"key": "second", "secret": "s"},
                ],
            },
            "simex",
        )
    )
    assert {name: [(each.asset, each.free) for each in held] for name, held in settings.every_account.items()} == {
        "main": [("USDT", 10)], "ann": [("BTC", 1)], "bob": [],
    }  # fmt: skip
    assert settings.every_key == (
        ApiKey("main", "simex", "simex"),
        ApiKey("ann", "k", "s", may_trade=False, ips=frozenset({"::1", "127.0.0.1"})),
        ApiKey("main", "second", "s"),
    )

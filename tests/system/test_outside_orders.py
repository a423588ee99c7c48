"""Orders of somebody else's that are odd, an order of ours that is, and orders that the exchange has forgotten."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON
from gridtesting.live.exchange_stack import SYMBOL, Outside, Plan, outside
from gridtesting.live.rewriting_proxy import Answered
from gridwright.v1 import simex_pb2

pytestmark = pytest.mark.system

GRID = {"buy_window": 4, "sell_window": 4, "risk": {"calm_ms": 1_000}}
ODD = {"symbol": "BTCUSDT", "orderId": 990_001, "clientOrderId": "app_1", "status": "ODD", "type": {}, "price": "soon"}
ODD_ELSEWHERE = {"orderId": 990_002, "clientOrderId": "app_2", "price": None}
OTHER_LISTS = {"allOrders": "", "myTrades": "", "account": "balances", "exchangeInfo": "symbols"}
OF_THE_USER = 6  # two stop orders, two of an OTO, two of an OCO; the two above are in the proxy's answers only


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path, Plan({SYMBOL: GRID}, executor={"order_gone_after_ms": 10_000})) as deployment:
        yield deployment


async def test_odd_orders_of_the_user_are_counted_and_left_alone_whatever_the_bot_is_made_to_do(
    deployment: Outside,
) -> None:
    deployment.trader.place("sell", SYMBOL, "0.001", "", stopPrice="30000", type="STOP_LOSS")
    oto = list(deployment.trader.place_oto("buy", SYMBOL, "0.001", "31000", "90000"))
    assert "PENDING_NEW" in oto[1]
    deployment.proxy.rewrite("GET", "openOrders", with_odd_ones)
    for path, field in OTHER_LISTS.items():
        deployment.proxy.rewrite("GET", path, with_odd_elements(field))
    deployment.proxy.rewrite_events(odd_events_of_others)
    await deployment.open()
    deployment.trader.place("buy", SYMBOL, "0.001", "", stopPrice="91000", type="STOP_LOSS")
    list(deployment.trader.place_oco("sell", SYMBOL, "0.001", "92000", "32000"))
    await deployment.trade("59820")
    await deployment.booked(1)
    await deployment.rests("SELL", ["60000"])
    await deployment.until("all of the user's orders are counted", lambda: foreign(deployment, OF_THE_USER + 2))

    await deployment.restart(PRICEMON, EXECUTOR, ORCHESTRATOR)
    deployment.proxy.rewrite("GET", "openOrders", lambda answered: answered.with_body({}), times=2)
    await deployment.trade("59640")
    await deployment.booked(2)
    await deployment.rests("SELL", ["60000", "59820"])
    await deployment.in_order()

    await deployment.operate("EnterSafeMode")
    await deployment.mode("SAFE")
    assert await deployment.resting("BUY") == []
    assert len(list(deployment.trader.orders())) == OF_THE_USER + 2, "and the grid's two sells"
    await deployment.operate("ExitSafeMode")
    await deployment.mode("RUNNING")
    await deployment.in_order()
    report = await deployment.stack.audit()
    assert report.clean, report


async def test_an_order_of_ours_that_cannot_be_read_is_in_doubt_alone_until_it_can(deployment: Outside) -> None:
    await deployment.open()
    odd = await order_at(deployment, "59640")
    paths = ("openOrders", "order", "allOrders")
    take_back = [deployment.proxy.rewrite("GET", path, garbled(odd)) for path in paths]
    trouble = await deployment.shown("ORDER_UNREADABLE", SYMBOL, 20)
    assert trouble.subjects == [odd]

    await deployment.trade("59820")
    await deployment.booked(1)
    await deployment.rests("SELL", ["60000"])
    assert (await order_at(deployment, "59640")) == odd, "it still rests"
    for each in take_back:
        each()
    await deployment.in_order()
    await deployment.trade("59640")
    await deployment.booked(2)
    report = await deployment.stack.audit()
    assert report.clean, report


async def test_an_order_that_the_exchange_forgets_is_shown_and_ended_by_an_operator(deployment: Outside) -> None:
    await deployment.open()
    lost = await order_at(deployment, "59640")
    await deployment.simex.ForgetOrder(simex_pb2.ForgetOrderRequest(symbol=SYMBOL, client_order_id=lost))
    trouble = await deployment.shown("ORDER_NOT_SHOWN", SYMBOL, 30)
    assert trouble.subjects == [lost]
    await deployment.trade("59820")
    await deployment.booked(1)

    await gridwright(deployment, "resolve-order", lost, "--gone", "--why", "on no page of the exchange")
    await deployment.rests("BUY", ["59640"])
    assert await order_at(deployment, "59640") != lost
    await deployment.in_order()
    report = await deployment.stack.audit()
    assert (report.duplicates, report.orphans, report.missing, report.twice) == ((), (), (), ()), report
    assert report.clean, report


async def test_an_exchange_that_was_reset_is_distinguished_from_ours_until_an_operator_begins_anew(
    deployment: Outside,
) -> None:
    await deployment.open()
    await deployment.rests("BUY", ["59820", "59640"])
    await deployment.trade("59640")
    await deployment.booked(2)
    await deployment.simex.Wipe(simex_pb2.WipeRequest())
    sent = len(await deployment.received("POST order"))
    trouble = await deployment.shown("VENUE_RESET", SYMBOL, 30)
    assert "begin-anew" in trouble.message
    for _ in range(3):  # their ids, and those of their trades, were ours
        deployment.trader.place("buy", SYMBOL, "0.001", "59650")
    await deployment.trade("59600")
    await deployment.restart(EXECUTOR)
    await deployment.shown("VENUE_RESET", SYMBOL, 30)
    assert await deployment.fills() == 2, "nothing of the other exchange is booked"
    assert len(await deployment.received("POST order")) - sent <= 3 + 4, "the hand's, and what was on its way"

    for name in (ORCHESTRATOR, EXECUTOR, PRICEMON):
        assert await deployment.stack[name].stop() == 0
    await gridwright(deployment, "db", "begin-anew", "--yes")
    await deployment.trade("60000")
    await deployment.open()
    await deployment.in_order()
    await deployment.trade("59820")
    await deployment.booked(1)
    report = await deployment.stack.audit()
    assert (report.duplicates, report.orphans, report.missing, report.twice) == ((), (), (), ()), report


async def foreign(deployment: Outside, count: int) -> bool:
    return (await deployment.answer()).state.foreign.orders == count


async def order_at(deployment: Outside, price: str) -> str:
    """The client id of the grid's buy order there, once it rests."""
    await deployment.rests("BUY", [price])
    (found,) = [order for order in await deployment.ours() if order.price == price]
    return found.client_order_id


def with_odd_ones(answered: Answered) -> Answered:
    assert isinstance(answered.body, list), answered
    return answered.with_body([ODD, *answered.body, ODD_ELSEWHERE])


def with_odd_elements(field: str) -> Callable[[Answered], Answered]:
    """A rewrite of a list, or of the list in a field, that has elements of no known shape at either end."""

    def rewrite(answered: Answered) -> Answered:
        if answered.status != 200:
            return answered
        whole = answered.body[field] if field else answered.body
        odd = [None, *whole, {"symbol": "BTCUSDT", "asset": None, "free": "much"}, 7]
        return answered.with_body({**answered.body, field: odd} if field else odd)

    return rewrite


def odd_events_of_others(event: dict[str, Any]) -> dict[str, Any]:
    """What the stream sends of the user's orders, without a price."""
    if event.get("e") == "executionReport" and event.get("o") != "LIMIT":
        return {**event, "p": None, "P": None, "S": None, "X": "ODD"}
    return event


def garbled(client_order_id: str) -> Callable[[Answered], Answered]:
    """A rewrite that makes one order unreadable wherever it is shown."""

    def garble(order: Any) -> Any:
        if isinstance(order, dict) and order.get("clientOrderId") == client_order_id:
            return {**order, "side": None, "price": "soon"}
        return order

    def rewrite(answered: Answered) -> Answered:
        body = answered.body
        changed = [garble(each) for each in body] if isinstance(body, list) else garble(body)
        return answered.with_body(changed, answered.status)

    return rewrite


async def gridwright(deployment: Outside, *words: str) -> None:
    """The command, as a person gives it."""
    line = [*words, "--config", str(deployment.stack.deployment.config)]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "gridctl", *line], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done

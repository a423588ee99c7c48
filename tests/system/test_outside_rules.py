"""What the exchange may change of a symbol concerns it alone: two grids, of symbols in another script, side by side."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON
from gridtesting.live.exchange_stack import Outside, Plan, outside

pytestmark = pytest.mark.system

LIFE, HORSE = "币安人生/USDT", "我踏马来了/USDT"
GRID = {"buy_window": 4, "sell_window": 4, "risk": {"calm_ms": 1_000}}


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path, Plan({LIFE: GRID, HORSE: GRID}, balances={"USDT": "100000"})) as deployment:
        yield deployment


async def test_symbols_of_another_script_trade_side_by_side_and_their_rules_may_change_meanwhile(
    deployment: Outside,
) -> None:
    await deployment.open()
    for symbol in (LIFE, HORSE):
        await deployment.trade("59820", symbol)
        await deployment.booked(1, symbol)
        await deployment.rests("SELL", ["60000"], symbol)

    # A minimum that one of the grids cannot live under.
    await deployment.rules(HORSE, min_notional="1000")
    trouble = await deployment.shown("SYMBOL_REFUSED", HORSE, 30)
    assert "1000" in trouble.message
    risk = await deployment.mode("SAFE", HORSE)
    assert "1000" in risk.reason
    assert await deployment.resting("BUY", HORSE) == []
    await deployment.trade("59640", LIFE)
    await deployment.booked(2, LIFE)

    await deployment.rules(HORSE, min_notional="5")
    await deployment.mode("RUNNING", HORSE)
    await deployment.in_order()

    # A coarser step: what rests is off it, and what comes is on it.
    await deployment.restart(ORCHESTRATOR)
    step = Decimal(50)
    await deployment.rules(HORSE, tick_size="50")
    await deployment.until("every order is on the new step", lambda: on_step(deployment, HORSE, step))
    await deployment.trade("59600", HORSE)
    await deployment.until("the bought coins are offered", lambda: sells(deployment, HORSE, 2))
    assert await on_step(deployment, HORSE, step)
    await deployment.trade("60100", HORSE, "BUY")
    await deployment.booked(4, HORSE)
    await deployment.in_order()
    report = await deployment.stack.audit()
    assert report.clean, report


async def on_step(deployment: Outside, symbol: str, step: Decimal) -> bool:
    prices = [Decimal(order.price) for order in await deployment.ours(symbol)]
    return len(prices) >= 4 and all(price % step == 0 for price in prices)


async def sells(deployment: Outside, symbol: str, count: int) -> bool:
    return len(await deployment.resting("SELL", symbol)) == count


async def test_a_filter_refuses_the_grid_or_lets_a_slot_wait_before_an_order_is_ever_sent(deployment: Outside) -> None:
    await deployment.rules(HORSE, max_quantity="0.001")
    await deployment.rules(LIFE, bid_multiplier_down="0.992")
    await deployment.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
    await deployment.until(
        "the grid of too large orders is refused", lambda: refused(deployment, HORSE, "maximum of 0.001")
    )
    await deployment.shown("SYMBOL_REFUSED", HORSE)
    await deployment.rests("BUY", ["59820"], LIFE)
    await deployment.rules(HORSE, max_quantity="9000")
    await deployment.trading(HORSE)
    assert await deployment.resting("BUY", LIFE) == [Decimal(59820)], "the others are too far from the price"
    await deployment.rules(LIFE, bid_multiplier_down="0.2")
    await deployment.rests("BUY", ["59820", "59640", "59460", "59280"], LIFE)

    await deployment.rests("BUY", ["59820", "59640", "59460", "59280"], HORSE)
    await deployment.rules(HORSE, max_orders=8)
    assert "allows 8" in (await deployment.shown("SYMBOL_REFUSED", HORSE)).message
    await deployment.mode("SAFE", HORSE)
    await deployment.rules(HORSE, max_orders=200)
    await deployment.mode("RUNNING", HORSE)
    await deployment.in_order()
    assert await deployment.refusals() == []
    report = await deployment.stack.audit()
    assert report.clean, report


async def test_the_fee_that_the_account_pays_in_a_symbol_decides_in_both_directions(deployment: Outside) -> None:
    """A step of 0.3 % earns at 0 % a side, and loses at 0.2 %."""
    await deployment.fee("", "0.002")
    await deployment.fee(HORSE, "0")
    await deployment.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
    await deployment.trading(HORSE)
    await deployment.until("the other is refused", lambda: refused(deployment, LIFE, "0.2 %"))
    assert not (await deployment.status()).in_order
    assert await deployment.ours(LIFE, live=False) == []
    await deployment.trade("59820", HORSE)
    await deployment.booked(1, HORSE)

    await deployment.fee(LIFE, "0")
    await deployment.fee(HORSE, "0.002")
    await deployment.trade("59640", HORSE)
    await deployment.booked(2, HORSE)
    assert "0.2 %" in (await deployment.mode("SAFE", HORSE)).reason  # the fill has carried more than was assumed
    await deployment.shown("SYMBOL_REFUSED", HORSE)
    assert len(await deployment.resting("SELL", HORSE)) == 2, "what was bought stays offered"
    await deployment.trading(LIFE)

    await deployment.fee(HORSE, "0")
    await deployment.mode("RUNNING", HORSE)
    await deployment.in_order()
    report = await deployment.stack.audit()
    assert report.clean, report


async def refused(deployment: Outside, symbol: str, sentence: str) -> bool:
    answer = await deployment.answer(symbol)
    return sentence in answer.refused and not answer.trading

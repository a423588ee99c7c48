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
async def house(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path, Plan({LIFE: GRID, HORSE: GRID}, balances={"USDT": "100000"})) as house:
        yield house


async def test_symbols_of_another_script_trade_side_by_side_and_their_rules_may_change_meanwhile(
    house: Outside,
) -> None:
    await house.open()
    for symbol in (LIFE, HORSE):
        await house.trade("59820", symbol)
        await house.booked(1, symbol)
        await house.rests("SELL", ["60000"], symbol)

    # A minimum that one of the grids cannot live under.
    await house.rules(HORSE, min_notional="1000")
    trouble = await house.shown("SYMBOL_REFUSED", HORSE, 30)
    assert "1000" in trouble.message
    risk = await house.mode("SAFE", HORSE)
    assert "1000" in risk.reason
    assert await house.resting("BUY", HORSE) == []
    await house.trade("59640", LIFE)
    await house.booked(2, LIFE)

    await house.rules(HORSE, min_notional="5")
    await house.mode("RUNNING", HORSE)
    await house.in_order()

    # A coarser step: what rests is off it, and what comes is on it.
    await house.restart(ORCHESTRATOR)
    step = Decimal(50)
    await house.rules(HORSE, tick_size="50")
    await house.until("every order is on the new step", lambda: on_step(house, HORSE, step))
    await house.trade("59600", HORSE)
    await house.until("the bought coins are offered", lambda: sells(house, HORSE, 2))
    assert await on_step(house, HORSE, step)
    await house.trade("60100", HORSE, "BUY")
    await house.booked(4, HORSE)
    await house.in_order()
    report = await house.stack.audit()
    assert report.clean, report


async def on_step(house: Outside, symbol: str, step: Decimal) -> bool:
    prices = [Decimal(order.price) for order in await house.ours(symbol)]
    return len(prices) >= 4 and all(price % step == 0 for price in prices)


async def sells(house: Outside, symbol: str, count: int) -> bool:
    return len(await house.resting("SELL", symbol)) == count


async def test_a_filter_refuses_the_grid_or_lets_a_slot_wait_before_an_order_is_ever_sent(house: Outside) -> None:
    await house.rules(HORSE, max_quantity="0.001")
    await house.rules(LIFE, bid_multiplier_down="0.992")
    await house.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
    await house.until("the grid of too large orders is refused", lambda: refused(house, HORSE, "maximum of 0.001"))
    await house.shown("SYMBOL_REFUSED", HORSE)
    await house.rests("BUY", ["59820"], LIFE)
    await house.rules(HORSE, max_quantity="9000")
    await house.trading(HORSE)
    assert await house.resting("BUY", LIFE) == [Decimal(59820)], "the others are too far from the price"
    await house.rules(LIFE, bid_multiplier_down="0.2")
    await house.rests("BUY", ["59820", "59640", "59460", "59280"], LIFE)

    await house.rests("BUY", ["59820", "59640", "59460", "59280"], HORSE)
    await house.rules(HORSE, max_orders=8)
    assert "allows 8" in (await house.shown("SYMBOL_REFUSED", HORSE)).message
    await house.mode("SAFE", HORSE)
    await house.rules(HORSE, max_orders=200)
    await house.mode("RUNNING", HORSE)
    await house.in_order()
    assert await house.refusals() == []
    report = await house.stack.audit()
    assert report.clean, report


async def test_the_fee_that_the_account_pays_in_a_symbol_decides_in_both_directions(house: Outside) -> None:
    """A step of 0.3 % earns at 0 % a side, and loses at 0.2 %."""
    await house.fee("", "0.002")
    await house.fee(HORSE, "0")
    await house.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
    await house.trading(HORSE)
    await house.until("the other is refused", lambda: refused(house, LIFE, "0.2 %"))
    assert not (await house.status()).in_order
    assert await house.ours(LIFE, live=False) == []
    await house.trade("59820", HORSE)
    await house.booked(1, HORSE)

    await house.fee(LIFE, "0")
    await house.fee(HORSE, "0.002")
    await house.trade("59640", HORSE)
    await house.booked(2, HORSE)
    assert "0.2 %" in (await house.mode("SAFE", HORSE)).reason  # the fill has carried more than was assumed
    await house.shown("SYMBOL_REFUSED", HORSE)
    assert len(await house.resting("SELL", HORSE)) == 2, "what was bought stays offered"
    await house.trading(LIFE)

    await house.fee(HORSE, "0")
    await house.mode("RUNNING", HORSE)
    await house.in_order()
    report = await house.stack.audit()
    assert report.clean, report


async def refused(house: Outside, symbol: str, sentence: str) -> bool:
    answer = await house.answer(symbol)
    return sentence in answer.refused and not answer.trading

"""The measurement of simex's public streams counts what there is to count."""

from pathlib import Path

from gridbench.simex_stream import EVERYTHING, measure_stream

EVENTS = 3_000


async def test_every_trade_is_counted_and_nothing_else_with_a_subscription_to_trades_only(tmp_path: Path) -> None:
    load = await measure_stream(tmp_path, market_events=EVENTS)

    assert load.frames == EVENTS
    assert load.frames_per_second == EVENTS / load.seconds


async def test_of_everything_aggregates_and_quotes_are_counted_too(tmp_path: Path) -> None:
    load = await measure_stream(tmp_path, EVERYTHING, EVENTS)

    assert load.frames > 2 * EVENTS - 400

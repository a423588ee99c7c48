"""The live view fits the terminal and cuts nothing that matters."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from gridctl.view.ladder import clip
from gridctl.view.layout import draw
from gridctl.view.plain import plain_line
from gridctl.view.snapshot import Snapshot, fills_of
from griddeploy.process.supervisor import GaveUp
from gridtesting.pictures import grid_answer, grid_picture
from gridwright.v1 import models_pb2, orchestrator_pb2

SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(120, 40, id="120x40"), pytest.param(200, 60, id="200x60")]


def screen(snapshot: Snapshot, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(draw(snapshot, width, height))
    return console.export_text().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("slots", [1, 5, 40])
@pytest.mark.parametrize("killed", [False, True], ids=["calm", "killed"])
def test_the_view_never_outgrows_the_terminal(width: int, height: int, slots: int, *, killed: bool) -> None:
    lines = screen(grid_picture(grid_answer(slots_each_side=slots), killed=killed), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "…" not in "\n".join(lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_shows_everything_that_a_trader_asks(width: int, height: int) -> None:
    text = "\n".join(screen(grid_picture(killed=True), width, height))
    for wanted in (
        "BTC/USDT", "RUNNING", "60013.4", "age 0.1 s", "0.00832167 BTC", "+12.4421", "-1.2034", "fills 68", "rounds 31",
        "sell 60120", "buy  60000", "LOCKED", "FILLED", "EMPTY", "decide", "record", "execute", "commit", "12.0",
        "128 price", "127 fill", "59940.12", "● executor 2×killed", "KILL    pricemon", "RETURN  pricemon", "0.9 s",
    ):  # fmt: skip
        assert wanted in text, f"{wanted!r} is not on the screen:\n{text}"


def test_the_longest_usual_numbers_are_not_cut() -> None:
    answer = grid_answer(price=Decimal("60013.47"), interval=Decimal("60.01"))
    for number, step in enumerate(answer.last_steps):
        step.seq = 99_999 - number
        step.phases[2].duration_ns = 9_999_000_000
    text = "\n".join(screen(grid_picture(answer), 80, 24))
    assert "…" not in text
    for wanted in ("60013.47", "sell 60130.02", "99999 price", "9999"):
        assert wanted in text, text


def test_the_price_line_stands_between_the_slots_above_and_below() -> None:
    lines = screen(grid_picture(), 80, 24)
    above, line, below = (next(n for n, text in enumerate(lines) if word in text) for word in ("60060", "◀", " 60000 "))
    assert above + 1 == line == below - 1


def test_a_long_ladder_is_clipped_around_the_price_and_says_so() -> None:
    text = "\n".join(screen(grid_picture(grid_answer(slots_each_side=40)), 80, 24))
    assert "◀ price" in text
    assert "▲" in text
    assert "▼" in text


@pytest.mark.parametrize(
    ("price", "rows", "above", "below"),
    [
        pytest.param("60013.4", 11, 5, 5, id="in the middle"),
        pytest.param("99999", 7, 0, 6, id="price above all"),
        pytest.param("1", 7, 6, 0, id="price below all"),
        pytest.param("60013.4", 1, 0, 0, id="no room but for the price"),
        pytest.param("", 11, 5, 5, id="price not received: the state's last"),
    ],
)
def test_the_clip_keeps_the_slots_nearest_to_the_price(price: str, rows: int, above: int, below: int) -> None:
    shown = clip(grid_answer(slots_each_side=20).state, price, rows)
    assert (len(shown.above), len(shown.below)) == (above, below)
    assert shown.hidden_above + shown.hidden_below + above + below == 40
    levels = [Decimal(slot.price) for slot in (*shown.above, *shown.below)]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize("mode", ["PAUSED", "ENTERING", "SAFE"])
def test_a_grid_that_does_not_run_says_why(mode: str) -> None:
    answer = grid_answer()
    reason = "no price for 12000 ms, allowed are 10000"
    answer.state.risk.CopyFrom(models_pb2.RiskFlags(mode=f"MODE_{mode}", rule="STALE_PRICE", reason=reason, by="risk"))
    text = "\n".join(screen(grid_picture(answer), 80, 24))
    assert f" {mode} " in text
    assert reason in text


def test_an_order_whose_outcome_is_not_known_marks_its_slot_and_is_shown_with_its_age() -> None:
    answer = grid_answer()
    answer.unknown_orders, answer.oldest_unknown_age_ms = 2, 35_000
    for slot in list(answer.state.slots.values())[:2]:
        slot.status, slot.order.status = models_pb2.SLOT_STATUS_PENDING, models_pb2.ORDER_STATUS_UNKNOWN
    lines = screen(grid_picture(answer), 80, 24)
    assert sum(" UNKNOWN " in line for line in lines) == 2
    assert "2 orders are UNKNOWN, the oldest for 35 s" in "\n".join(lines)
    assert "2 orders are UNKNOWN, the oldest for 35 s" in plain_line(grid_picture(answer))


LONG_TROUBLE = "KEY_REFUSED: ACCOUNT, for 12 s, 4 times (executor): the venue refuses the keys: " + "long " * 40


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("count", [1, 9])
def test_troubles_stand_below_the_head_and_the_screen_stays_as_high_as_the_terminal(
    width: int, height: int, count: int
) -> None:
    troubles = [LONG_TROUBLE] + [f"FEED_STALE: PASSING, for {number} s (pricemon)" for number in range(1, count)]
    lines = screen(replace(grid_picture(killed=True), troubles=troubles), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[4].startswith("▲ KEY_REFUSED: ACCOUNT, for 12 s, 4 times (executor): the venue")
    assert ("more: gridwright status names them" in "\n".join(lines)) is (count > 1)


def test_a_plain_line_has_the_troubles() -> None:
    assert "FEED_STALE: PASSING" in plain_line(replace(grid_picture(), troubles=["FEED_STALE: PASSING, for 3 s"]))


def test_a_silent_orchestrator_and_an_old_price_are_seen_at_once() -> None:
    snapshot = replace(grid_picture(), connected=False, answer_age_s=5.0)
    text = "\n".join(screen(snapshot, 80, 24))
    assert "no answer from the orchestrator for 5.0 s" in text
    assert "age 5.1 s" in text


def test_before_the_first_answer_the_view_waits() -> None:
    lines = screen(Snapshot("BTC/USDT", "starting"), 80, 24)
    assert "waiting for the orchestrator" in "\n".join(lines)


def test_a_service_that_gave_up_has_its_last_line_on_the_screen() -> None:
    incident = GaveUp("executor", 3.0, 2, "executor: venue.exchange = 'x': no such exchange")
    text = "\n".join(screen(replace(grid_picture(), incidents=[incident]), 80, 24))
    assert "GAVE UP executor: executor: venue.exchange = 'x'" in text


def test_a_plain_line_shows_price_position_profit_mode_and_last_step() -> None:
    line = plain_line(grid_picture())
    for wanted in ("BTC/USDT", "RUNNING", "price 60013.4 age 0.1 s", "position 0.00832167", "realised +12.4421",
                   "fills 68", "step 128 by price decide 0.4 record 3.1 execute 12.0 commit 2.2 ms"):  # fmt: skip
        assert wanted in line


def test_the_fills_of_a_step_are_those_of_its_order_updates() -> None:
    fill = models_pb2.Fill(trade_id="9", price="59880", quantity="0.001", fee="0.000001", fee_asset="BTC", maker=True)
    updates = [
        models_pb2.OrderUpdate(offset=4, side=models_pb2.SIDE_BUY, fill=fill, venue_time_ms=12),
        models_pb2.OrderUpdate(offset=5, status=models_pb2.ORDER_STATUS_FILLED),
    ]
    trigger = models_pb2.Trigger(order_updates=models_pb2.OrderUpdatesTrigger(updates=updates))
    (line,) = fills_of(orchestrator_pb2.TradingStep(plan=models_pb2.Plan(trigger=trigger)))
    assert (line.offset, line.side, line.price, line.quantity, line.time_ms) == (4, "buy", "59880", "0.001", 12)

"""`gridwright status` over a scripted channel: what it asks, what it shows, when all is in order."""

import io
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from rich.console import Console

from gridctl.house import House
from gridctl.status import HouseStatus, ask, doubts, grids_table, reasons, rebuilds, services_table
from gridtesting.pictures import grid_answer
from gridwright.v1 import models_pb2

HOUSE = House(Path("grid.toml"), "demo", ("BTC/USDT",), {"pricemon": "h:1", "executor": "h:2", "orchestrator": "h:3"})
SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
NOT_SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)


def asked(script, answers: list[tuple[object, grpc.StatusCode]]) -> HouseStatus:
    call = script.call(ask, HOUSE, lambda _: script.channel)
    for response, status in answers[:3]:
        script.answer("Check", response, status)
    request = script.answer("GetState", *answers[3])
    assert request.symbol == "BTC/USDT"
    return call.result(5)


def test_a_service_that_says_why_it_does_not_serve_is_quoted() -> None:
    away = "the file ledger.sqlite cannot be used (the disk is full): nothing was done, call again once it can be used"
    healths = {"pricemon": "SERVING", "executor": "NOT_SERVING", "orchestrator": "SERVING"}
    status = HouseStatus(healths, {"BTC/USDT": grid_answer()}, {"executor": away})
    assert f"executor: {away}" in reasons(status)
    assert not status.in_order


OK, DOWN = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
HEALTHY = [(SERVING, OK)] * 3


def test_all_serving_and_running_is_in_order(script) -> None:
    assert asked(script, [*HEALTHY, (grid_answer(), OK)]).in_order


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        pytest.param([(None, DOWN), *HEALTHY[1:], (grid_answer(), OK)], "UNAVAILABLE", id="down"),
        pytest.param([(NOT_SERVING, OK), *HEALTHY[1:], (grid_answer(), OK)], "NOT_SERVING", id="not serving"),
        pytest.param([*HEALTHY, (None, DOWN)], "not known", id="no state"),
    ],
)
def test_what_is_not_in_order_is_named(script, answers: list[tuple[object, grpc.StatusCode]], word: str) -> None:
    status = asked(script, answers)
    assert not status.in_order
    assert word in shown(status)


@pytest.mark.parametrize(("mode", "in_order"), [("PAUSED", True), ("ENTERING", False), ("SAFE", False)])
def test_a_paused_grid_is_in_order_a_halted_one_is_not(script, mode: str, *, in_order: bool) -> None:
    answer = grid_answer()
    answer.state.risk.CopyFrom(models_pb2.RiskFlags(mode=f"MODE_{mode}", rule="PRICE_JUMP", reason="6 % in 60 s"))
    status = asked(script, [*HEALTHY, (answer, OK)])
    assert status.in_order is in_order
    assert reasons(status) == [f"BTC/USDT: {mode} by PRICE_JUMP: 6 % in 60 s"]


def test_orders_whose_outcome_is_not_known_are_named_with_their_age_and_leave_all_in_order(script) -> None:
    answer = grid_answer()
    answer.unknown_orders, answer.oldest_unknown_age_ms = 1, 35_000
    slot = max(answer.state.slots.values(), key=lambda one: one.price)
    slot.order.status = models_pb2.ORDER_STATUS_UNKNOWN
    status = asked(script, [*HEALTHY, (answer, OK)])
    assert status.in_order
    assert reasons(status) == []
    assert doubts(status) == [
        "BTC/USDT: 1 order is UNKNOWN for 35 s",
        f"  slot {slot.price}: sell 0.00166 at {slot.order.price}, order g1",
    ]


def test_the_tables_show_mode_price_age_slots_and_profit(script) -> None:
    text = shown(asked(script, [*HEALTHY, (grid_answer(), OK)]))
    for wanted in (
        "executor",
        "h:2",
        "SERVING",
        "BTC/USDT",
        "RUNNING",
        "60013.4",
        "0.1 s",
        "10",
        "+12.4421",
        "-1.2034",
    ):
        assert wanted in text


def shown(status: HouseStatus) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(services_table(status, HOUSE), grids_table(status))
    return console.export_text()


def test_a_grid_that_was_rebuilt_says_when_why_and_what_is_missing() -> None:
    answer = grid_answer()
    healthy = dict.fromkeys(HOUSE.addresses, "SERVING")
    assert rebuilds(HouseStatus(healthy, {"BTC/USDT": answer})) == []
    answer.state.rebuilt.CopyFrom(
        models_pb2.StateRebuilt(at_ms=1_700_000_000_000, why="the state was lost", lost=["its journal"], end_offset=3)
    )
    status = HouseStatus(healthy, {"BTC/USDT": answer})
    assert rebuilds(status) == [
        "BTC/USDT: rebuilt 2023-11-14 22:13:20, since the state was lost",
        "  not rebuilt: its journal",
    ]
    assert status.in_order

"""`gridwright status` over a scripted channel: what it asks, what it shows, when all is in order."""

import io
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from rich.console import Console

from gridctl.commands.status import DeploymentStatus, ask, doubts, grids_tables, reasons, rebuilds, services_tables
from gridctl.view.troubles import gathered, lines
from griddeploy.deployment import Deployment
from gridtesting.pictures import grid_answer
from gridwright.v1 import models_pb2, orchestrator_pb2

DEPLOYMENT = Deployment(
    Path("grid.toml"), "demo", ("BTC/USDT",), {"pricemon": "h:1", "executor": "h:2", "orchestrator": "h:3"}
)
SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
NO_TROUBLES = models_pb2.ListTroublesResponse()
NOT_SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)


def asked(
    script, answers: list[tuple[object, grpc.StatusCode]], troubles: models_pb2.ListTroublesResponse = NO_TROUBLES
) -> DeploymentStatus:
    call = script.call(ask, DEPLOYMENT, lambda _: script.channel)
    for service, (response, status) in zip(("PriceMonitor", "Executor", "Orchestrator"), answers[:3], strict=True):
        script.answer("Check", response, status)
        if status is OK:
            script.answer(f"{service}/ListTroubles", troubles if service == "Executor" else NO_TROUBLES)
    request = script.answer("GetState", *answers[3])
    assert request.symbol == "BTC/USDT"
    return call.result(5)


def test_a_service_that_says_why_it_does_not_serve_is_quoted() -> None:
    away = "the file ledger.sqlite cannot be used (the disk is full): nothing was done, call again once it can be used"
    healths = {"pricemon": "SERVING", "executor": "NOT_SERVING", "orchestrator": "SERVING"}
    status = DeploymentStatus(healths, {"BTC/USDT": grid_answer()}, {"executor": away})
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


def test_a_refused_grid_is_not_in_order_and_its_sentence_is_shown(script) -> None:
    answer = grid_answer()
    answer.refused, answer.trading = "BTC/USDT is no longer listed", False
    status = asked(script, [*HEALTHY, (answer, OK)])
    assert not status.in_order
    assert reasons(status) == ["BTC/USDT: refused: BTC/USDT is no longer listed"]
    assert "REFUSED" in shown(status)


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


def shown(status: DeploymentStatus, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(*services_tables(status, DEPLOYMENT, width), *grids_tables(status, width))
    return console.export_text()


def long_numbers() -> orchestrator_pb2.GetStateResponse:
    answer = grid_answer(price=Decimal("107013.47654321"))
    answer.state.risk.mode = models_pb2.MODE_ENTERING
    answer.state.totals.position, answer.state.totals.realised_pnl = "-123456.00672302", "-1234567.0001"
    answer.unrealised_pnl = "+1234567.1234"
    return answer


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_word_and_no_number_is_broken_whatever_the_terminal_s_width(width: int) -> None:
    healths = {"pricemon": "SERVING", "executor": "NOT_SERVING", "orchestrator": "DEADLINE_EXCEEDED"}
    answers = {"BTC/USDT": long_numbers(), "1000SATS/USDT": grid_answer(), "TRX/USDT": None}
    text = shown(DeploymentStatus(healths, answers), width)
    assert max(map(len, text.splitlines())) <= width
    wanted = {"service", "address", "health", "grid", "mode", "price", "age", "slots", "orders", "position", "realised"}
    wanted |= {"unrealised", "NOT_SERVING", "DEADLINE_EXCEEDED", "ENTERING", "107013.47654321", "-123456.00672302"}
    wanted |= {"-1234567.0001", "+1234567.1234", "1000SATS/USDT"}
    assert wanted - set(text.split()) == set()


def test_one_table_is_enough_where_the_terminal_is_wide() -> None:
    status = DeploymentStatus(dict.fromkeys(DEPLOYMENT.addresses, "SERVING"), {"BTC/USDT": grid_answer()})
    assert (len(grids_tables(status, 200)), len(grids_tables(status, 60))) == (1, 2)


def test_a_trouble_is_shown_with_all_that_is_known_of_it_and_nothing_is_in_order(script) -> None:
    keys = models_pb2.Trouble(
        kind="KEY_REFUSED", trouble_class=models_pb2.TROUBLE_CLASS_ACCOUNT, message="the venue refuses the keys",
        since_ms=1_000, count=4, retry_at_ms=15_000,
    )  # fmt: skip
    status = asked(script, [*HEALTHY, (grid_answer(), OK)], models_pb2.ListTroublesResponse(troubles=[keys]))
    assert not status.in_order
    assert lines(status.troubles, now_ms=13_000) == [
        "KEY_REFUSED: ACCOUNT, for 12 s, 4 times, next try in 2.0 s (executor)",
        "  the venue refuses the keys. See docs/operations.md#key_refused",
    ]


def test_a_trouble_of_many_slots_is_one_to_read() -> None:
    funds = [
        models_pb2.Trouble(
            kind="INSUFFICIENT_FUNDS", trouble_class=models_pb2.TROUBLE_CLASS_LASTING, symbol="BTC/USDT",
            subject=str(60_000 + number), message=f"balance {number}", since_ms=1_000 + number, count=2,
        )
        for number in range(5)
    ]  # fmt: skip
    found = lines({"orchestrator": gathered("orchestrator", funds)}, now_ms=11_000)
    assert found == [
        "INSUFFICIENT_FUNDS BTC/USDT 60000, 60001, 60002 and 2 more: LASTING, for 10 s, 10 times (orchestrator)",
        "  balance 4. See docs/operations.md#insufficient_funds",
    ]


def test_a_grid_that_was_rebuilt_says_when_why_and_what_is_missing() -> None:
    answer = grid_answer()
    healthy = dict.fromkeys(DEPLOYMENT.addresses, "SERVING")
    assert rebuilds(DeploymentStatus(healthy, {"BTC/USDT": answer})) == []
    answer.state.rebuilt.CopyFrom(
        models_pb2.StateRebuilt(at_ms=1_700_000_000_000, why="the state was lost", lost=["its journal"], end_offset=3)
    )
    status = DeploymentStatus(healthy, {"BTC/USDT": answer})
    assert rebuilds(status) == [
        "BTC/USDT: rebuilt 2023-11-14 22:13:20, since the state was lost",
        "  not rebuilt: its journal",
    ]
    assert status.in_order

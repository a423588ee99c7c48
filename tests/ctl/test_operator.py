"""The operator's commands over a scripted channel: repeated under one id, never guessed."""

import socket

import grpc
import pytest
from grpc_status import rpc_status

from gridctl.commands.operator import OperationError, OperatorCommand, OrderStatement, Verb, operate, resolve_order
from gridrpc.errors import FailedPrecondition, status_of
from gridwright.v1 import executor_pb2, models_pb2, orchestrator_pb2

PAUSE = OperatorCommand(Verb.PAUSE, "BTC/USDT", "ann", "lunch", "r-1")
OK = orchestrator_pb2.ModeResponse(mode=models_pb2.MODE_PAUSED, workflow_id="w-1")


@pytest.mark.parametrize(
    ("verb", "method"),
    [
        (Verb.PAUSE, "Pause"),
        (Verb.RESUME, "Resume"),
        (Verb.SAFE_MODE_ON, "EnterSafeMode"),
        (Verb.SAFE_MODE_OFF, "ExitSafeMode"),
    ],
)
def test_each_verb_calls_its_rpc_with_who_and_why(script, verb: Verb, method: str) -> None:
    call = script.call(operate, script.channel, OperatorCommand(verb, "BTC/USDT", "ann", "lunch", "r-1"))
    request = script.answer(method, OK)
    assert request == orchestrator_pb2.OperatorRequest(request_id="r-1", symbol="BTC/USDT", who="ann", why="lunch")
    assert call.result(5) == "BTC/USDT is PAUSED, workflow w-1 (request r-1)"


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_no_answer_is_asked_again_under_the_same_id(script, status: grpc.StatusCode) -> None:
    pauses: list[float] = []
    call = script.call(operate, script.channel, PAUSE, pause=pauses.append)
    first = script.answer("Pause", None, status, "gone")
    second = script.answer("Pause", OK)
    assert call.result(5).startswith("BTC/USDT is PAUSED")
    assert first.request_id == second.request_id == "r-1"
    assert pauses == [0.5]


def test_when_time_is_up_it_says_that_it_does_not_know_and_how_to_repeat(script) -> None:
    times = iter([0.0, 100.0])
    call = script.call(operate, script.channel, PAUSE, pause=lambda _: None, clock=lambda: next(times))
    script.answer("Pause", None, grpc.StatusCode.UNAVAILABLE, "gone")
    with pytest.raises(OperationError, match=r"UNAVAILABLE.*not known.*--request-id r-1"):
        call.result(5)


def test_a_call_that_is_never_answered_ends_by_its_deadline() -> None:
    times = iter([0.0, 100.0])
    with socket.create_server(("127.0.0.1", 0)) as mute:
        channel = grpc.insecure_channel(f"127.0.0.1:{mute.getsockname()[1]}")
        with channel, pytest.raises(OperationError, match=r"DEADLINE_EXCEEDED.*not known"):
            operate(channel, PAUSE, call_seconds=0.2, pause=lambda _: None, clock=lambda: next(times))


def test_a_refusal_is_shown_in_the_servicers_words_and_not_retried(script) -> None:
    call = script.call(operate, script.channel, OperatorCommand(Verb.SAFE_MODE_OFF, "BTC/USDT", "ann", "why", "r-2"))
    refusal = rpc_status.to_status(status_of(FailedPrecondition("the mode is ENTERING: wait until it is SAFE")))
    script.answer("ExitSafeMode", None, refusal.code, refusal.details, tuple(refusal.trailing_metadata))
    with pytest.raises(OperationError, match="safe-mode off was refused: the mode is ENTERING: wait until it is SAFE"):
        call.result(5)


@pytest.mark.parametrize(
    ("placed_as", "gone", "evidence"),
    [
        ("77", False, executor_pb2.EVIDENCE_PLACED),
        ("", False, executor_pb2.EVIDENCE_NEVER_PLACED),
        ("", True, executor_pb2.EVIDENCE_GONE),
    ],
)
def test_an_operator_statement_goes_to_the_executor_until_it_is_answered(
    script, placed_as: str, gone: bool, evidence: executor_pb2.Evidence.ValueType
) -> None:
    word = OrderStatement("BTC/USDT", "g1", placed_as, gone, "ann", "looked it up", "r-3")
    call = script.call(resolve_order, script.channel, word, pause=lambda _: None)
    script.answer("ResolveOrder", None, grpc.StatusCode.UNAVAILABLE, "gone")
    request = script.answer(
        "ResolveOrder", executor_pb2.LedgerOrder(client_order_id="g1", status=models_pb2.ORDER_STATUS_NOT_PLACED)
    )
    assert (request.request_id, request.symbol, request.client_order_id) == ("r-3", "BTC/USDT", "g1")
    assert (request.evidence, request.exchange_order_id) == (evidence, placed_as)
    assert (request.who, request.why) == ("ann", "looked it up")
    assert call.result(5) == "order g1 is NOT_PLACED (request r-3)"


def test_a_refused_operator_statement_says_why(script) -> None:
    call = script.call(
        resolve_order,
        script.channel,
        OrderStatement("BTC/USDT", "g1", "", gone=False, who="ann", why="why", request_id="r-4"),
    )
    refusal = rpc_status.to_status(status_of(FailedPrecondition("order g1 is OPEN: there is nothing to resolve")))
    script.answer("ResolveOrder", None, refusal.code, refusal.details, tuple(refusal.trailing_metadata))
    with pytest.raises(OperationError, match="resolve-order was refused: order g1 is OPEN"):
        call.result(5)

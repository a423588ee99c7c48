"""grpcurl, the real one, without proto files: list, describe and a call of every RPC of all four services."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gridcore.model.ids import parse_client_order_id
from gridcore.model.orders import Role
from gridwright.v1 import executor_pb2, orchestrator_pb2, pricemon_pb2, simex_pb2

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("grpcurl")]  # one deployment for all

SYMBOL = "BTC/USDT"
SERVICES = {
    "pricemon": pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"],
    "executor": executor_pb2.DESCRIPTOR.services_by_name["Executor"],
    "orchestrator": orchestrator_pb2.DESCRIPTOR.services_by_name["Orchestrator"],
    "simex": simex_pb2.DESCRIPTOR.services_by_name["Simex"],
}
LEFT_OUT = {"simex.Wipe"}  # the executor would stop permanently, as it should: test_outside_orders shows that
METHODS = [
    rpc
    for name, service in SERVICES.items()
    for method in service.methods
    if (rpc := f"{name}.{method.name}") not in LEFT_OUT
]
Request = dict[str, Any]


@pytest.mark.parametrize("service", SERVICES)
def test_grpcurl_lists_and_describes_each_service(up, service: str) -> None:
    address, name = up.deployment.addresses[service], SERVICES[service].full_name
    beside = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert up.grpcurl.services(address) == {name} | beside
    described = up.grpcurl.describe(address, name)
    for method in SERVICES[service].methods:
        assert f"rpc {method.name} " in described


def fenced_batch(_: Any) -> Request:
    """A request of an older epoch: recorded, and not sent."""
    place = {
        "client_order_id": "grpcurl0000000000000000000", "side": "SIDE_BUY", "role": "ROLE_OPENING",
        "type": "ORDER_TYPE_LIMIT_MAKER", "price": "30000", "quantity": "0.001", "slot": "30000",
        "not_after_ms": str(int(time.time() * 1000) + 60_000),
    }  # fmt: skip
    return {"request_id": f"demo/{SYMBOL}/0/1", "symbol": SYMBOL, "epoch": "0", "actions": [{"place": place}]}


def a_step(up: Any) -> str:
    """The id of a step with actions, which is its request's and its workflow's too."""
    steps = up.ask("orchestrator.GetState", {})["last_steps"]
    return next(step["request_id"] for step in steps if "actions" in step["plan"])


def an_order(up: Any) -> str:
    return next(slot["order"]["client_order_id"] for slot in up.state()["slots"].values() if "order" in slot)


def statement_on_an_order(up: Any) -> Request:
    """On an order whose outcome is known: test_unknown has a statement that is accepted."""
    return by_operator(up) | {"client_order_id": an_order(up), "evidence": "EVIDENCE_NEVER_PLACED"}


def by_operator(_: Any) -> Request:
    return {"request_id": f"by-hand-{time.time_ns()}", "symbol": SYMBOL, "who": "grpcurl", "why": "a test"}


def after(method: str, mode: str) -> Callable[[Any], Request]:
    """The operator's command that only fits the mode which another one brings."""

    def request(up: Any) -> Request:
        up.operate(method)
        up.until_mode(mode)
        return by_operator(up)

    return request


_FAULT = {"kind": "FAULT_KIND_CUT_BODY", "endpoint": "GET depth", "skip": "1000000"}  # no request will match it


def acknowledged(up: Any) -> Request:
    state = up.state()
    return {"symbol": SYMBOL, "epoch": state["epoch"], "state": state}


def after_a_fault(up: Any) -> Request:
    up.grpcurl.call(*up.target("simex.AddFault"), {"fault": _FAULT})
    return {}


@dataclass(frozen=True)
class Call:
    """What is sent, and a text that the answer must contain."""

    request: Request | Callable[[Any], Request]
    wanted: str
    endless: bool = False
    refused: bool = False


_OF_SYMBOL = {"symbol": SYMBOL}
_TRADE = {"symbol": SYMBOL, "price": "60000", "quantity": "0.1", "side": "SIDE_BUY"}
CALLS = {
    "pricemon.StreamPrices": Call({"symbols": [SYMBOL]}, "received_time_ms", endless=True),
    "pricemon.GetPrice": Call(_OF_SYMBOL, "received_time_ms"),
    "pricemon.ListTroubles": Call({}, "{"),
    "executor.BatchExecute": Call(fenced_batch, "OUTCOME_NOT_SENT"),
    "executor.Fence": Call(lambda up: {"symbol": SYMBOL, "epoch": up.state()["epoch"]}, "ledger_birth_id"),
    "executor.Adopt": Call({"symbol": SYMBOL, "prefix": "gdemo0"}, "stop it first", refused=True),
    "executor.GetLedger": Call(_OF_SYMBOL, "state_birth_id"),
    "executor.ListRequests": Call(_OF_SYMBOL, "accepted_seq"),
    "executor.AckUpdates": Call(acknowledged, "offset"),
    "executor.StreamOrderUpdates": Call(_OF_SYMBOL, "offset", endless=True),
    "executor.GetBatch": Call(lambda up: {"request_id": a_step(up)}, "accepted_seq"),
    "executor.GetOrder": Call(lambda up: {"client_order_id": an_order(up)}, "exchange_order_id"),
    "executor.ResolveOrder": Call(statement_on_an_order, "there is nothing to resolve", refused=True),
    "executor.ListOpenOrders": Call(_OF_SYMBOL, "ours"),
    "executor.GetBalances": Call({}, "USDT"),
    "executor.ListFills": Call(_OF_SYMBOL, "trade_id"),
    "executor.GetMarketRules": Call(_OF_SYMBOL, "tick_size"),
    "executor.GetConditions": Call(_OF_SYMBOL, "foreign"),
    "executor.ListTroubles": Call({}, "{"),
    "orchestrator.GetState": Call({}, "birth_id"),
    "orchestrator.WatchState": Call(_OF_SYMBOL, "last_steps", endless=True),
    "orchestrator.ListSlots": Call(_OF_SYMBOL, "closing_price"),
    "orchestrator.Pause": Call(by_operator, "MODE_PAUSED"),
    "orchestrator.Resume": Call(after("Pause", "MODE_PAUSED"), "MODE_RUNNING"),
    "orchestrator.EnterSafeMode": Call(by_operator, "workflow_id"),
    "orchestrator.ExitSafeMode": Call(after("EnterSafeMode", "MODE_SAFE"), "workflow_id"),
    "orchestrator.ListWorkflows": Call({}, "workflow_id"),
    "orchestrator.GetWorkflow": Call(lambda up: {"workflow_id": a_step(up)}, "duration_ns"),
    "orchestrator.ListTroubles": Call({}, "{"),
    "orchestrator.Explain": Call({"symbol": SYMBOL, "seq": "1"}, "digest_before"),
    "simex.Advance": Call({"symbol": SYMBOL, "events": 1}, "events_done"),
    "simex.SetRunning": Call({"running": True}, "running"),
    "simex.GetMarket": Call(_OF_SYMBOL, "market_time_ms"),
    "simex.InjectTrade": Call(_TRADE, "events_done"),
    "simex.Deposit": Call({"asset": "USDT", "amount": "1"}, "locked"),
    "simex.GetTruth": Call({}, "transitions"),
    "simex.StreamTruth": Call({}, "transitions"),
    "simex.ListReceived": Call({}, "POST order"),
    "simex.AddFault": Call({"fault": _FAULT}, "id"),
    "simex.ListFaults": Call(after_a_fault, "FAULT_KIND_CUT_BODY"),
    "simex.ClearFaults": Call(after_a_fault, "cleared"),
    "simex.DropSockets": Call({"stream": "public"}, "dropped"),
    "simex.SetClock": Call({"offset_ms": "0"}, "time_ms"),
    "simex.SetMarketRules": Call({"symbol": SYMBOL, "rules": {"max_orders": 200}}, "max_algo_orders"),
    "simex.GetMarketRules": Call(_OF_SYMBOL, "tick_size"),
    "simex.SetCommission": Call({"symbol": SYMBOL}, "{"),
    "simex.SetKeys": Call({}, "keys"),
    "simex.SetLimits": Call({}, "raw_requests"),
    "simex.ForgetOrder": Call({"symbol": SYMBOL, "client_order_id": "nobody"}, "no such open order", refused=True),
}


@pytest.mark.parametrize("rpc", METHODS)
def test_grpcurl_calls_each_rpc(up, rpc: str) -> None:
    assert rpc in CALLS, f"add a call of {rpc}: every RPC is called here"
    call = CALLS[rpc]
    request = call.request(up) if callable(call.request) else call.request
    how = up.grpcurl.listen if call.endless else up.grpcurl.refused if call.refused else up.grpcurl.call
    answer = how(*up.target(rpc), request)
    assert call.wanted in answer


def test_safe_mode_by_an_operator_takes_the_opening_orders_off_the_venue(up) -> None:
    up.operate("EnterSafeMode")
    up.until_mode("MODE_SAFE")
    resting = up.ask("executor.ListOpenOrders", _OF_SYMBOL).get("orders", [])
    assert [order for order in resting if parse_client_order_id(order["client_order_id"]).role is Role.OPENING] == []

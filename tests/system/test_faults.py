"""A whole deployment on an exchange that loses, spoils and delays its answers: it trades, and its books agree with the
venue's to the last digit.
"""

import asyncio
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from griddeploy.demo.config import DemoConfig, example
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import orchestrator_pb2, simex_pb2

pytestmark = pytest.mark.system

DEADLINE_SECONDS = 60.0
FAULTS: list[dict[str, Any]] = [
    {"kind": "accept_then_timeout", "endpoint": "POST order", "probability": "0.05"},
    {"kind": "timeout_before", "endpoint": "POST order", "probability": "0.05"},
    {"kind": "reset_before", "probability": "0.03"},
    {"kind": "reset_after", "probability": "0.03"},
    {"kind": "cut_body", "probability": "0.03"},
    {"kind": "html_200", "probability": "0.03"},
    {"kind": "status", "status": 502, "done": True, "probability": "0.03"},
    {"kind": "error_code", "code": -1006, "done": True, "probability": "0.03"},
    {"kind": "error_code", "code": -1007, "endpoint": "POST order", "probability": "0.05"},
    {"kind": "hidden_order", "delay_ms": 500, "probability": "0.2"},
    {"kind": "late_trades", "delay_ms": 1500, "probability": "0.3"},
    {"kind": "cancel_crosses_fill", "fraction": "0.5", "probability": "0.3"},
    {"kind": "missing", "stream": "user", "probability": "0.2"},
    {"kind": "duplicate", "stream": "user", "probability": "0.2"},
    {"kind": "reorder", "stream": "user", "probability": "0.2"},
    {"kind": "drop", "stream": "user", "probability": "0.02"},
    {"kind": "drop", "stream": "public", "probability": "0.001"},
]


async def test_a_deployment_on_a_faulty_exchange_trades_and_its_books_agree(tmp_path: Path) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"market and fault seed {seed}")  # noqa: T201  # shown by pytest where the test fails
    values = tomllib.loads(example("demo.toml"))
    values["venue"] |= {"request_timeout_ms": 800, "recv_window_ms": 2_000}
    values["simex"] |= {"fault_seed": seed, "faults": FAULTS}
    own = tmp_path / "own.toml"
    own.write_text(tomli_w.dumps(values), encoding="utf-8")

    async with running_stack(tmp_path, DemoConfig(config=own, seed=seed), forked=True) as stack:
        await until_traded_and_struck(stack, fills=8, strikes=25)
        await stack["executor"].kill()
        await stack["executor"].start()
        await stack["executor"].serving()
        report = await stack.audit()
        orders = Counter(each.client_order_id for each in await received(stack, "POST order"))

    assert report.clean, report
    assert report.fills >= 8
    assert max(orders.values()) == 1, orders  # no order was ever sent twice


async def until_traded_and_struck(stack: Stack, fills: int, strikes: int) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    done = (0, 0)
    while time.monotonic() < ends:
        state = (await stack.channels.orchestrator.GetState(orchestrator_pb2.GetStateRequest())).state
        listed = await stack.channels.simex.ListFaults(simex_pb2.ListFaultsRequest())
        done = (state.totals.fills, sum(each.fired for each in listed.faults))
        if done[0] >= fills and done[1] >= strikes:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{done} fills and strikes after {DEADLINE_SECONDS:g} s:\n{stack.outputs()}")


async def received(stack: Stack, endpoint: str) -> list[simex_pb2.ReceivedRequest]:
    """Every request for an endpoint, page by page."""
    found: list[simex_pb2.ReceivedRequest] = []
    seq, last_seq = 0, 1
    while seq < last_seq:
        page = await stack.channels.simex.ListReceived(simex_pb2.ListReceivedRequest(after_seq=seq))
        found += page.requests
        seq, last_seq = page.requests[-1].seq, page.last_seq
    assert page.first_seq == 1
    return [each for each in found if each.endpoint == endpoint]

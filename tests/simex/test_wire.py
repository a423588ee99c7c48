"""Frames encoded by our own code: a client's reader decodes them, at any size."""

from typing import Any

import pytest

from gridtesting.live.simex import SimexHandle
from simex.streams.connection import framed


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, "8100"), (1, "8101"), (125, "817d"), (126, "817e007e"), (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)  # fmt: skip
def test_a_frames_head_encodes_its_length_as_rfc_6455_has_it(length: int, head: str) -> None:
    assert framed("x" * length) == bytes.fromhex(head) + b"x" * length


def test_lengths_are_of_bytes() -> None:
    assert framed("é") == bytes.fromhex("8102") + "é".encode()


@pytest.mark.parametrize("size", [1, 100, 1_000])
async def test_a_client_reads_answers_of_any_size(signed: Any, simex: SimexHandle, size: int) -> None:
    names = [f"{number}{'x' * size}@trade" for number in range(200)]
    async with signed.http.ws_connect(f"{simex.http_url}/ws") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        answers = [await socket.receive_json(timeout=30) for _ in range(2)]

    assert answers == [{"result": None, "id": 1}, {"result": names, "id": 2}]


async def test_frames_of_many_batches_come_whole_and_in_order(signed: Any, simex: SimexHandle) -> None:
    async with signed.http.ws_connect(f"{simex.http_url}/stream?streams=btcusdt@trade/btcusdt@aggTrade") as socket:
        await simex.advance(5_000)
        frames = [await socket.receive_json(timeout=30) for _ in range(10_000)]

    trades = [frame["data"]["t"] for frame in frames if frame["stream"] == "btcusdt@trade"]
    aggregates = [frame["data"]["a"] for frame in frames if frame["stream"] == "btcusdt@aggTrade"]
    assert trades == aggregates == list(range(1, 5_001))

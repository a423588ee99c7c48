"""A symbol that the venue does not list is refused by itself; the others are served."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from executor.updates.symbol_readiness import SYMBOL_REFUSED
from executor.venue.port import UnknownSymbolError
from gridcore.model.actions import Outcome, PlaceOrder
from gridrpc.convert_orders import action_to_proto, result_from_proto
from gridrpc.errors import FailedPrecondition, rpc_error_of
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import QUICK, SYMBOL, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2

MakePlace = Callable[..., PlaceOrder]
OTHER = "ETH/USDT"
BOTH = (SYMBOL, OTHER)
PACE = replace(QUICK, markets_interval_ms=20)


async def execute(live: LiveExecutor, symbol: str, request_id: str, place: PlaceOrder) -> Outcome:
    request = executor_pb2.BatchExecuteRequest(
        request_id=request_id, symbol=symbol, epoch=1, actions=[action_to_proto(place)]
    )
    (answer,) = [result_from_proto(message) async for message in live.stub.BatchExecute(request)]
    return answer.outcome


async def refusal(live: LiveExecutor, symbol: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.stub.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol=symbol))
    fault = rpc_error_of(caught.value)
    assert isinstance(fault, FailedPrecondition)
    assert fault.reason == SYMBOL_REFUSED
    return fault.message


async def troubled(live: LiveExecutor) -> list[tuple[str, str]]:
    answer = await live.stub.ListTroubles(models_pb2.ListTroublesRequest())
    return [(trouble.kind, trouble.symbol) for trouble in answer.troubles]


async def fence(live: LiveExecutor, symbol: str) -> executor_pb2.FenceResponse:
    return await live.stub.Fence(executor_pb2.FenceRequest(symbol=symbol, epoch=1, state_birth_id="s", prefix="gx"))


async def test_a_symbol_that_was_never_listed_is_refused_with_what_looks_alike_and_the_other_trades(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.unlisted = {OTHER}
    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=BOTH) as live:
        assert "did you mean" in await refusal(live, OTHER)
        assert await execute(live, SYMBOL, "one", make_place()) is Outcome.ACCEPTED
        with pytest.raises(grpc.aio.AioRpcError, match="did you mean"):
            await execute(live, OTHER, "two", make_place())


async def test_where_no_symbol_was_ever_listed_the_config_is_wrong(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    venue.unlisted = set(BOTH)
    with pytest.raises(UnknownSymbolError, match=r"BTC/USDT.*ETH/USDT"):
        async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=BOTH):
            pass


async def test_a_symbol_that_was_traded_here_is_not_listed_any_more(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=(SYMBOL,)) as live:
        await fence(live, SYMBOL)
    venue.unlisted = {SYMBOL}

    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=(SYMBOL,)) as live:
        sentence = await refusal(live, SYMBOL)
        ledger = await live.ledger()

    assert "is no longer listed" in sentence
    assert "did you mean" not in sentence
    assert ledger.epoch == 1, "what the ledger knows of it is returned all the same"


async def test_one_that_goes_while_it_runs_is_refused_and_one_that_comes_back_begins_by_itself(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=BOTH) as live:
        await fence(live, OTHER)
        venue.unlisted = {OTHER}
        await until(lambda: OTHER in live.executor.listing.refused, "the symbol to be refused")
        assert "is no longer listed" in await refusal(live, OTHER)
        assert await execute(live, SYMBOL, "one", make_place()) is Outcome.ACCEPTED
        assert await troubled(live) == [("SYMBOL_REFUSED", OTHER)]

        venue.unlisted = set()
        await until(lambda: live.executor.listing.caught_up(OTHER), "the symbol to begin by itself")
        assert await execute(live, OTHER, "two", make_place()) is Outcome.ACCEPTED
        await until(lambda: not live.executor.watches[1].failing, "its polls to be answered")
        assert await troubled(live) == []


async def test_a_symbol_for_which_alone_the_venue_does_not_answer_does_not_delay_startup(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.mute = {OTHER}
    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=BOTH) as live:
        assert await execute(live, SYMBOL, "one", make_place()) is Outcome.ACCEPTED
        assert not live.executor.listing.caught_up(OTHER)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await live.stub.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol=OTHER))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

        venue.mute = set()
        await until(lambda: live.executor.listing.caught_up(OTHER), "the symbol to be caught up")


async def test_a_list_without_any_of_our_symbols_ends_nothing_that_runs(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock, pace=PACE, symbols=BOTH) as live:
        venue.unlisted = set(BOTH)  # neither was ever traded here
        await until(lambda: live.executor.watches[0].failing, "the polls to fail")
        assert not live.executor.listing.refused

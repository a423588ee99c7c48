"""gRPC servicer of the executor: decode, call the part that is responsible, encode."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import grpc

from executor.api import messages
from executor.api.checks import UNKNOWN_SYMBOL, known, listed, readable, ready, requires, symbol_of
from executor.ledger import checkpoints, fences, order_view, requests, updates
from executor.ledger.requests import NewRequest
from executor.service import Executor
from executor.venue.port import ReadFailedError, VenueOrder
from gridcore.model.money import canonical
from gridrpc import convert_orders, convert_state
from gridrpc.errors import InvalidArgument, NotFound, OutOfRange, Unavailable
from gridservice.crash_point import around, crash_point
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2

T = TypeVar("T")

_PAGE = 100
_LARGEST_PAGE = 1_000
_MOST_ACTIONS = 1_000
# A reason of InvalidArgument. Such a request was never accepted and never can be, in any state of the ledger.
MALFORMED = "MALFORMED"
_Context = grpc.aio.ServicerContext[Any, Any]


class ExecutorServicer(executor_pb2_grpc.ExecutorServicer):
    """Serves gridwright.v1.Executor."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._run = executor.ledger.writer.run

    async def BatchExecute(  # noqa: N802  # the proto's name
        self, request: executor_pb2.BatchExecuteRequest, context: _Context
    ) -> AsyncIterator[models_pb2.ActionResult]:
        """Executes a batch, or replays the results of a known one."""
        del context
        self._executor.readiness.check_may_act()
        try:
            wanted = self._new_request(request)
        except InvalidArgument as fault:
            fault.reason = fault.reason if fault.reason == UNKNOWN_SYMBOL else MALFORMED
            raise
        self._executor.listing.check(wanted.symbol)
        self._executor.forgotten.check(wanted.symbol)
        async for result in self._executor.batches.execute(wanted):
            crash_point("executor.told")
            yield convert_orders.result_to_proto(result)

    @requires(readable)
    async def Fence(  # noqa: N802
        self, request: executor_pb2.FenceRequest, context: _Context
    ) -> executor_pb2.FenceResponse:
        """Raises the fence and waits until no action of an older epoch is being sent."""
        del context
        now_ms = self._executor.clock.local_ms()
        if request.rebuild:
            self._executor.subscribers.refuse_to_replace(request.symbol)
        with around("executor.fence"):
            fence = await self._run(
                fences.raise_to,
                request.symbol,
                request.epoch,
                request.state_birth_id,
                request.prefix,
                now_ms,
                rebuild=request.rebuild,
            )
        await self._executor.flight.wait_below(request.symbol, fence.epoch)
        return executor_pb2.FenceResponse(
            epoch=fence.epoch,
            ledger_birth_id=self._executor.ledger.birth_id,
            state_birth_id=fence.state_birth_id,
            end_offset=await self._run(updates.end_offset, request.symbol),
            time_ms=self._executor.clock.local_ms(),
        )

    @requires(readable)
    async def GetLedger(  # noqa: N802
        self, request: executor_pb2.GetLedgerRequest, context: _Context
    ) -> executor_pb2.Ledger:
        """Returns a snapshot of the ledger: identity, fence and live orders."""
        del context
        view = await self._run(order_view.view, request.symbol)
        return messages.ledger_to_proto(request.symbol, self._executor.ledger.birth_id, view)

    @requires(listed)
    async def Adopt(  # noqa: N802
        self, request: executor_pb2.AdoptRequest, context: _Context
    ) -> executor_pb2.AdoptResponse:
        """Imports the symbol's orders and trades from the venue after a loss of the ledger."""
        del context
        if not request.prefix:
            raise InvalidArgument("prefix is empty: give what the client order ids of the bot and symbol begin with")
        self._executor.subscribers.refuse_to_replace(request.symbol)
        with _asking_venue():
            adopted = await self._executor.history_import.adopt(request.symbol, request.prefix)
        return executor_pb2.AdoptResponse(
            orders=adopted.orders,
            trades=adopted.trades,
            lost=adopted.lost,
            requests_expire=self._executor.venue.request_window_ms is not None,
        )

    @requires(readable)
    async def ListRequests(  # noqa: N802
        self, request: executor_pb2.ListRequestsRequest, context: _Context
    ) -> executor_pb2.ListRequestsResponse:
        """Lists accepted requests in order."""
        del context
        found = await self._run(requests.page, request.symbol, request.after_seq, _limit(request.limit))
        return executor_pb2.ListRequestsResponse(batches=[messages.batch_to_proto(batch) for batch in found])

    @requires(ready)
    async def GetBatch(  # noqa: N802
        self, request: executor_pb2.GetBatchRequest, context: _Context
    ) -> executor_pb2.Batch:
        """Returns one request with its results."""
        del context
        found = await self._run(requests.find, request.request_id)
        if found is None:
            raise NotFound(f"request_id {request.request_id!r} is not in the ledger: nothing was sent for it")
        return messages.batch_to_proto(found)

    @requires(readable)
    async def StreamOrderUpdates(  # noqa: N802
        self, request: executor_pb2.StreamOrderUpdatesRequest, context: _Context
    ) -> AsyncIterator[models_pb2.OrderUpdate]:
        """Streams the log after an offset, then each new entry."""
        del context
        symbol, offset = request.symbol, request.after_offset
        end = await self._run(updates.end_offset, symbol)
        if offset > end:
            raise OutOfRange(
                f"after_offset = {offset}: the log of {symbol} ends at {end}; the reader belongs to another ledger",
                reason="BEYOND_END",
                end_offset=str(end),
            )
        changes = self._executor.changes[symbol]
        with self._executor.subscribers.following(symbol, request.epoch):
            while self._executor.readiness.ready:
                seen = changes.count
                page = await self._run(updates.page, symbol, offset, _LARGEST_PAGE)
                for update in page:
                    yield convert_orders.update_to_proto(update)
                    offset = update.offset
                if not page:
                    await changes.after(seen)

    @requires(known)
    async def AckUpdates(  # noqa: N802
        self, request: executor_pb2.AckUpdatesRequest, context: _Context
    ) -> executor_pb2.AckUpdatesResponse:
        """Records a state that has applied the log up to its offset."""
        del context
        symbol, state = request.symbol, convert_state.state_from_proto(request.state)
        if state.symbol != symbol or not state.seq:
            raise InvalidArgument(
                f"state is of {state.symbol!r} at step {state.seq}: give one of {symbol} that has been committed"
            )
        now_ms = self._executor.clock.local_ms()
        with around("executor.acknowledge"):
            kept = await self._run(checkpoints.acknowledge, symbol, request.epoch, state, now_ms)
        return executor_pb2.AckUpdatesResponse(offset=kept.offset, floor_offset=kept.floor_offset)

    @requires(ready)
    async def GetOrder(  # noqa: N802
        self, request: executor_pb2.GetOrderRequest, context: _Context
    ) -> executor_pb2.LedgerOrder:
        """Returns one order of ours from the ledger."""
        del context
        return await self._told(request.client_order_id)

    @requires(known)
    async def ResolveOrder(  # noqa: N802
        self, request: executor_pb2.ResolveOrderRequest, context: _Context
    ) -> executor_pb2.LedgerOrder:
        """Accepts an operator statement on an UNKNOWN order."""
        del context
        word = messages.statement_from_proto(request)
        await self._executor.operator_resolution.resolve(word)
        return await self._told(word.client_order_id)

    @requires(listed)
    async def ListOpenOrders(  # noqa: N802
        self, request: executor_pb2.ListOpenOrdersRequest, context: _Context
    ) -> executor_pb2.ListOpenOrdersResponse:
        """Lists the orders that rest on the venue now, and those in flight."""
        del context
        end = await self._run(updates.end_offset, request.symbol)
        resting = await self._open_orders(request.symbol)
        ours = await self._executor.conditions.ours(request.symbol, resting)
        flying = await self._run(order_view.in_flight, request.symbol)
        return executor_pb2.ListOpenOrdersResponse(
            orders=[messages.venue_order_to_proto(order, ours=order.client_order_id in ours) for order in resting],
            in_flight=[messages.order_to_proto(story) for story in flying],
            end_offset=end,
        )

    @requires(ready)
    async def GetBalances(  # noqa: N802
        self, request: executor_pb2.GetBalancesRequest, context: _Context
    ) -> executor_pb2.GetBalancesResponse:
        """Lists the account's assets that are not zero."""
        del request, context
        found = await self._ask(self._executor.venue.balances)
        return executor_pb2.GetBalancesResponse(
            balances=[
                executor_pb2.Balance(asset=one.asset, free=canonical(one.free), locked=canonical(one.locked))
                for one in found
            ]
        )

    @requires(readable)
    async def ListFills(  # noqa: N802
        self, request: executor_pb2.ListFillsRequest, context: _Context
    ) -> executor_pb2.ListFillsResponse:
        """Lists recorded fills by offset."""
        del context
        found = await self._run(updates.fills_page, request.symbol, request.after_offset, _limit(request.limit))
        return executor_pb2.ListFillsResponse(fills=[convert_orders.update_to_proto(update) for update in found])

    @requires(listed)
    async def GetMarketRules(  # noqa: N802
        self, request: executor_pb2.GetMarketRulesRequest, context: _Context
    ) -> models_pb2.MarketRules:
        """Returns the venue's rules for a symbol."""
        del context
        symbol = request.symbol
        self._executor.venue.doubt_fees(symbol)  # called at startups: a grid may have been refused for the old fees
        return convert_orders.rules_to_proto(await self._ask(lambda: self._executor.venue.market_rules(symbol)))

    @requires(listed)
    async def GetConditions(  # noqa: N802
        self, request: executor_pb2.GetConditionsRequest, context: _Context
    ) -> executor_pb2.Conditions:
        """Returns the current conditions of a symbol at the venue."""
        del context
        with _asking_venue():
            found = await self._executor.conditions.read(request.symbol, fees_doubted=request.fees_doubted)
        return executor_pb2.Conditions(
            rules=convert_orders.rules_to_proto(found.rules),
            foreign=convert_state.foreign_to_proto(found.foreign),
            funds=convert_state.funds_to_proto(found.funds),
            time_ms=self._executor.clock.local_ms(),
        )

    async def ListTroubles(  # noqa: N802
        self, request: models_pb2.ListTroublesRequest, context: _Context
    ) -> models_pb2.ListTroublesResponse:
        """Lists the current troubles."""
        del request, context
        return self._executor.troubles.to_proto()

    async def _told(self, client_order_id: str) -> executor_pb2.LedgerOrder:
        story = await self._run(order_view.find, client_order_id)
        if story is None:
            raise NotFound(f"client_order_id {client_order_id!r} is not in the ledger: it was never placed here")
        return messages.order_to_proto(story)

    def _new_request(self, request: executor_pb2.BatchExecuteRequest) -> NewRequest:
        if not request.request_id:
            raise InvalidArgument("request_id is empty: give the id under which the batch is repeated")
        if not 1 <= len(request.actions) <= _MOST_ACTIONS:
            raise InvalidArgument(f"actions has {len(request.actions)} entries: give 1 to {_MOST_ACTIONS}")
        return NewRequest(
            request_id=request.request_id,
            symbol=symbol_of(self._executor, request),
            epoch=request.epoch,
            clock_offset_ms=request.clock_offset_ms,
            actions=tuple(
                convert_orders.action_from_proto(action, f"actions[{number}]")
                for number, action in enumerate(request.actions)
            ),
        )

    async def _open_orders(self, symbol: str) -> list[VenueOrder]:
        """Reads the open orders, no older than the call. Raises Unavailable."""
        with _asking_venue():
            return await self._executor.books.of(symbol)

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        with _asking_venue():
            return await self._executor.reader.read(ask)


@contextlib.contextmanager
def _asking_venue() -> Iterator[None]:
    """Answers Unavailable if the venue does not answer the block's reads."""
    try:
        yield
    except ReadFailedError as error:
        raise Unavailable(f"the venue did not answer: {error}", reason="VENUE_UNREACHABLE") from error


def _limit(asked: int) -> int:
    return min(asked or _PAGE, _LARGEST_PAGE)

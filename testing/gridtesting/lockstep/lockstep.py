"""Lockstep: runs the real services one event of a tape at a time and compares them with gridcore over gridsim.

simex moves only by `Advance`. After each event the run waits until the services have settled: the price is processed,
no workflow is in flight, and the state's offset is the end of a log that contains everything in the venue's book. Then
state and backtest must be equal, slot by slot. At the end the venue's fills must equal the backtest's, one by one.

When the services run freely, two things are left to chance:
- The order in which an event's price and its order updates arrive. A gate holds the updates until the price is done.
- The number of updates in a batch. It is left to chance here too, because it cannot matter: once the price is decided
  on, the action of one slot depends on no other slot while max_position does not bind. tests/sim/test_backtest.py
  checks that of the core.

Events that do not concern the grid (no fill, no action: prices inside the quiet band) are known beforehand from the
backtest. They may be skipped in one Advance, together with the next event that concerns it.
"""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal

from gridcore.model.state import State
from gridrpc.convert_state import state_from_proto
from gridsim.backtest import Backtest
from gridsim.market import MarketEvent
from gridtesting.live.processes import Stack
from gridtesting.lockstep.compare import backtest_fills, difference, first_difference, standing_of, venue_fills
from gridtesting.lockstep.gates import Gates
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, orchestrator_pb2, simex_pb2

SETTLE_SECONDS = 60.0
_LOOK_SECONDS = 0.003


class Lockstep:
    """A run over a stack whose market moves only by Advance. Counts past `events` and comparisons (`stops`)."""

    def __init__(self, stack: Stack, gates: Gates, backtest: Backtest, events: Iterator[MarketEvent]) -> None:
        self.stack = stack
        self.backtest = backtest
        self.events = 0
        self.stops = 0
        self._gates = gates
        self._symbol = stack.deployment.symbols[0]
        self._ahead = events

    async def begin(self) -> None:
        """Sends the services the opening price; they must reach the initial state of the backtest."""
        await self._settle_and_compare(self.backtest.price)

    async def advance(self, events: int | None = None, *, each: bool = False) -> None:
        """Advances by `events`, None: to the end of the tape, and compares after each event that concerns the grid.

        With `each` it compares after the other events too. Raises AssertionError for the first difference.
        """
        for stride in self._strides(events, each=each):
            request = simex_pb2.AdvanceRequest(symbol=self._symbol, events=stride)
            status = await self.stack.channels.simex.Advance(request)
            self.events += stride
            assert status.events_done == self.events, f"simex is at event {status.events_done}, not {self.events}"
            await self._settle_and_compare(Decimal(status.price))

    async def compare_fills(self) -> int:
        """Compares every fill of the venue with the backtest's; returns how many there are."""
        truth = await self.stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())
        found = venue_fills(truth)
        unlike = first_difference(found, backtest_fills(self.backtest))
        assert not unlike, unlike
        return len(found)

    def _strides(self, events: int | None, *, each: bool) -> Iterator[int]:
        """Yields how many events to process at once. The backtest is always that far ahead."""
        stride = 0
        for done, event in enumerate(self._ahead, start=1):
            concerned = self.backtest.step(event)
            stride += 1
            if concerned or each or done == events:
                yield stride
                stride = 0
            if done == events:
                return
        if stride:
            yield stride

    async def _settle_and_compare(self, price: Decimal) -> None:
        assert price == self.backtest.price, f"event {self.events} is at {price}, in the backtest {self.backtest.price}"
        await until(lambda: self._gates.prices.heard == price, f"the price {price} from pricemon", SETTLE_SECONDS)
        await self._gates.prices.let_through(price)
        state = await self._settled(price)
        unlike = difference(standing_of(state), standing_of(self.backtest.state))
        assert not unlike, f"after event {self.events} at {price}:\n{unlike}"
        self.stops += 1

    async def _settled(self, price: Decimal) -> State:
        """The state once nothing of the event is in flight."""
        deadline = time.monotonic() + SETTLE_SECONDS
        state = await self._at_rest(price, 0, deadline)
        while True:
            request = executor_pb2.ListOpenOrdersRequest(symbol=self._symbol)
            book = await self.stack.channels.executor.ListOpenOrders(request)
            await self._gates.updates.let_through(book.end_offset)
            state = await self._at_rest(price, book.end_offset, deadline)
            if _agree(state, book):
                return state
            await asyncio.sleep(_LOOK_SECONDS)
            assert time.monotonic() < deadline, f"after event {self.events}: venue {book}\nstate {state}"

    async def _at_rest(self, price: Decimal, offset: int, deadline: float) -> State:
        """The state once the orchestrator has processed the price, and the updates up to the offset, and is idle."""
        request = orchestrator_pb2.GetStateRequest(symbol=self._symbol)
        while True:
            told = await self.stack.channels.orchestrator.GetState(request)
            if told.price and Decimal(told.price) == price and not told.busy and told.state.event_offset >= offset:
                return state_from_proto(told.state)
            await asyncio.sleep(_LOOK_SECONDS)
            assert time.monotonic() < deadline, f"not at rest after event {self.events}:\n{self.stack.outputs()}"


def _agree(state: State, book: executor_pb2.ListOpenOrdersResponse) -> bool:
    """Whether the state has applied the whole log, and the log has everything in the venue's book."""
    waiting = [slot.order for slot in state.slots.values() if slot.order is not None]
    expected = {order.client_order_id: order.executed for order in waiting}
    found = {order.client_order_id: Decimal(order.executed) for order in book.orders if order.ours}
    return not book.in_flight and state.event_offset == book.end_offset and expected == found

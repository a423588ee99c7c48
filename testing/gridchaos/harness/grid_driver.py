"""The grid under test as its driver has it: it moves the market, gives an operator's word, looks, and waits."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import TypeVar

import grpc

from gridchaos.harness.calls import answered, while_down
from gridchaos.harness.deployment import INTERVAL
from gridchaos.harness.venue_faults import VenueFault
from gridcore.model.ids import id_prefix
from gridctl.commands.trade import ManualTrader
from griddeploy.audit.gather import AuditInput, gather_at_rest, until_settled
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, SIMEX
from gridservice.config_file import read_toml
from gridtesting.live.processes import Stack
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

DEADLINE_SECONDS = 20.0
BUYS = 5
"""How many buying orders the grid has when it is at rest: the example's."""
RISE = 4
"""How many slots the price rises by when the farthest orders are to be cancelled."""
_FOREIGN_PRICE, _FOREIGN_QUANTITY = "30000", "0.001"  # far below what any case moves the market to
_LOT = Decimal("0.00001")  # of the example's market
_LOOK_SECONDS = 0.02
_WORKFLOWS = 50  # more than any case begins
_UNFINISHED = {"PENDING", "ENQUEUED", "DELAYED"}
_PAUSE_SECONDS = 0.1  # between two looks at whether all is at rest
_LIVE = {"NEW", "PARTIALLY_FILLED"}

T = TypeVar("T")


class GaveUpError(AssertionError):
    """Something that had to come did not come in time: the sentence says what."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of ours that rests on the venue; `left` is what has not traded yet."""

    price: Decimal
    left: Decimal


class Grid:
    """One symbol of a stack."""

    def __init__(self, stack: Stack, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.stack = stack
        self.deadline_seconds = deadline_seconds
        """After which whatever has to come is said not to come."""
        self.symbol = stack.deployment.symbols[0]
        self.prefix = id_prefix(stack.deployment.bot, self.symbol)
        self.by_hand = 0
        """How many foreign orders there are."""
        self._hand = ManualTrader(read_toml(stack.deployment.config).table("venue").text("base_url"))

    # -- the market

    async def sell_down(self, fraction: str = "1") -> None:
        """Others sell down to the dearest of our buying orders, and take it, or a part of it. None: nothing happens."""
        buys = await self.buys()
        if buys:
            dearest = max(buys, key=lambda order: order.price)
            quantity = (dearest.left * Decimal(fraction)).quantize(_LOT, ROUND_UP)
            await self._trade(dearest.price, quantity, models_pb2.SIDE_SELL)

    async def rise(self) -> None:
        """Others buy the market up, out of the reach of our farthest orders."""
        price = max(order.price for order in await self.buys()) + (RISE + 1) * INTERVAL
        await self._trade(price, _LOT, models_pb2.SIDE_BUY)

    async def _trade(self, price: Decimal, quantity: Decimal, side: models_pb2.Side.ValueType) -> None:
        request = simex_pb2.InjectTradeRequest(
            symbol=self.symbol, price=str(price), quantity=f"{quantity:f}", side=side
        )
        await self.stack.channels.simex.InjectTrade(request)

    async def buys(self) -> list[Order]:
        """The buying orders of ours that rest on the venue."""
        return [
            Order(Decimal(order.price), Decimal(order.quantity) - Decimal(order.executed))
            for order in (await self.truth()).orders
            if order.side == models_pb2.SIDE_BUY and order.status in _LIVE and self._ours(order)
        ]

    async def truth(self) -> simex_pb2.Truth:
        """The venue's book."""
        simex, request = self.stack.channels.simex, simex_pb2.GetTruthRequest()
        return await self._answer("book", lambda: simex.GetTruth(request, wait_for_ready=True))

    def _ours(self, order: simex_pb2.TrueOrder) -> bool:
        return order.client_order_id.startswith(self.prefix)

    # -- the account's owner

    async def place_by_hand(self) -> None:
        """A foreign order, which no bot may touch."""
        await asyncio.to_thread(self._hand.place, "buy", self.symbol, _FOREIGN_QUANTITY, _FOREIGN_PRICE)
        self.by_hand += 1

    async def halt(self) -> None:
        """Enters safe mode as an operator."""
        await self._say(self.stack.channels.orchestrator.EnterSafeMode, "halt")

    async def lift(self) -> None:
        """Exits safe mode as an operator."""
        await self._say(self.stack.channels.orchestrator.ExitSafeMode, "lift")

    async def _say(self, command: Callable[..., Awaitable[object]], word: str) -> None:
        """Says it until it is answered; the request id makes it one word."""
        request = orchestrator_pb2.OperatorRequest(
            request_id=word, symbol=self.symbol, who="operator", why="the matrix"
        )
        await self._answer(f"answer to {word}", lambda: command(request, wait_for_ready=True))

    # -- looking and waiting

    async def state(self) -> models_pb2.State:
        """As it was committed last. Waits for the orchestrator."""
        orchestrator, request = self.stack.channels.orchestrator, orchestrator_pb2.GetStateRequest(symbol=self.symbol)
        return (await self._answer("state", lambda: orchestrator.GetState(request, wait_for_ready=True))).state

    async def trading_or_dead(self) -> None:
        """Returns once the start path is done, or one of those that trade is gone."""

        async def so_far() -> bool:
            if any(self.stack[name].ended_already for name in (EXECUTOR, ORCHESTRATOR)):
                return True
            request = orchestrator_pb2.GetStateRequest(symbol=self.symbol)
            with contextlib.suppress(grpc.aio.AioRpcError):
                call = self.stack.channels.orchestrator.GetState(request, timeout=0.25, wait_for_ready=True)
                return (await call).trading
            return False

        await self.until("trading", so_far)

    async def at_rest_in(self, mode: models_pb2.Mode.ValueType) -> None:
        """Returns once nothing is under way in this mode; in RUNNING there are orders then."""

        async def in_mode() -> bool:
            return (await self.state()).risk.mode == mode

        async def has_orders() -> bool:
            return bool(await self.buys())

        await self.until(models_pb2.Mode.Name(mode), in_mode)
        if mode == models_pb2.MODE_RUNNING:
            await self.until("open orders", has_orders)
        await self.until("exit order for all that is held", self._every_exit_is_there)
        await self.until("end of every workflow", self._no_workflow_is_left)
        stack = self.stack
        if not await until_settled(
            stack.channels,
            stack.deployment.bot,
            stack.deployment.symbols,
            self.deadline_seconds,
            pause_seconds=_PAUSE_SECONDS,
        ):
            raise GaveUpError(f"not at rest after {self.deadline_seconds:g} s:\n{stack.outputs()}")

    async def evidence(self, deadline_seconds: float) -> AuditInput:
        """The venue's book and ours, once nothing moves while they are read, or as they are by the deadline."""
        deployment = self.stack.deployment
        return await gather_at_rest(
            self.stack.channels, deployment.bot, deployment.symbols, deadline_seconds, pause_seconds=_PAUSE_SECONDS
        )

    async def until_all_rest(self) -> None:
        """Returns once the venue has all the buying orders of the grid, whether or not anybody knows of it."""

        async def all_rest() -> bool:
            return len(await self.buys()) == BUYS

        await self.until(f"{BUYS} orders", all_rest)

    async def _every_exit_is_there(self) -> bool:
        # After a refusal a slot waits for a while before it places again: that looks like rest and is none.
        slots = (await self.state()).slots.values()
        return all(
            slot.HasField("order") for slot in slots if slot.position_status == models_pb2.POSITION_STATUS_FILLED
        )

    async def _no_workflow_is_left(self) -> bool:
        # DBOS looks for those that it has to resume once a second: before that a state may look at rest and is not.
        request = orchestrator_pb2.ListWorkflowsRequest(symbol=self.symbol, limit=_WORKFLOWS)
        with while_down():  # it answers UNAVAILABLE while its database is away
            listed = await self.stack.channels.orchestrator.ListWorkflows(request, wait_for_ready=True)
            return not any(workflow.status in _UNFINISHED for workflow in listed.workflows)
        return False

    async def fills_beyond(self, fills: int) -> None:
        """Returns once the state counts more fills than that."""

        async def filled() -> bool:
            return (await self.state()).totals.fills > fills

        await self.until("another fill", filled)

    async def until(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Returns once it holds. Raises GaveUpError."""
        try:
            async with asyncio.timeout(self.deadline_seconds):
                while not await condition():  # noqa: ASYNC110  what is waited for happens in other processes
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise self._gave_up(what) from None

    async def _answer(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Of a service that may be down for a moment. Raises GaveUpError."""
        try:
            return await answered(ask, self.deadline_seconds)
        except TimeoutError:
            raise self._gave_up(what) from None

    def _gave_up(self, what: str) -> GaveUpError:
        return GaveUpError(f"no {what} after {self.deadline_seconds:g} s:\n{self.stack.outputs()}")

    # -- the venue

    async def venue_reachable(self) -> None:
        """Starts simex, and returns once it serves."""
        await self.stack[SIMEX].start()
        await self.stack[SIMEX].serving()

    async def add(self, fault: VenueFault) -> None:
        """Makes simex act on the fault from now on."""
        for each in fault.faults:
            await self.stack.channels.simex.AddFault(simex_pb2.AddFaultRequest(fault=each))

    async def struck(self) -> int:
        """How often the faults have struck so far."""
        listed = await self.stack.channels.simex.ListFaults(simex_pb2.ListFaultsRequest())
        return sum(each.fired for each in listed.faults)

"""A fake executor that obeys the contract: a real servicer over a ledger and a venue in memory.

It is idempotent by request id and fenced; places expire, and only the log has fills. Tests fill orders, delay answers
and inspect it. Ledger and venue outlive callers.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import grpc

from gridcore.model.actions import Action, ActionResult, Fill, Outcome, PlaceOrder
from gridcore.model.events import Plan, Ticked
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.state import ForeignOrders, Funds, RiskFlags
from gridrpc.convert_orders import (
    ORDER_STATUSES,
    ROLES,
    SIDES,
    action_from_proto,
    action_to_proto,
    result_to_proto,
    rules_to_proto,
    update_to_proto,
)
from gridrpc.convert_state import foreign_to_proto, funds_to_proto
from gridrpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from gridrpc.server import Server, start_server
from gridservice.change_signal import ChangeSignal
from gridservice.clock import now_ms
from gridtesting.fakes.venue_model import ModelOrder, VenueModel
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2

Context = grpc.aio.ServicerContext[Any, Any]
_DESCRIPTOR = executor_pb2.DESCRIPTOR.services_by_name["Executor"]


@dataclass(slots=True)
class Request:
    """A request in the ledger; without results while it is only an intent."""

    accepted_seq: int
    request_id: str
    symbol: str
    epoch: int
    actions: tuple[Action, ...]
    results: list[ActionResult] = field(default_factory=list[ActionResult])
    calls: int = 0

    @property
    def complete(self) -> bool:
        """Whether every action has its answer."""
        return len(self.results) == len(self.actions)


@dataclass(slots=True)
class Market:
    """One symbol's book, log and fence."""

    venue: VenueModel
    fence: int = 0
    state_birth_id: str = ""
    changes: ChangeSignal = field(default_factory=ChangeSignal)
    foreign: list[executor_pb2.VenueOrder] = field(default_factory=list[executor_pb2.VenueOrder])  # foreign orders
    followers: int = 0  # number of open streams
    checkpoint: models_pb2.State | None = None
    floor_offset: int = 0  # the log counts as pruned up to here
    funds: Funds = field(default_factory=lambda: Funds(Decimal(10**9), Decimal(10**9)))


class FakeExecutor(executor_pb2_grpc.ExecutorServicer):
    """The Executor service for tests."""

    def __init__(self, rules: Sequence[MarketRules]) -> None:
        self.markets = {market.symbol: Market(VenueModel(market)) for market in rules}
        self.requests: dict[str, Request] = {}
        self.ledger_birth_id = uuid.uuid4().hex
        self.outcomes: list[Outcome] = []  # outcomes of the next places, one each; then ACCEPTED
        self.glimpsed: list[str] = []  # client ids that only the next read of the venue's list shows
        self.clock_offset_ms = 0  # from the last request
        self.skew_ms = 0  # its host's clock minus the test's
        self.most_actions = 1_000  # of one request
        self.refused: dict[str, str] = {}  # by symbol that the venue does not list: the sentence
        self.adopt: Callable[[], executor_pb2.AdoptResponse] = _nothing_adopted
        self.sending = asyncio.Event()  # cleared: requests are accepted and wait before they are sent
        self.answering = asyncio.Event()  # cleared: requests are sent and their answers wait
        self.sending.set()
        self.answering.set()

    def orders(self, symbol: str, role: Role | None = None) -> list[ModelOrder]:
        """The orders that rest on the venue."""
        return [o for o in self.markets[symbol].venue.live() if role is None or o.place.role is role]

    def all_orders(self, symbol: str) -> list[ModelOrder]:
        """Every order that ever reached the venue."""
        return list(self.markets[symbol].venue.orders.values())

    async def fill(self, symbol: str, client_order_id: str, quantity: Decimal | None = None) -> None:
        """Fills an order at its price, the whole remainder by default."""
        market = self.markets[symbol]
        order = market.venue.orders[client_order_id]
        market.venue.fill(client_order_id, order.remaining if quantity is None else quantity)
        market.changes.beat()

    async def end(self, symbol: str, client_order_id: str, status: OrderStatus) -> None:
        """Ends an order without a request of ours."""
        market = self.markets[symbol]
        market.venue.end(client_order_id, status)
        market.changes.beat()

    async def resolve(self, symbol: str, client_order_id: str) -> None:
        """Resolves an order that was answered UNKNOWN."""
        market = self.markets[symbol]
        market.venue.resolve(client_order_id)
        market.changes.beat()

    async def BatchExecute(  # noqa: N802  gRPC's names
        self, request: executor_pb2.BatchExecuteRequest, context: Context
    ) -> AsyncIterator[models_pb2.ActionResult]:
        """Accepts, sends and answers, each at most once."""
        self._refuse(request.symbol)
        known = self._accept(request)
        self.clock_offset_ms = request.clock_offset_ms
        known.calls += 1
        if not known.complete:
            await self.sending.wait()
        await self._send(known)
        await self.answering.wait()
        for result in known.results:
            yield result_to_proto(result)

    async def Fence(self, request: executor_pb2.FenceRequest, context: Context) -> executor_pb2.FenceResponse:  # noqa: N802
        """Raises the fence; intents of older epochs end NOT_SENT."""
        market = self._market(request.symbol)
        if request.rebuild and market.followers:
            raise FailedPrecondition("an orchestrator follows the log", reason="FOLLOWED")
        if request.rebuild or market.state_birth_id in {"", request.state_birth_id}:
            self._raise_fence(market, request)
        return executor_pb2.FenceResponse(
            epoch=market.fence,
            ledger_birth_id=self.ledger_birth_id,
            state_birth_id=market.state_birth_id,
            end_offset=len(market.venue.log),
            time_ms=self._now_ms(),
        )

    def _raise_fence(self, market: Market, request: executor_pb2.FenceRequest) -> None:
        if request.epoch < market.fence:
            raise FailedPrecondition(f"epoch = {request.epoch}: the fence is at {market.fence}", reason="FENCED")
        market.fence = request.epoch
        market.state_birth_id = "" if request.rebuild else request.state_birth_id
        for known in self.requests.values():
            if known.symbol == request.symbol and not known.complete and known.epoch < market.fence:
                known.results = _not_sent(known.actions)

    async def GetLedger(self, request: executor_pb2.GetLedgerRequest, context: Context) -> executor_pb2.Ledger:  # noqa: N802
        """Returns the ledger's identity and its live orders."""
        market = self._market(request.symbol)
        return executor_pb2.Ledger(
            symbol=request.symbol,
            birth_id=self.ledger_birth_id,
            state_birth_id=market.state_birth_id,
            epoch=market.fence,
            end_offset=len(market.venue.log),
            floor_offset=market.floor_offset,
            checkpoint=market.checkpoint,
            live=[_ledger_order(request.symbol, order) for order in market.venue.live()]
            + [
                _ledger_order(request.symbol, ModelOrder(place, Decimal(0), OrderStatus.UNKNOWN))
                for place in market.venue.lost.values()
            ],
        )

    async def Adopt(self, request: executor_pb2.AdoptRequest, context: Context) -> executor_pb2.AdoptResponse:  # noqa: N802
        """Returns what the test has set; by default nothing, since the fake's ledger and venue are one."""
        self._refuse(request.symbol)
        self._market(request.symbol)
        return self.adopt()

    async def ListRequests(  # noqa: N802
        self, request: executor_pb2.ListRequestsRequest, context: Context
    ) -> executor_pb2.ListRequestsResponse:
        """The symbol's requests in the order of acceptance."""
        found = [r for r in self.requests.values() if r.symbol == request.symbol and r.accepted_seq > request.after_seq]
        return executor_pb2.ListRequestsResponse(batches=[_batch(r) for r in found[: request.limit or 100]])

    async def StreamOrderUpdates(  # noqa: N802
        self, request: executor_pb2.StreamOrderUpdatesRequest, context: Context
    ) -> AsyncIterator[models_pb2.OrderUpdate]:
        """Streams the log after an offset, then new entries."""
        market = self._market(request.symbol)
        offset = request.after_offset
        if offset > len(market.venue.log):
            raise OutOfRange(f"after_offset = {offset}: the log ends at {len(market.venue.log)}")
        if offset < market.floor_offset:
            raise OutOfRange(f"after_offset = {offset}: pruned up to {market.floor_offset}", reason="BELOW_FLOOR")
        market.followers += request.epoch > 0
        try:
            while True:
                seen = market.changes.count
                while offset < len(market.venue.log):
                    yield update_to_proto(market.venue.log[offset])
                    offset += 1
                await market.changes.after(seen)
        finally:
            market.followers -= request.epoch > 0

    async def AckUpdates(  # noqa: N802
        self, request: executor_pb2.AckUpdatesRequest, context: Context
    ) -> executor_pb2.AckUpdatesResponse:
        """Stores the state as the checkpoint."""
        market = self._market(request.symbol)
        if request.epoch < market.fence:
            raise FailedPrecondition(f"epoch = {request.epoch}: the fence is at {market.fence}", reason="FENCED")
        market.checkpoint = request.state
        return executor_pb2.AckUpdatesResponse(offset=request.state.event_offset, floor_offset=market.floor_offset)

    async def GetBatch(self, request: executor_pb2.GetBatchRequest, context: Context) -> executor_pb2.Batch:  # noqa: N802
        """Returns a request of the ledger."""
        known = self.requests.get(request.request_id)
        if known is None:
            raise NotFound(f"request_id = {request.request_id!r}: the ledger has no such request")
        return _batch(known)

    async def ListOpenOrders(  # noqa: N802
        self, request: executor_pb2.ListOpenOrdersRequest, context: Context
    ) -> executor_pb2.ListOpenOrdersResponse:
        """Returns open orders and those in flight."""
        self._refuse(request.symbol)
        market = self._market(request.symbol)
        glimpsed, self.glimpsed = self.glimpsed, []
        unresolved = market.venue.unresolved()
        intents = [
            action.client_order_id
            for known in self.requests.values()
            if known.symbol == request.symbol and not known.complete
            for action in known.actions
            if isinstance(action, PlaceOrder)
        ]
        return executor_pb2.ListOpenOrdersResponse(
            orders=[
                *(
                    executor_pb2.VenueOrder(client_order_id=name, ours=True)
                    for name in [*glimpsed, *(order.place.client_order_id for order in market.venue.live())]
                ),
                *market.foreign,
            ],
            in_flight=[executor_pb2.LedgerOrder(client_order_id=name) for name in [*unresolved, *intents]],
            end_offset=len(market.venue.log),
        )

    async def GetOrder(  # noqa: N802
        self, request: executor_pb2.GetOrderRequest, context: Context
    ) -> executor_pb2.LedgerOrder:
        """Returns an order of the book, ended or not."""
        for symbol, market in self.markets.items():
            order = market.venue.orders.get(request.client_order_id)
            if order is not None:
                return executor_pb2.LedgerOrder(client_order_id=request.client_order_id, symbol=symbol)
        raise NotFound(f"client_order_id = {request.client_order_id!r}: the ledger has no such order")

    async def ResolveOrder(  # noqa: N802
        self, request: executor_pb2.ResolveOrderRequest, context: Context
    ) -> executor_pb2.LedgerOrder:
        """Refuses: the test itself resolves UNKNOWN orders."""
        raise FailedPrecondition(
            f"client_order_id = {request.client_order_id!r}: the fake accepts no operator statement"
        )

    async def GetBalances(  # noqa: N802
        self, request: executor_pb2.GetBalancesRequest, context: Context
    ) -> executor_pb2.GetBalancesResponse:
        """Returns nothing: the fake has no balances."""
        return executor_pb2.GetBalancesResponse()

    async def ListFills(  # noqa: N802
        self, request: executor_pb2.ListFillsRequest, context: Context
    ) -> executor_pb2.ListFillsResponse:
        """Returns the log's fills after an offset."""
        log = self._market(request.symbol).venue.log[request.after_offset :]
        fills = [update_to_proto(update) for update in log if isinstance(update.news, Fill)]
        return executor_pb2.ListFillsResponse(fills=fills[: request.limit or 100])

    async def GetMarketRules(  # noqa: N802
        self, request: executor_pb2.GetMarketRulesRequest, context: Context
    ) -> models_pb2.MarketRules:
        """Returns the symbol's rules."""
        self._refuse(request.symbol)
        return rules_to_proto(self._market(request.symbol).venue.market)

    async def GetConditions(  # noqa: N802
        self, request: executor_pb2.GetConditionsRequest, context: Context
    ) -> executor_pb2.Conditions:
        """Returns the symbol's rules, foreign orders and the account's funds as the test has set them."""
        self._refuse(request.symbol)
        market = self._market(request.symbol)
        return executor_pb2.Conditions(
            rules=rules_to_proto(market.venue.market),
            foreign=foreign_to_proto(_foreign(market.foreign)),
            funds=funds_to_proto(market.funds),
            time_ms=self._now_ms(),
        )

    async def ListTroubles(  # noqa: N802
        self, request: models_pb2.ListTroublesRequest, context: Context
    ) -> models_pb2.ListTroublesResponse:
        """Returns none: the fake's venue has no troubles."""
        return models_pb2.ListTroublesResponse()

    def _accept(self, request: executor_pb2.BatchExecuteRequest) -> Request:
        if len(request.actions) > self.most_actions:
            raise InvalidArgument(f"actions has {len(request.actions)} entries: give fewer", reason="MALFORMED")
        market = self._market(request.symbol)
        actions = tuple(action_from_proto(action) for action in request.actions)
        known = self.requests.get(request.request_id)
        if known is None:
            known = Request(len(self.requests) + 1, request.request_id, request.symbol, request.epoch, actions)
            if request.epoch < market.fence:
                known.results = _not_sent(actions)
            self.requests[request.request_id] = known
        elif known.actions != actions:
            raise AlreadyExists(f"request_id = {request.request_id!r} has other actions")
        return known

    async def _send(self, known: Request) -> None:
        if known.complete or known.request_id not in self.requests:  # a ledger that has forgotten it sends nothing
            return
        market = self.markets[known.symbol]
        plan = Plan(
            symbol=known.symbol,
            request_id=known.request_id,
            seq=known.accepted_seq,
            epoch=known.epoch,
            trigger=Ticked(0, None, 0),
            risk=RiskFlags(),
            actions=known.actions,
        )
        known.results = market.venue.answer(plan, [self._wish(action) for action in known.actions])
        market.changes.beat()

    def _wish(self, action: Action) -> Outcome:
        if not isinstance(action, PlaceOrder):
            return Outcome.CANCELLED
        if self._now_ms() > action.not_after_ms + self.clock_offset_ms:
            return Outcome.EXPIRED
        return self.outcomes.pop(0) if self.outcomes else Outcome.ACCEPTED

    def _now_ms(self) -> int:
        return now_ms() + self.skew_ms

    def _refuse(self, symbol: str) -> None:
        if sentence := self.refused.get(symbol):
            raise FailedPrecondition(sentence, reason="SYMBOL_REFUSED")

    def _market(self, symbol: str) -> Market:
        try:
            return self.markets[symbol]
        except KeyError:
            raise InvalidArgument(f"symbol = {symbol!r}: give one of {', '.join(self.markets)}") from None


def _nothing_adopted() -> executor_pb2.AdoptResponse:
    return executor_pb2.AdoptResponse(requests_expire=True)


def _not_sent(actions: Sequence[Action]) -> list[ActionResult]:
    return [
        ActionResult(index, action.client_order_id, Outcome.NOT_SENT, reason="FENCED")
        for index, action in enumerate(actions)
    ]


def _ledger_order(symbol: str, order: ModelOrder) -> executor_pb2.LedgerOrder:
    place = order.place
    return executor_pb2.LedgerOrder(
        client_order_id=place.client_order_id,
        exchange_order_id=place.client_order_id,
        symbol=symbol,
        side=SIDES.to_proto(place.side),
        role=ROLES.to_proto(place.role),
        price=canonical(place.price),
        quantity=canonical(place.quantity),
        executed=canonical(order.executed),
        status=ORDER_STATUSES.to_proto(OrderStatus.UNKNOWN if order.hidden else order.status),
    )


def _foreign(others: Sequence[executor_pb2.VenueOrder]) -> ForeignOrders:
    left = {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}
    for order in others:
        quantity = Decimal(order.quantity) - Decimal(order.executed)
        left[SIDES.from_proto(order.side, "side")] += Decimal(order.price) * quantity
    return ForeignOrders(len(others), left[Side.BUY], left[Side.SELL])


def _batch(known: Request) -> executor_pb2.Batch:
    return executor_pb2.Batch(
        accepted_seq=known.accepted_seq,
        request_id=known.request_id,
        symbol=known.symbol,
        epoch=known.epoch,
        actions=[action_to_proto(action) for action in known.actions],
        results=[result_to_proto(result) for result in known.results],
        complete=known.complete,
    )


async def serve_executor(fake: FakeExecutor, address: str) -> Server:
    """Serves the fake until the server is stopped; its ledger and its book remain."""
    return await start_server(address, [(_DESCRIPTOR, executor_pb2_grpc.add_ExecutorServicer_to_server, fake)])

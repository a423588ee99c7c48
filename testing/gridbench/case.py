"""Benchmark case: a complete grid of which a few orders have ended, and the step that places them again.

This is the typical step of a trading grid, and it can be repeated indefinitely without the grid growing. The core
alone makes it, so that the engine and its baselines process exactly the same plan, results and state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.bookkeeping.settle import settle
from gridcore.decide import decide
from gridcore.model.actions import ActionResult, OrderUpdate, Outcome
from gridcore.model.config import GridConfig, GridMode, RiskConfig
from gridcore.model.events import OrdersUpdated, Plan, PriceChanged
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus, Side
from gridcore.model.state import State

BOT = "bench"
PREFIX = "gwbench"
PRICE = Decimal(100_025)  # between two levels
_ANCHOR = Decimal(100_000)
_INTERVAL = Decimal(50)
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Case:
    """Number of slots of the grid, each with an order, and number of actions of its step."""

    actions: int
    slots: int

    @property
    def symbol(self) -> str:
        """Symbol of the case: each case has its own, so that one orchestrator runs them all."""
        return f"A{self.actions}S{self.slots}/USDT"

    @property
    def grid(self) -> GridConfig:
        """Long grid whose window of buys holds all slots."""
        return GridConfig(
            symbol=self.symbol,
            mode=GridMode.LONG,
            anchor=_ANCHOR,
            interval=_INTERVAL,
            quote_per_slot=Decimal(100),
            buy_window=self.slots,
            retry_after_ms=0,
            risk=RiskConfig(stale_price_ms=_DAY_MS),  # there are no prices, and a step of full portions makes a tick
        )


BY_ACTIONS = (Case(1, 50), Case(10, 50), Case(20, 50))  # a plan opens at most 20 at once
BY_SLOTS = (Case(10, 10), Case(10, 100), Case(10, 1_000))
CASES = BY_ACTIONS + BY_SLOTS


def rules(symbol: str) -> MarketRules:
    """Returns the market rules of a case; without fees, so that a thousand levels fit under one price."""
    step, fee = Decimal("0.00001"), Decimal(0)
    return MarketRules(
        symbol=symbol, base=symbol.partition("/")[0], quote="USDT", tick_size=Decimal("0.01"), lot_size=step,
        min_quantity=step, min_notional=Decimal(5), maker_fee=fee, taker_fee=fee,
    )  # fmt: skip


def first_price(at_ms: int) -> PriceChanged:
    """Returns the trigger that makes a grid place an order in every slot without one, in portions."""
    return PriceChanged(at_ms, PRICE)


def some_ended(case: Case, state: State, at_ms: int) -> OrdersUpdated:
    """Returns the trigger by which the venue ends the orders nearest to the price; the next step places them again."""
    orders = [slot.order for slot in state.slots.values() if slot.order is not None]
    nearest = sorted(orders, key=lambda order: order.price, reverse=True)[: case.actions]
    updates = (
        OrderUpdate(
            symbol=case.symbol,
            offset=state.event_offset + number,
            client_order_id=order.client_order_id,
            exchange_order_id=order.exchange_order_id,
            side=Side.BUY,
            news=OrderStatus.CANCELED,
            venue_time_ms=at_ms,
            recorded_time_ms=at_ms,
        )
        for number, order in enumerate(nearest, start=1)
    )
    return OrdersUpdated(at_ms, PRICE, at_ms, tuple(updates))


@dataclass(frozen=True, slots=True)
class Sample:
    """One such step, for subjects without an engine: the state decided on, the results, the new state."""

    before: State
    plan: Plan
    results: tuple[ActionResult, ...]
    after: State


def sample(case: Case, at_ms: int) -> Sample:
    """Computes the case's step with the core."""
    market = rules(case.symbol)
    empty = State(case.symbol, "0" * 32, case.grid.geometry, epoch=1)
    readiness = empty
    while len(readiness.slots) < case.slots:
        readiness, _, _ = _step(case, readiness, first_price(at_ms), market)
    after, plan, results = _step(case, readiness, some_ended(case, readiness, at_ms), market)
    return Sample(readiness, plan, results, after)


def _step(
    case: Case, state: State, trigger: PriceChanged | OrdersUpdated, market: MarketRules
) -> tuple[State, Plan, tuple[ActionResult, ...]]:
    request_id = f"{BOT}/{case.symbol}/1/{state.seq + 1}"
    plan = decide(state, trigger, market, case.grid, request_id=request_id, epoch=1, prefix=PREFIX)
    results = accepted([action.client_order_id for action in plan.actions], trigger.at_ms)
    return settle(state, plan, results, market), plan, results


def accepted(client_order_ids: Sequence[str], at_ms: int) -> tuple[ActionResult, ...]:
    """Returns the results of an executor whose venue accepts everything."""
    return tuple(
        ActionResult(index, name, Outcome.ACCEPTED, exchange_order_id=str(1_000_000 + index), recorded_time_ms=at_ms)
        for index, name in enumerate(client_order_ids)
    )

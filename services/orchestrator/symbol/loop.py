"""The symbol's event loop: takes events from the queue one by one and runs a step for each. Nothing else writes State.

A price inside the quiet band costs one comparison and is not queued. The exception: a price outside the band still
waits in the queue. The new price then replaces it, and the jump rule must see the replaced one.
"""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from gridcore.decide import decide
from gridcore.grid.portions import is_full
from gridcore.model.actions import OrderUpdate
from gridcore.model.errors import CoreError
from gridcore.model.events import EnterSafeMode, ExitSafeMode, OrdersUpdated, Plan, PriceChanged, Ticked, Trigger
from gridcore.model.state import Mode
from gridcore.quiet_band import quiet_band
from gridcore.risk.rules import fresh
from griddb.errors import LeaseLostError
from gridservice.clock import now_ms, steady_ms
from gridservice.errors import StopError
from orchestrator.clients.pricemon import PriceHeard
from orchestrator.errors import Abandoned, UnfinishableError
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.event_queue import Item, PriceDue, TickDue
from orchestrator.symbol.procedures import ENTER_SAFE_MODE, EXIT_SAFE_MODE, EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.step_timer import StepTimer
from orchestrator.symbol.under_way import ProceduresUnderWay, WorkflowStarter

log = logging.getLogger(__name__)
T = TypeVar("T")


class SymbolLoop:
    """Runs the steps of one symbol."""

    def __init__(self, context: SymbolContext, starter: WorkflowStarter, procedures: ProceduresUnderWay) -> None:
        self._context = context
        self._starter = starter
        self._procedures = procedures
        self._band: tuple[Decimal, Decimal] | None = None

    @property
    def quiet_band(self) -> tuple[Decimal, Decimal] | None:
        """The open price interval that needs no step. Computed after a price or tick whose plan was empty."""
        return self._band

    def hear_price(self, heard: PriceHeard) -> None:
        """Records the price and its age. Queues it if it changed and may need a step."""
        context = self._context
        context.prove_price(heard.age_ms)
        if heard.heartbeat and heard.price == context.price and not context.events.price_waits:
            return
        context.price = heard.price
        context.changes.beat()
        if not context.trading or heard.age_ms > context.config.risk.stale_price_ms:
            return
        if heard.skipped and not all(map(self._is_quiet, heard.skipped)):
            since_ms = now_ms() - heard.skipped_age_ms
            for price in heard.skipped:
                context.events.pass_over(price, since_ms)
        if context.events.price_waits or not self._is_quiet(heard.price):
            context.events.put_price(heard.price, now_ms())

    def _is_quiet(self, price: Decimal) -> bool:
        """Whether the price needs no step. False while a step is in progress: the band after it is not known yet."""
        return not self._context.busy and self._band is not None and self._band[0] < price < self._band[1]

    def begin_trading(self) -> None:
        """Enables prices and ticks as triggers. The price received meanwhile is the first."""
        context = self._context
        context.trading = True
        if context.price is None:
            context.prove_price()  # the stale-price rule counts from the startup
        else:
            context.events.put_price(context.price, now_ms())
        context.changes.beat()

    def stop_trading(self) -> None:
        """Called after `run` was cancelled."""
        self._context.trading = self._context.busy = False

    async def run(self) -> None:
        """Runs steps until cancelled. Reports a StopError to `context.stop`."""
        context = self._context
        try:
            while True:
                item = await context.events.take()
                context.busy, context.busy_since_ms = True, steady_ms()
                await self._handle(item)
                context.busy = False
                context.changes.beat()
        except Abandoned:
            return  # the process stops; the next startup resumes the workflow
        except StopError as error:
            context.stop(error)
        except CoreError as error:
            context.stop(await self._why_stopped(error))

    async def look_aside(self) -> None:
        """Checks the risk rules while a step waits for the executor; a rule that trips starts safe mode at once.

        The rules' memory is not updated here: the tick or price in the queue does that after the step.
        """
        context = self._context
        if not context.waits or context.state.risk.mode in {Mode.ENTERING, Mode.SAFE}:
            return
        at_ms = now_ms()
        triggers: list[Trigger] = [Ticked(at_ms, context.price, context.price_heard_ms(at_ms))]
        if (due := context.events.waiting_price) is not None and fresh(
            context.price_heard_ms(at_ms), at_ms, context.config.risk
        ):
            triggers.append(PriceChanged(at_ms, due.price, due.passed, due.since_ms))
        for trigger in triggers:
            plan = self._decided(trigger, context.next_request_id())
            if isinstance(plan.procedure, EnterSafeMode):
                await self._start_procedure(plan)
                return

    async def _why_stopped(self, error: CoreError) -> StopError:
        """Explains an input that does not fit the state: another orchestrator has taken over, or the data is wrong."""
        context = self._context
        try:
            stored = await self._in_thread(context.committed.stored)
        except StopError as lost:
            return lost
        if stored is not None and stored.seq > context.state.seq:
            return LeaseLostError(
                f"another orchestrator has brought {context.symbol} to step {stored.seq}, and this one is at "
                f"{context.state.seq}: it has taken over; stop one of them"
            )
        return UnfinishableError(
            f"{context.symbol} stopped at step {context.state.seq}: {error}; compare Explain of the last steps "
            "with the venue before starting again"
        )

    async def step(self, trigger: Trigger, request_id: str = "") -> Plan:
        """Decides on the trigger, executes the plan and commits the state. Returns the plan."""
        context = self._context
        timer = StepTimer()
        plan = self._decided(trigger, request_id or context.next_request_id())
        timer.lap("decide")
        if plan.procedure is not None:
            await self._start_procedure(plan)
        elif plan.actions:
            await self._in_thread(lambda: self._starter.run_plan(RunningStep(plan, timer)))
            await self._refuse_if_not_committed(plan)
            if is_full(plan.actions):
                context.events.put_tick()  # the next portion follows, after the order updates that arrived meanwhile
        elif not plan.empty:
            await self._in_thread(lambda: context.committed.commit(RunningStep(plan, timer), context.market))
        if not plan.empty:
            self._band = None  # not computed here: during a series of steps it would not be used
        elif self._band is None:
            self._band = quiet_band(context.state, context.market, context.config)
        return plan

    async def _refuse_if_not_committed(self, plan: Plan) -> None:
        # DBOS returns the recorded result for an id that it knows, without running the workflow.
        context = self._context
        if context.state.seq != plan.seq:
            if await self._in_thread(lambda: context.committed.find(plan.request_id)) is not None:
                raise LeaseLostError(
                    f"another orchestrator has committed step {plan.seq} of {context.symbol}, which this one "
                    "was at: it has taken over; stop one of them"
                )
            raise UnfinishableError(
                f"workflow {plan.request_id} ended without committing step {plan.seq}: state and "
                "workflows do not belong together; restore both from one backup"
            )

    async def _handle(self, item: Item) -> None:
        context = self._context
        at_ms = now_ms()
        match item:
            case PriceDue():
                if fresh(context.price_heard_ms(at_ms), at_ms, context.config.risk):
                    await self.step(PriceChanged(at_ms, item.price, item.passed, item.since_ms))
                else:
                    context.events.put_back(item)
            case TickDue():
                await self.step(Ticked(at_ms, context.price, context.price_heard_ms(at_ms)))
            case tuple():
                await self._apply(item, at_ms)
            case _:
                await item()

    async def _apply(self, updates: tuple[OrderUpdate, ...], at_ms: int) -> None:
        context = self._context
        news = tuple(update for update in updates if update.offset > context.state.event_offset)
        if news:
            await self.step(OrdersUpdated(at_ms, context.price, context.price_heard_ms(at_ms), news))

    def _decided(self, trigger: Trigger, request_id: str) -> Plan:
        context = self._context
        return decide(
            context.state,
            trigger,
            context.market,
            context.config,
            request_id=request_id,
            epoch=context.epoch,
            prefix=context.prefix,
        )

    async def _start_procedure(self, plan: Plan) -> None:
        """Starts the plan's procedure, unless one of its kind is in progress."""
        context = self._context
        name = ENTER_SAFE_MODE if isinstance(plan.procedure, EnterSafeMode) else EXIT_SAFE_MODE
        if await self._procedures.any_runs(name):
            return
        match plan.procedure:
            case EnterSafeMode(rule, reason, clears_itself):
                log.warning("%s enters safe mode: %s", context.symbol, reason)
                await self._procedures.start(
                    EnterSafeModeRequest(
                        f"{plan.request_id}/safe", context.symbol, rule, reason, by="risk", clears_itself=clears_itself
                    )
                )
            case ExitSafeMode(reason):
                since_ms = context.state.risk.since_ms
                await self._procedures.start(
                    ExitSafeModeRequest(f"{plan.request_id}/lift", context.symbol, reason, by="risk", since_ms=since_ms)
                )
            case None:
                pass

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._context.thread, call)

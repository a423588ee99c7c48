"""The engine on DBOS: one team per symbol, their plans and procedures as durable workflows.

Leases first, then DBOS, which begins at once to recover what was running; recovered steps wait until their symbol's
start path has raised the fence and settled what was in flight, and then find that it is. So a restart does not wait for
DBOS's queue, and a workflow that DBOS would not recover is settled all the same.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from gridcore.actions import OrderUpdate
from gridcore.config import GridConfig
from gridcore.state import Mode, State
from gridcore.triggers import OrdersUpdated, Plan
from griddb.errors import DatabaseError
from gridrpc.convert_plan import plan_from_json, plan_json
from gridrpc.crash import crash_point
from gridrpc.faults import Fault
from gridservice.troubles import Troubles
from orchestrator import dbos_runtime, start, stranded, workflows
from orchestrator.batch_client import BatchClient
from orchestrator.bridge import Bridge
from orchestrator.clock import now_ms, now_ns
from orchestrator.config import Settings
from orchestrator.desk import Desk
from orchestrator.errors import BrokenBondError, DatabaseStopError, StopError, UnfinishableError
from orchestrator.executor_client import ExecutorClient
from orchestrator.keeper import Keeper
from orchestrator.price_client import PriceClient, PriceHeard
from orchestrator.rebuilding import rebuild_state
from orchestrator.requests import HaltRequest, LiftRequest
from orchestrator.retelling import Untold, untold
from orchestrator.retention import prune_forever
from orchestrator.steps import TeamSteps
from orchestrator.store import Store
from orchestrator.team import Team, gather
from orchestrator.workflow_database import WorkflowDatabase

log = logging.getLogger(__name__)
Request = TypeVar("Request", HaltRequest, LiftRequest)


class DbosEngine:
    """An Engine and a Launcher. `failure` resolves to the error that the process has to stop with."""

    def __init__(
        self,
        settings: Settings,
        stores: Mapping[str, Store],
        workflow_database: WorkflowDatabase,
        executor: ExecutorClient,
        prices: PriceClient,
        batches: BatchClient,
        bridge: Bridge,
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._workflow_database = workflow_database
        self._executor = executor
        self._prices = prices
        self._batches = batches
        self._bridge = bridge
        self._asyncio = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: asyncio.Future[StopError] = self._asyncio.create_future()
        self.troubles = Troubles(now_ms)
        self.teams: dict[str, Team] = {}
        self._gathered: dict[str, Team] = {}  # the same, before calls are answered: recovered workflows ask for theirs
        self._steps = TeamSteps(self._gathered, self._bridge, self._fail_from_thread)

    async def start(self) -> None:
        """Takes the leases, launches DBOS, opens every symbol. Raises StopError where it must not go on."""
        desks = [await self._open_desk(grid, self._stores[grid.symbol]) for grid in self._settings.grids]
        self._gathered.update({desk.symbol: gather(desk, self, self._batches, self._bridge) for desk in desks})
        workflows.bind(self._steps)
        await asyncio.to_thread(dbos_runtime.launch, self._workflow_database)
        self.teams.update(self._gathered)  # now calls are answered: before, there is no record to put a halt on
        unfinished = await asyncio.to_thread(dbos_runtime.unfinished)
        stranded.refuse_stranded(unfinished, set(self.teams))
        self._spawn(self._follow_prices())
        if self._settings.tick_interval_ms:
            self._spawn(self._tick())
        self._spawn(prune_forever([team.desk for team in self.teams.values()], self._settings.retention_hours))
        for desk in desks:
            await start.check_config(desk)
        opening = [asyncio.create_task(self._open(team, unfinished)) for team in self.teams.values()]
        try:
            await asyncio.gather(*opening)
        finally:
            for task in opening:
                task.cancel()

    async def stop(self) -> None:
        """Abandons running steps to the next start and ends everything."""
        self._bridge.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for team in self.teams.values():
            await asyncio.to_thread(team.desk.thread.shutdown)
        await asyncio.to_thread(dbos_runtime.shut_down)
        workflows.bind(None)

    async def on_price_update(self, heard: PriceHeard) -> None:
        """Gives it to the symbol's loop."""
        team = self.teams.get(heard.symbol)
        if team is not None:
            team.loop.hear_price(heard)

    async def on_order_update(self, update: OrderUpdate) -> None:
        """Gives it to the symbol's inbox."""
        await self.teams[update.symbol].desk.inbox.put_update(update)

    def run_plan(self, plan: Plan) -> None:
        """Blocks until the plan's workflow has committed it."""
        name = "on_order_update" if isinstance(plan.trigger, OrdersUpdated) else "trading_step"
        text = plan_json(plan)
        with self._steps.knowing(text, plan):
            dbos_runtime.run_plan(name, plan.request_id, text)

    def start_halt(self, request: HaltRequest) -> None:
        """Puts enter_safe_mode on record and lets it run."""
        dbos_runtime.start_enter_safe_mode(request.workflow_id, request.to_json())

    def start_lift(self, request: LiftRequest) -> None:
        """Puts exit_safe_mode on record and lets it run."""
        dbos_runtime.start_exit_safe_mode(request.workflow_id, request.to_json())

    def any_unfinished(self, workflow_ids: Iterable[str]) -> bool:
        """Whether one of them will still be run to its end."""
        return dbos_runtime.any_unfinished(workflow_ids)

    def fail(self, error: StopError) -> None:
        """Asks the process to stop; the first reason counts."""
        if not self.failure.done():
            self.failure.set_result(error)

    def _fail_from_thread(self, error: StopError) -> None:
        self._asyncio.call_soon_threadsafe(self.fail, error)

    async def _open_desk(self, grid: GridConfig, store: Store) -> Desk:
        keeper, epoch = await asyncio.to_thread(_open_keeper, grid, store)
        return Desk(
            self._settings.bot,
            grid,
            keeper,
            self._executor,
            epoch=epoch,
            max_update_batch=self._settings.max_update_batch,
            stop=self.fail,
        )

    async def _open(self, team: Team, unfinished: list[dbos_runtime.WorkflowRecord]) -> None:
        try:
            await self._open_by_the_path(team, unfinished)
        except Fault as fault:
            raise UnfinishableError(f"{team.desk.symbol}: the executor refuses to begin: {fault.message}") from fault

    async def _open_by_the_path(self, team: Team, unfinished: list[dbos_runtime.WorkflowRecord]) -> None:
        desk = team.desk
        crash_point("orchestrator.start.leased")
        try:
            end_offset = await start.take_over(desk)
            crash_point("orchestrator.start.fenced")
            plans = await asyncio.to_thread(self._plans_beyond, desk)
            await start.settle_requests(desk, plans, self._batches.execute)
        except BrokenBondError as broken:
            end_offset = await rebuild_state(desk, broken)
        crash_point("orchestrator.start.cleared")
        self._spawn(team.loop.run())
        self._spawn(self._follow_updates(desk))
        await self._resume_procedures(desk, unfinished)
        desk.ready.set()
        await start.drain(desk, end_offset)
        crash_point("orchestrator.start.drained")
        await start.agree_with_venue(desk, self._settings.reconcile_timeout_ms / 1000)
        crash_point("orchestrator.start.agreed")
        await team.conditions.look()
        team.loop.begin_trading()
        self._spawn(team.conditions.watch(self._settings.foreign_interval_ms / 1000))
        log.info("%s trades at step %d under epoch %d", desk.symbol, desk.state.seq, desk.epoch)

    def _plans_beyond(self, desk: Desk) -> list[Plan | Untold]:
        records = dbos_runtime.newest_first(id_prefix=f"{desk.bot}/{desk.symbol}/")
        return start.plans_beyond(desk.keeper, filter(None, (_step_of(record, desk) for record in records)))

    async def _resume_procedures(self, desk: Desk, unfinished: list[dbos_runtime.WorkflowRecord]) -> None:
        """Notes what DBOS goes on with, and puts on record anew what it leaves; the rest of that is settled by now."""
        own = [record for record in unfinished if record.symbol == desk.symbol]
        for record in own:
            if record.name == dbos_runtime.HALT:
                desk.halts.add(await self._go_on(record, stranded.inherited_halt, self.start_halt))
            if record.name == dbos_runtime.LIFT:
                desk.lifts.add(await self._go_on(record, stranded.inherited_lift, self.start_lift))
        left = [record.workflow_id for record in own if not stranded.is_resumed(record)]
        if left:
            await asyncio.to_thread(dbos_runtime.cancel, left)
            log.warning("%s: finished for an earlier version, or taken over from it: %s", desk.symbol, ", ".join(left))
        if desk.state.risk.mode is Mode.ENTERING and not desk.halts:
            risk = desk.state.risk
            again = HaltRequest(
                f"{desk.next_request_id()}/safe", desk.symbol, risk.rule, risk.reason, risk.by, risk.clears_itself
            )
            desk.halts.add(again.workflow_id)
            await asyncio.to_thread(self.start_halt, again)

    async def _go_on(
        self,
        record: dbos_runtime.WorkflowRecord,
        inherited: Callable[[dbos_runtime.WorkflowRecord], Request],
        begin: Callable[[Request], None],
    ) -> str:
        """The id of the workflow that carries out what this one is about; it runs, or DBOS resumes it."""
        if stranded.is_resumed(record):
            return record.workflow_id
        request = inherited(record)
        await asyncio.to_thread(begin, request)
        return request.workflow_id

    async def _follow_prices(self) -> None:
        limits = [grid.risk.stale_price_ms for grid in self._settings.grids]
        heartbeat_ms = max(100, min(1_000, min(limits) // 3))
        async for heard in self._prices.prices([grid.symbol for grid in self._settings.grids], heartbeat_ms):
            await self.on_price_update(heard)

    async def _follow_updates(self, desk: Desk) -> None:
        async for update in self._executor.order_updates(desk.symbol, desk.state.event_offset, epoch=desk.epoch):
            await self.on_order_update(update)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.tick_interval_ms / 1000)
            for team in self.teams.values():
                if team.desk.trading:
                    team.desk.inbox.put_tick()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        log.warning("a task failed", exc_info=error)
        if isinstance(error, DatabaseError):
            error = DatabaseStopError(error)
        self.fail(error if isinstance(error, StopError) else StopError(f"stopped by {error!r}: start again"))


def _open_keeper(grid: GridConfig, store: Store) -> tuple[Keeper, int]:
    """The state, made where there is none, and the epoch under which it is held from now on."""
    epoch = store.take_lease()
    state = store.load_state()
    if state is None:
        state = State(grid.symbol, uuid.uuid4().hex, grid.geometry, epoch=epoch, last_update_time=now_ns())
        store.save_state(state)
    return Keeper(store, state), epoch


def _step_of(record: dbos_runtime.WorkflowRecord, desk: Desk) -> Plan | Untold | None:
    """The plan on record, or what its id says where its contract is none that this version reads; None for no step."""
    if not stranded.is_readable(record):
        return untold(record.workflow_id, desk.bot, desk.symbol)
    return plan_from_json(record.argument) if record.name in dbos_runtime.STEP_WORKFLOWS else None

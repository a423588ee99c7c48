"""Asserts the promises in a world of steps after every action, and once more when it is at rest."""

from collections import Counter

from gridcore.bookkeeping.reconcile import reconcile
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role
from gridcore.model.state import Mode
from gridrpc.convert_plan import plan_from_json
from gridtesting.grids import MARKET
from gridtesting.steps.world import StepWorld, order_name


class StepPromises:
    """P1 to P5 and P7. Records which orders a committed state has held."""

    def __init__(self, world: StepWorld) -> None:
        self._world = world
        self._seen: set[str] = set()

    def hold(self) -> None:
        """Checks at any moment, as far as the state has applied the log. Raises AssertionError."""
        log = self._world.log()
        self._no_duplicate()
        self._no_orphan(log)
        self._no_lost_fill(log)
        self._no_guess(log)
        self._a_halt_lasts()
        assert not self._world.venue.sent_below, "P7: what is below the fence is sent no more"

    def hold_at_rest(self) -> None:
        """Checks that state, journal, venue and account agree to the last fill. Raises AssertionError."""
        world, state = self._world, self._world.present.state
        snapshot = world.run(world.present.context.executor.open_orders(MARKET.symbol)).snapshot
        assert reconcile(state, snapshot).none
        self.hold()
        traded = sum((t.side.sign * t.fill.quantity - t.fill.fee for t in world.venue.trades), ZERO)
        assert state.totals.position == traded, "P3: what the venue's account shows"
        rows = world.present.store.last_steps(1_000)
        assert [row.plan.seq for row in rows] == list(range(state.seq, 0, -1)), "each step once"

    def at_rest(self) -> bool:
        """Whether everything is logged and applied, and every live order is in the state."""
        told = self._world.present.state.event_offset == len(self._world.log())
        return told and self._world.held() == {order.client_order_id for order in self._world.live()}

    def _no_duplicate(self) -> None:
        names = [order.client_order_id for order in self._world.venue.orders.values()]
        assert len(names) == len(set(names)), "P1: an action has one effect"
        levels = Counter(order_name(order).level for order in self._world.live())
        assert all(count == 1 for count in levels.values()), "P1: a slot has at most one order that has not ended"

    def _no_orphan(self, log: list[OrderUpdate]) -> None:
        held = self._world.held()
        plans = [plan_from_json(text) for text in self._world.records]
        beyond = [plan for plan in plans if plan.seq > self._world.present.state.seq]
        in_flight = {action.client_order_id for plan in beyond for action in plan.actions}
        assert {order.client_order_id for order in self._world.live()} <= held | in_flight, "P2: nothing lives unknown"
        self._seen |= held
        ended = {one.client_order_id for one in log if isinstance(one.news, OrderStatus) and one.news.ended}
        assert self._seen - held <= ended, "P4: an order leaves the state by its recorded end"

    def _no_lost_fill(self, log: list[OrderUpdate]) -> None:
        state = self._world.present.state
        applied = [one for one in log if one.offset <= state.event_offset]
        fills = [(one.side.sign, one.news) for one in applied if isinstance(one.news, Fill)]
        assert state.totals.fills == len(fills), "P3: each fill once"
        assert state.totals.position == sum((sign * fill.quantity - fill.fee for sign, fill in fills), ZERO)

    def _no_guess(self, log: list[OrderUpdate]) -> None:
        denied = {one.client_order_id for one in log if one.news is OrderStatus.NOT_PLACED}
        on_venue = {order.client_order_id for order in self._world.venue.orders.values()}
        assert not denied & on_venue, "P4: what is called never placed is not there and does not come"

    def _a_halt_lasts(self) -> None:
        if self._world.present.state.risk.mode is Mode.SAFE:
            openings = [order for order in self._world.live() if order_name(order).role is Role.OPENING]
            assert not openings, "P5: none in safe mode"

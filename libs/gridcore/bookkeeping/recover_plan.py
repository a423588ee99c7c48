"""Reconstructs, from the ledger, a recorded plan that this version of the code cannot parse.

The ledger has the plan's actions and their outcomes. New slots follow from the levels in the client order ids, order
updates from the update log. The price that the plan acted on is lost, and with it what the plan added to the risk
memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.bookkeeping.stray_fills import slots_to_restore
from gridcore.grid.ladder import ladder
from gridcore.model.actions import Action, OrderUpdate, PlaceOrder
from gridcore.model.config import GridConfig
from gridcore.model.errors import CoreError
from gridcore.model.events import OrdersUpdated, Plan, Ticked
from gridcore.model.ids import parse_client_order_id
from gridcore.model.market_rules import MarketRules
from gridcore.model.slots import InventorySlot
from gridcore.model.state import State


def recover_plan(
    state: State,
    actions: Sequence[Action],
    log: Sequence[OrderUpdate],
    market: MarketRules,
    config: GridConfig,
    *,
    request_id: str,
    epoch: int,
    at_ms: int,
) -> Plan:
    """Returns the plan that follows the state, from a request's actions and the update log beyond the state.

    The plan applies the log up to the first entry about an order that it places itself. The original step was decided
    on some part of these entries; the others concern other slots. Raises CoreError if an order's slot is in neither
    state nor grid.
    """
    own = {action.client_order_id for action in actions if isinstance(action, PlaceOrder)}
    updates = tuple(takewhile(lambda update: update.client_order_id not in own, log))
    revived = slots_to_restore(state, updates, ladder(config, market))
    before = replace(state, slots={**state.slots, **{slot.key: slot for slot in revived}})
    return Plan(
        symbol=state.symbol,
        request_id=request_id,
        seq=state.seq + 1,
        epoch=epoch,
        trigger=OrdersUpdated(at_ms, None, 0, updates) if updates else Ticked(at_ms, None, 0),
        risk=apply_updates(before, updates, market).risk,
        actions=tuple(actions),
        new_slots=(*revived, *_new_slots(before, actions, market, config)),
        retry_at_ms=at_ms + config.retry_after_ms,
        changes=True,
    )


def _new_slots(
    state: State, actions: Sequence[Action], market: MarketRules, config: GridConfig
) -> Iterator[InventorySlot]:
    grid_levels = ladder(config, market)
    for action in actions:
        if action.slot in state.slots:
            continue
        name = parse_client_order_id(action.client_order_id)
        slot = None if name is None else grid_levels.slot(name.level)
        if slot is None or slot.key != action.slot:
            raise CoreError(f"order {action.client_order_id} is of slot {action.slot}, which this grid does not have")
        yield slot

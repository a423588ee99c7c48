"""Rebuilds a state from update log, live orders and client order ids, after the state or the ledger was lost.

The log may be the one that the state has followed, or one recreated from the venue's trades. Offsets therefore do not
say what the state has applied. Its orders and its step do:

- of an order that the state holds, it has applied the `executed` quantity;
- of any other order that a step up to the state's own step placed, it has applied everything.

Steps are ordered by epoch, then by seq. A rebuilt state continues under an epoch above all earlier ones, so its seq may
start again.

If the beginning of the log was pruned, there is a checkpoint: an earlier state of the same grid, followed by the rest
of the log. A state older than the checkpoint continues from the checkpoint. For a newer state, fills that the
checkpoint had applied are not expected in the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.grid.ladder import ladder
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.config import GridConfig
from gridcore.model.errors import CoreError
from gridcore.model.ids import OrderName, parse_client_order_id
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO, canonical
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import InventorySlot, PositionStatus, SlotOrder
from gridcore.model.state import State

# Fees in base alone cannot make a closing order's fills exceed the slot's position by this factor.
_TOO_MUCH = Decimal("1.01")


class RebuildRefusedError(CoreError):
    """The input contradicts itself or the config. The message says what to do."""


@dataclass(frozen=True, slots=True)
class RebuildInput:
    """A consistent snapshot of a ledger for one symbol: the update log, and the orders without a recorded end.

    `log` is complete, or begins after the checkpoint's `event_offset`.
    """

    log: Sequence[OrderUpdate]
    live: Sequence[SlotOrder]
    checkpoint: State | None = None

    @property
    def end_offset(self) -> int:
        """The offset of the log's last entry."""
        return (0 if self.checkpoint is None else self.checkpoint.event_offset) + len(self.log)

    @property
    def highest_epoch(self) -> int:
        """The highest epoch in any client order id, at least the checkpoint's."""
        names = [update.client_order_id for update in self.log] + [order.client_order_id for order in self.live]
        least = 0 if self.checkpoint is None else self.checkpoint.epoch
        return max((name.epoch for name in map(parse_client_order_id, names) if name is not None), default=least)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A state whose slots, totals and offset were rebuilt; all other fields are unchanged.

    `lost` has one sentence for each thing that could not be rebuilt.
    """

    state: State
    lost: tuple[str, ...]


def rebuild(state: State, evidence: RebuildInput, config: GridConfig, market: MarketRules) -> Rebuilt:
    """Returns the state after everything in `evidence`. The given state may have applied any part of it, or none.

    Raises RebuildRefusedError if orders do not belong to this config's grid or two live orders share a slot, and
    LogMismatchError if the log breaks its contract.
    """
    checkpoint = evidence.checkpoint
    if checkpoint is None or (checkpoint.epoch, checkpoint.seq) <= _step(state):
        work = _Rebuilding(state, config, market, _step(state), _executed(state, checkpoint))
    else:
        work = _Rebuilding(_taken_up(state, checkpoint, config), config, market, _NO_STEP, {})
    for update in evidence.log:
        work.take(update)
    return Rebuilt(work.finish(evidence.live, evidence.end_offset), tuple(work.lost))


_NO_STEP = (0, 0)


def _step(state: State) -> tuple[int, int]:
    return (state.epoch, state.seq) if state.seq else _NO_STEP  # a state without a step has applied nothing


def _executed(state: State, checkpoint: State | None) -> dict[str, Decimal]:
    """Returns, per order that the state holds, the base quantity applied since the checkpoint."""
    executed = {order.client_order_id: order.executed for order in _orders(state)}
    for order in () if checkpoint is None else _orders(checkpoint):
        if order.client_order_id in executed:
            executed[order.client_order_id] -= order.executed
    return executed


def _orders(state: State) -> list[SlotOrder]:
    return [slot.order for slot in state.slots.values() if slot.order is not None]


def _taken_up(state: State, checkpoint: State, config: GridConfig) -> State:
    """Returns the state with the checkpoint's slots, totals and offset.

    Raises RebuildRefusedError if the checkpoint has orders or positions under another grid geometry.
    """
    slots = checkpoint.slots
    if checkpoint.grid != config.geometry:
        if any(slot.order is not None or slot.position != 0 for slot in slots.values()):
            raise RebuildRefusedError(
                f"the grid of {state.symbol} was {checkpoint.grid} and the config says {config.geometry}, with orders "
                "or positions open: put the config back under which it was traded, or give a new grid another `bot` "
                "name"
            )
        slots = {}
    return replace(state, slots=slots, totals=checkpoint.totals, event_offset=checkpoint.event_offset)


class _Rebuilding:
    """One rebuild in progress.

    `applied`: base quantity already applied per order. `step`: of any other order placed up to this (epoch, seq), all
    fills have been applied.
    """

    def __init__(
        self,
        state: State,
        config: GridConfig,
        market: MarketRules,
        step: tuple[int, int],
        applied: Mapping[str, Decimal],
    ) -> None:
        self.lost: list[str] = []
        self._state = state
        self._before = state
        self._market = market
        self._config = config
        self._ladder = ladder(config, market)
        self._step = step
        self._applied = dict(applied)  # reduced as the log's fills are skipped

    def take(self, update: OrderUpdate) -> None:
        name = self._name(update.client_order_id)
        if isinstance(update.news, Fill):
            if self._has_applied(name, update.client_order_id, update.news):
                return
            slot = self._seat(name, _unsent(name, update))
            self._check_opening_price(name, slot, update)
            clipped = self._clipped(name, slot, update.news)
            if clipped is None:
                return
            update = replace(update, news=clipped)
        elif not self._is_seated(update.client_order_id):
            return  # it ended without a fill, or was applied earlier
        self._state = apply_updates(replace(self._state, event_offset=update.offset - 1), (update,), self._market)

    def finish(self, live: Iterable[SlotOrder], end_offset: int) -> State:
        """Makes exactly these orders live and removes slots that hold nothing."""
        stays = self._living(live)
        for order in stays.values():
            self._seat(self._name(order.client_order_id), order)
        slots: dict[str, InventorySlot] = {}
        for key, slot in self._state.slots.items():
            moved = replace(slot, order=self._as_it_is(slot, stays))
            if moved.order or moved.position_status is not PositionStatus.EMPTY or key in self._before.slots:
                slots[key] = moved
        return replace(self._state, slots=slots, event_offset=end_offset, grid=self._config.geometry)

    def _living(self, live: Iterable[SlotOrder]) -> dict[str, SlotOrder]:
        found: dict[int, SlotOrder] = {}
        for order in live:
            name = self._name(order.client_order_id)
            other = found.setdefault(name.level, order)
            if other is not order:
                raise RebuildRefusedError(
                    f"{other.client_order_id} and {order.client_order_id} both live in slot {name.level} of "
                    f"{self._state.symbol}: cancel one of them manually, and start again"
                )
            if name.role is Role.OPENING and order.price != self._slot_of_side(name, order.side).price:
                raise self._other_grid(order.client_order_id, order.price)
        return {order.client_order_id: order for order in found.values()}

    @staticmethod
    def _as_it_is(slot: InventorySlot, stays: dict[str, SlotOrder]) -> SlotOrder | None:
        if slot.order is None or slot.order.client_order_id not in stays:
            return None
        order = stays[slot.order.client_order_id]
        if slot.order.status is OrderStatus.CANCELING and order.status is OrderStatus.OPEN:
            return replace(order, status=OrderStatus.CANCELING)  # the venue took the cancel; the recorded end follows
        return order

    def _has_applied(self, name: OrderName, client_order_id: str, fill: Fill) -> bool:
        """Reports whether the initial state has applied this fill. Of each order it has applied the earliest fills."""
        left = self._applied.get(client_order_id)
        if left is None:
            return (name.epoch, name.seq) <= self._step
        if fill.quantity > left > 0:
            raise RebuildRefusedError(
                f"the state counts a part of trade {fill.trade_id} of {client_order_id} as applied: it cannot be told "
                "which trades it has; remove the state too, and start again: it is then rebuilt from the ledger alone"
            )
        self._applied[client_order_id] = max(ZERO, left - fill.quantity)
        return left > 0

    def _is_seated(self, client_order_id: str) -> bool:
        orders = (slot.order for slot in self._state.slots.values())
        return any(order is not None and order.client_order_id == client_order_id for order in orders)

    def _seat(self, name: OrderName, order: SlotOrder) -> InventorySlot:
        """Returns the order's slot, with the order in it.

        Another order that the slot had has ended, even if the log does not say how.
        """
        empty = self._slot_of_side(name, order.side)
        slot = self._state.slots.get(empty.key, empty)
        if slot.order is None or slot.order.client_order_id != order.client_order_id:
            slot = replace(slot, order=order, retry_after_ms=0)
            self._state = replace(self._state, slots={**self._state.slots, slot.key: slot})
        return slot

    def _slot_of_side(self, name: OrderName, side: Side) -> InventorySlot:
        """Returns the empty slot at the level of the client order id, a retiring one if the config wants none there."""
        opening_side = side if name.role is Role.OPENING else side.opposite
        wanted = self._ladder.slot(name.level)
        if wanted is not None:
            if wanted.opening_side is not opening_side:
                raise self._other_grid(f"an order of level {name.level}", wanted.price)
            return wanted
        price, closing = self._ladder.price(name.level), self._ladder.price(name.level + opening_side.sign)
        return InventorySlot(price, name.level, opening_side, closing, retiring=True)

    def _check_opening_price(self, name: OrderName, slot: InventorySlot, update: OrderUpdate) -> None:
        if name.role is Role.OPENING and isinstance(update.news, Fill):
            worse = (update.news.price - slot.price) * slot.opening_side.sign
            if worse > 0:
                raise self._other_grid(update.client_order_id, update.news.price)

    def _clipped(self, name: OrderName, slot: InventorySlot, fill: Fill) -> Fill | None:
        """Returns the part of a closing fill that closes a known position, or None if there is none.

        The rest was opened before the log begins, and is reported in `lost`.
        """
        held = max(ZERO, slot.position * slot.opening_side.sign)
        if name.role is Role.OPENING or fill.quantity <= held * _TOO_MUCH:
            return fill
        unknown = canonical(fill.quantity - held)
        self.lost.append(f"trade {fill.trade_id} closed {unknown} in slot {slot.key} that no known trade has opened")
        if held == 0:
            return None
        return replace(fill, quantity=held, fee=fill.fee * held / fill.quantity)

    def _name(self, client_order_id: str) -> OrderName:
        name = parse_client_order_id(client_order_id)
        if name is None:
            raise RebuildRefusedError(
                f"{client_order_id} of {self._state.symbol} is no name of ours: nothing is rebuilt"
            )
        return name

    def _other_grid(self, what: str, price: Decimal) -> RebuildRefusedError:
        return RebuildRefusedError(
            f"{what} at {canonical(price)} is not of the grid {self._config.geometry}: put the config back under which "
            f"{self._state.symbol} was traded, or give a new grid another `bot` name"
        )


def _unsent(name: OrderName, update: OrderUpdate) -> SlotOrder:
    """Returns the order of an update as it was before any fill. Its price and quantity are not used and stay 0."""
    return SlotOrder(
        client_order_id=update.client_order_id,
        exchange_order_id=update.exchange_order_id,
        role=name.role,
        side=update.side,
        price=ZERO,
        quantity=ZERO,
        executed=ZERO,
        status=OrderStatus.UNKNOWN,
    )

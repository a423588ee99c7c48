"""Looks up UNKNOWN orders until evidence resolves them. Never sends; results are reported in the update log."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

import sqlalchemy as sa

from executor.ledger import orders, transitions, updates
from executor.ledger.opening import Ledger
from executor.ledger.requests import LedgerAction
from executor.readiness import Readiness
from executor.resolution.lookup import Absence, LookUp, Mismatch
from executor.updates.recorder import Recorder
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, Venue, VenueOrder
from executor.venue.reader import Reader
from gridcore.model.actions import PlaceOrder
from gridservice.backoff import backoff_seconds
from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import around
from gridservice.tasks import cancel_and_wait

_log = logging.getLogger(__name__)

_SLOWEST = 8  # the back-off grows to this many times the first pause
_SLOWEST_WITHOUT_PROOF = 40  # the same where absence never proves anything: it may continue for days


class Resolver:
    """Runs one task per UNKNOWN place order."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        look_up: LookUp,
        recorder: Recorder,
        clock: VenueClock,
        changes: Mapping[str, ChangeSignal],
        readiness: Readiness,
        first_pause_ms: int,
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._look_up = look_up
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._readiness = readiness
        self._first_pause_seconds = first_pause_ms / 1000
        self._tasks: dict[tuple[str, int, int], asyncio.Task[None]] = {}

    def watch(self, symbol: str, action: LedgerAction) -> None:
        """Starts looking the order up in the background until there is evidence. Idempotent per action."""
        key = (symbol, action.accepted_seq, action.index)
        if key not in self._tasks:
            task = asyncio.create_task(self._until_resolved(symbol, action))
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key, None))

    def watched(self) -> list[str]:
        """Returns the symbol of each order that is being looked up; callable from any thread."""
        return [symbol for symbol, *_ in list(self._tasks)]

    async def close(self) -> None:
        """Stops the tasks; the next startup resumes them."""
        await cancel_and_wait(self._tasks.values())

    async def _until_resolved(self, symbol: str, action: LedgerAction) -> None:
        proves = self._look_up.conclusive_at_ms(action.signed) is not None
        slowest = _SLOWEST if proves else _SLOWEST_WITHOUT_PROOF
        for pause in backoff_seconds(self._first_pause_seconds, self._first_pause_seconds * slowest):
            try:
                if await self.resolve_once(symbol, action):
                    _log.info("order %s is resolved", action.action.client_order_id)
                    return
            except ReadFailedError as error:
                _log.info("order %s stays UNKNOWN: %s", action.action.client_order_id, error)
            except Exception:  # noqa: BLE001  # the ledger comes back; ending the task would lose the order
                _log.exception("order %s stays UNKNOWN", action.action.client_order_id)
            await asyncio.sleep(self._shortened(action, pause))

    def _shortened(self, action: LedgerAction, pause: float) -> float:
        """Returns the back-off, shortened to the moment when absence becomes evidence."""
        conclusive_at = self._look_up.conclusive_at_ms(action.signed)
        if conclusive_at is None:
            return pause
        left = (conclusive_at + 1 - self._clock.venue_ms()) / 1000
        return min(pause, left) if left > 0 else pause

    async def resolve_once(self, symbol: str, action: LedgerAction) -> bool:
        """Looks the order up once. Returns whether the action is resolved."""
        place = action.action
        assert isinstance(place, PlaceOrder)
        record = await self._ledger.writer.run(orders.by_client_id, place.client_order_id)
        assert record is not None
        if record.ended:
            await self._close(action)
            return True
        if record.exchange_order_id:  # a trade or the stream has proved the placement meanwhile
            seen = await self._reader.read(partial(self._venue.order_by_id, symbol, record.exchange_order_id))
            # An exchange id counts only together with our client id.
            ours = seen is not None and seen.client_order_id == place.client_order_id
            return ours and await self._found(action, seen)  # type: ignore[arg-type]  # it is one where it is ours
        finding = await self._look_up.find(symbol, place, action.signed)
        match finding:
            case VenueOrder():
                return await self._found(action, finding)
            case Absence.CONCLUSIVE:
                with around("executor.absent"):
                    await self._ledger.writer.run(_resolve_absent, action, self._clock.local_ms())
                self._changes[symbol].beat()
                return True
            case Absence.OPEN | Absence.UNANSWERED:
                return False
            case Mismatch(order):
                self._readiness.stop_for_unexplained_order(
                    f"order {order.exchange_order_id} bears our id {place.client_order_id}, but is another order"
                )
                return False

    async def _found(self, action: LedgerAction, seen: VenueOrder) -> bool:
        if seen.status.ended:
            if not await self._recorder.order(seen):
                return False
            await self._close(action)
            return True
        with around("executor.found"):
            resolved = await self._ledger.writer.run(_resolve_open, action, seen, self._clock.local_ms())
        if not resolved:  # an operator statement came first, and the venue may contradict it
            await self._recorder.order(seen)
        self._changes[seen.symbol].beat()
        return True

    async def _close(self, action: LedgerAction) -> None:
        with around("executor.resolve"):
            await self._ledger.writer.run(transitions.resolve, action)


def _resolve_open(connection: sa.Connection, action: LedgerAction, seen: VenueOrder, now_ms: int) -> bool:
    resolved = transitions.resolve(connection, action)
    if resolved:
        updates.append_found_open(connection, seen.client_order_id, seen, now_ms)
    return resolved


def _resolve_absent(connection: sa.Connection, action: LedgerAction, now_ms: int) -> None:
    if transitions.resolve(connection, action):
        updates.append_not_placed(connection, action.action.client_order_id, now_ms)

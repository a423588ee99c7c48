"""One action on the wire: committed as SENDING with its timestamp, sent once, its outcome committed before it is told.

After doubt it looks and never sends again; what stays open is answered UNKNOWN and handed to the resolver.
"""

import logging

from executor import answers
from executor.bucket import BlockedError, Priority, Throttle
from executor.canceller import Canceller
from executor.clock import VenueClock
from executor.flight import Flight
from executor.ledger import moves
from executor.ledger.life import ActionStatus
from executor.ledger.requests import LedgerAction
from executor.ledger.store import Ledger
from executor.placer import Placer
from executor.resolver import Resolver
from executor.verdict import Verdict
from gridcore.actions import ActionResult, CancelOrder, Outcome, PlaceOrder
from gridrpc.crash import around

_log = logging.getLogger(__name__)


class Sender:
    """Takes an action from where the ledger has it to its answer."""

    def __init__(
        self,
        ledger: Ledger,
        clock: VenueClock,
        throttle: Throttle,
        flight: Flight,
        placer: Placer,
        canceller: Canceller,
        resolver: Resolver,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._throttle = throttle
        self._flight = flight
        self._placer = placer
        self._canceller = canceller
        self._resolver = resolver

    async def carry_out(self, symbol: str, epoch: int, action: LedgerAction) -> ActionResult:
        """The answer: the recorded one, or what sending (INTENT) or looking (SENDING, left by a crash) brings."""
        if action.result is not None:
            return action.result
        known = await self._canceller.known_end(action)
        if known is not None:
            return await self._record(symbol, action, known)
        if action.status is ActionStatus.INTENT:
            blocked = await self._await_turn(action)
            if blocked is not None:
                return blocked
        async with self._flight.sending(symbol, epoch):
            if action.status is ActionStatus.SENDING:
                return await self.recover(symbol, action)
            with around("executor.sending"):
                begun = await self._ledger.writer.run(
                    answers.begin_sending, symbol, epoch, action, self._placer.signed_now(), self._clock.local_ms()
                )
            if begun.result is not None:
                return begun.result
            return await self._record(symbol, begun, await self._send(symbol, begun))

    async def recover(self, symbol: str, action: LedgerAction) -> ActionResult:
        """The answer of an action that was in flight when the process died: looked up, never sent again."""
        return await self._record(symbol, action, await self._look(symbol, action))

    async def _await_turn(self, action: LedgerAction) -> ActionResult | None:
        """None once the account's budget has room; the answer NOT_SENT where the venue wants silence for too long."""
        priority = Priority.CANCEL if isinstance(action.action, CancelOrder) else Priority.PLACE
        try:
            await self._throttle.acquire(priority)
        except BlockedError as error:
            with around("executor.withdraw"):
                withdrawn = await self._ledger.writer.run(
                    moves.withdraw, action, Outcome.NOT_SENT, "RATE_LIMITED", str(error), self._clock.local_ms()
                )
            return withdrawn.result
        return None

    async def _send(self, symbol: str, action: LedgerAction) -> Verdict:
        match action.action:
            case PlaceOrder() as place:
                return await self._placer.place(symbol, place, action.signed)
            case CancelOrder() as cancel:
                return await self._canceller.cancel(symbol, cancel, action.timestamp_ms)

    async def _look(self, symbol: str, action: LedgerAction) -> Verdict:
        match action.action:
            case PlaceOrder() as place:
                return await self._placer.look(symbol, place, action.signed)
            case CancelOrder() as cancel:
                return await self._canceller.look(symbol, cancel)

    async def _record(self, symbol: str, action: LedgerAction, verdict: Verdict) -> ActionResult:
        result = ActionResult(
            index=action.index,
            client_order_id=action.action.client_order_id,
            outcome=verdict.outcome,
            exchange_order_id=verdict.exchange_order_id,
            reason=verdict.reason,
            message=verdict.message,
            recorded_time_ms=self._clock.local_ms(),
        )
        with around("executor.answer"):
            recorded = await self._ledger.writer.run(answers.give, action, result)
        if recorded.status is ActionStatus.UNKNOWN:
            _log.warning("order %s is UNKNOWN: %s", result.client_order_id, result.message)
            self._resolver.watch(symbol, recorded)
        assert recorded.result is not None
        return recorded.result

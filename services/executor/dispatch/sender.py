"""Sends one action at most once and records its outcome before it is reported.

The action is committed as SENDING with its timestamp, then sent once. After doubt it is looked up and never sent again.
If it stays in doubt, the outcome is UNKNOWN and the resolver takes it over. The package docstring describes the whole
sequence.
"""

import logging

from executor.dispatch.canceller import Canceller
from executor.dispatch.in_flight import InFlight
from executor.dispatch.placer import Placer
from executor.dispatch.send_outcome import SendOutcome
from executor.ledger import outcomes, transitions
from executor.ledger.action_status import ActionStatus
from executor.ledger.opening import Ledger
from executor.ledger.requests import LedgerAction
from executor.resolution.resolver import Resolver
from executor.venue.clock import VenueClock
from executor.venue.limits.rate_limit import Need, Priority, Reason
from executor.venue.limits.throttle import BlockedError, Throttle, Ticket
from gridcore.model.actions import Action, ActionResult, CancelOrder, Outcome, PlaceOrder
from gridcore.model.orders import Role
from gridservice.crash_point import around

_log = logging.getLogger(__name__)


def need_of(action: Action) -> Need:
    """Returns what the action takes from the budgets, and its priority."""
    if isinstance(action, CancelOrder):
        return Need(Priority.CANCEL)
    return Need(Priority.CLOSING if action.role is Role.CLOSING else Priority.OPENING, orders=1)


class Sender:
    """Takes an action from its recorded state to its result."""

    def __init__(
        self,
        ledger: Ledger,
        clock: VenueClock,
        throttle: Throttle,
        flight: InFlight,
        placer: Placer,
        canceller: Canceller,
        resolver: Resolver,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._throttle = throttle
        self._in_flight = flight
        self._placer = placer
        self._canceller = canceller
        self._resolver = resolver

    async def carry_out(
        self, symbol: str, epoch: int, action: LedgerAction, patience_ms: int | None = None
    ) -> ActionResult:
        """Returns the recorded result, sends an action in INTENT, or looks up one left in SENDING by a crash.

        An action that gets no room in the budgets within `patience_ms` (default: that of its class) ends as NOT_SENT.
        """
        if action.result is not None:
            return action.result
        known = await self._canceller.known_end(action)
        if known is not None:
            return await self._record(symbol, action, known)
        if action.status is ActionStatus.SENDING:
            async with self._in_flight.sending(symbol, epoch):
                return await self.recover(symbol, action)
        turn = await self._await_turn(symbol, action, patience_ms)
        if not isinstance(turn, Ticket):
            return turn
        try:
            async with self._in_flight.sending(symbol, epoch):
                return await self._carry_out_now(symbol, epoch, action, turn)
        finally:
            turn.settle()

    async def recover(self, symbol: str, action: LedgerAction) -> ActionResult:
        """Looks up an action that was in flight when the process crashed; never sends it again."""
        return await self._record(symbol, action, await self._look(symbol, action))

    async def _carry_out_now(self, symbol: str, epoch: int, action: LedgerAction, ticket: Ticket) -> ActionResult:
        with around("executor.sending"):
            begun = await self._ledger.writer.run(
                outcomes.mark_sending, symbol, epoch, action, self._placer.signed_now(), self._clock.local_ms()
            )
        if begun.result is not None:
            ticket.settle(sent=False)
            return begun.result
        return await self._record(symbol, begun, await self._send(symbol, begun))

    async def _await_turn(self, symbol: str, action: LedgerAction, patience_ms: int | None) -> Ticket | ActionResult:
        """Waits for a ticket. Returns the result NOT_SENT if the budgets have no room within the time limit."""
        try:
            return await self._throttle.acquire(need_of(action.action), symbol=symbol, patience_ms=patience_ms)
        except BlockedError as error:
            reason = Reason.ORDER_LIMIT if error.reason is Reason.ORDER_LIMIT else Reason.RATE_LIMITED
            with around("executor.withdraw"):
                withdrawn = await self._ledger.writer.run(
                    transitions.withdraw, action, Outcome.NOT_SENT, reason.value, str(error), self._clock.local_ms()
                )
            assert withdrawn.result is not None
            return withdrawn.result

    async def _send(self, symbol: str, action: LedgerAction) -> SendOutcome:
        match action.action:
            case PlaceOrder() as place:
                return await self._placer.place(symbol, place, action.signed)
            case CancelOrder() as cancel:
                return await self._canceller.cancel(symbol, cancel, action.timestamp_ms)

    async def _look(self, symbol: str, action: LedgerAction) -> SendOutcome:
        match action.action:
            case PlaceOrder() as place:
                return await self._placer.look(symbol, place, action.signed)
            case CancelOrder() as cancel:
                return await self._canceller.look(symbol, cancel)

    async def _record(self, symbol: str, action: LedgerAction, verdict: SendOutcome) -> ActionResult:
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
            recorded = await self._ledger.writer.run(outcomes.record_result, action, result)
        if recorded.status is ActionStatus.UNKNOWN:
            _log.warning("order %s is UNKNOWN: %s", result.client_order_id, result.message)
            self._resolver.watch(symbol, recorded)
        assert recorded.result is not None
        return recorded.result

"""Manual resolution of an UNKNOWN order: checks an operator statement against the venue and records it.

One commit decides. The remaining work, recording the order that a PLACED statement names, belongs to the resolver,
which also does it after a crash.
"""

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Never

from executor.ledger import operator_evidence, orders, requests
from executor.ledger.opening import Ledger
from executor.ledger.operator_evidence import OperatorStatement, StatementKind
from executor.ledger.orders import OrderRecord
from executor.ledger.requests import LedgerAction
from executor.resolution.lookup import Absence, LookUp, Mismatch
from executor.resolution.resolver import Resolver
from executor.updates.forgotten import ForgottenOrders
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, Venue, VenueOrder
from executor.venue.reader import Reader
from gridcore.model.actions import PlaceOrder
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus
from gridrpc.errors import FailedPrecondition, NotFound, Unavailable
from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import around


class OperatorResolution:
    """Accepts operator statements. Never sends."""

    def __init__(
        self,
        ledger: Ledger,
        look_up: LookUp,
        resolver: Resolver,
        clock: VenueClock,
        changes: Mapping[str, ChangeSignal],
        venue: Venue,
        reader: Reader,
        forgotten: ForgottenOrders,
    ) -> None:
        self._run = ledger.writer.run
        self._look_up = look_up
        self._resolver = resolver
        self._clock = clock
        self._changes = changes
        self._venue = venue
        self._reader = reader
        self._forgotten = forgotten

    async def resolve(self, word: OperatorStatement) -> None:
        """Records the statement once, and the order as far as the venue shows it now.

        Raises the errors of `operator_evidence.give`, FailedPrecondition if the evidence contradicts the statement or
        may still arrive, Unavailable if the venue does not answer.
        """
        if not await self._run(operator_evidence.said_before, word):
            match word.evidence:
                case StatementKind.PLACED:
                    await self._check_shown(word, await self._run(operator_evidence.doubted, word))
                case StatementKind.NEVER_PLACED:
                    await self._check_absent(word, await self._run(operator_evidence.doubted, word))
                case StatementKind.GONE:
                    await self._check_gone(word, await self._run(operator_evidence.open_one, word))
            with around("executor.word"):
                await self._run(operator_evidence.give, word, self._clock.local_ms())
        await self._carry_through(word)

    async def _check_shown(self, word: OperatorStatement, action: LedgerAction) -> None:
        """Checks PLACED: only the venue's own order with that exchange id proves it."""
        place, number = _place(action), word.exchange_order_id
        try:
            finding = await self._look_up.find_by_id(word.symbol, place, action.signed, number)
        except ReadFailedError as error:
            raise _unanswered(word, str(error)) from error
        if finding is None:
            raise FailedPrecondition(
                f"exchange_order_id = {number!r}: the venue shows no such order of {word.symbol}; give the id from its "
                "page of orders",
                reason="NOT_SHOWN",
            )
        if isinstance(finding, Mismatch):
            raise FailedPrecondition(
                f"exchange_order_id = {number!r} is another order: {finding.differences}", reason="DOES_NOT_FIT"
            )

    async def _check_absent(self, word: OperatorStatement, action: LedgerAction) -> None:
        """Checks NEVER_PLACED.

        While the order may still arrive or appear, its absence proves nothing: an operator sees no more than the
        executor.
        """
        name = word.client_order_id
        self._refuse_early(name, action)
        match await self._look_up.find(word.symbol, _place(action), action.signed):
            case VenueOrder() as order:
                await self._refuse_shown(word, action, order)
            case Mismatch() as misfit:
                raise FailedPrecondition(
                    f"the venue shows another order as {name}: {misfit.differences}", reason="SHOWN"
                )
            case Absence.UNANSWERED:
                raise _unanswered(word, "a look-up got no answer")
            case Absence.CONCLUSIVE | Absence.OPEN:
                self._refuse_early(name, action)  # the look-up may have found our clock ahead of the venue's

    async def _check_gone(self, word: OperatorStatement, order: OrderRecord) -> None:
        """Checks GONE: the venue has not shown the order for long enough, nor now, nor an unrecorded trade of it."""
        name, number = word.client_order_id, order.exchange_order_id
        denied_ms = self._forgotten.not_shown_for_ms(word.symbol, name)
        left_ms = self._forgotten.gone_after_ms - (denied_ms or 0)
        if denied_ms is None or left_ms > 0:
            since = "shows it, or has not been asked yet" if denied_ms is None else f"may show it for {left_ms} ms more"
            raise FailedPrecondition(f"order {name}: the venue {since}", reason="TOO_EARLY")
        read, venue = self._reader.read, self._venue
        try:
            resting = await read(partial(venue.open_orders, word.symbol))
            by_ids = [
                await read(partial(venue.order_by_id, word.symbol, number)),
                await read(partial(venue.order_by_client_id, word.symbol, name)),
            ]
            trades = await read(partial(venue.trades_of_order, word.symbol, number))
        except ReadFailedError as error:
            raise _unanswered(word, str(error)) from error
        if any(seen is not None and seen.client_order_id == name for seen in [*resting, *by_ids]):
            raise FailedPrecondition(f"order {name}: the venue shows it; it is not gone", reason="SHOWN")
        if any(seen is not None for seen in by_ids):
            return  # the id now belongs to another order, and so do its trades
        traded = sum((trade.fill.quantity for trade in trades), ZERO)
        if any(trade.unreadable for trade in trades) or traded > order.executed:
            raise FailedPrecondition(
                f"order {name}: the venue shows trades of it that are not in the ledger, {traded} of {order.executed} "
                "executed: they are recorded first",
                reason="SHOWN",
            )

    def _refuse_early(self, name: str, action: LedgerAction) -> None:
        left_ms = self._look_up.may_appear_until_ms(action.signed) - self._clock.venue_at_least_ms()
        if left_ms >= 0:
            raise FailedPrecondition(
                f"order {name} may still arrive or appear for {left_ms + 1} ms; the executor goes on looking for it",
                reason="TOO_EARLY",
            )

    async def _refuse_shown(self, word: OperatorStatement, action: LedgerAction, order: VenueOrder) -> Never:
        await self._look_once(word, action)
        raise FailedPrecondition(
            f"the venue shows order {word.client_order_id} as {order.exchange_order_id}, {order.status.value}: "
            "it was placed",
            reason="SHOWN",
        )

    async def _carry_through(self, word: OperatorStatement) -> None:
        record = await self._run(orders.by_client_id, word.client_order_id)
        if record is None:
            raise NotFound(f"order {word.client_order_id} was resolved by this statement and has been pruned since")
        if record.status is OrderStatus.UNKNOWN:
            await self._look_once(word, await self._run(requests.place_of, record.request_id, word.client_order_id))
        self._changes[word.symbol].beat()

    async def _look_once(self, word: OperatorStatement, action: LedgerAction) -> None:
        with contextlib.suppress(ReadFailedError):  # its resolver task continues until it has evidence
            await self._resolver.resolve_once(word.symbol, action)


def _place(action: LedgerAction) -> PlaceOrder:
    assert isinstance(action.action, PlaceOrder)
    return action.action


def _unanswered(word: OperatorStatement, why: str) -> Unavailable:
    return Unavailable(
        f"order {word.client_order_id} stays UNKNOWN: the venue could not be asked ({why}), and a statement "
        "cannot replace its answer; repeat the statement later",
        reason="VENUE_UNREACHABLE",
    )

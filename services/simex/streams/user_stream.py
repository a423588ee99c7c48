"""The accounts' user streams: an executionReport per execution, then the balances that the command has changed."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gridsim.account import Balance
from gridsim.orders import OrderList
from gridsim.outcome import Execution, Outcome
from simex.account import stream_payloads as frames
from simex.account.list_payloads import list_status
from simex.exchange.venue import Deposit
from simex.protocol.call import Call, Endpoint, Security
from simex.protocol.errors import ApiError
from simex.protocol.formats import Json
from simex.streams.connection import framed
from simex.streams.session import Session


class UserStream:
    """The subscriptions of accounts, and their events."""

    def __init__(
        self,
        clock_ms: Callable[[], int],
        late_ms: Callable[[Execution], int],
        lists_of: Callable[[str], Sequence[OrderList]],
    ) -> None:
        """`late_ms` returns the delay of an execution's report, `lists_of` an account's order lists."""
        self._lists_of = lists_of
        self._clock_ms = clock_ms
        self._late_ms = late_ms
        self._sessions: set[Session] = set()

    def endpoints(self, session: Session) -> dict[str, Endpoint]:
        """The endpoints that exist only on a socket, by their names there."""
        subscribe, unsubscribe = partial(self._subscribe, session), partial(self._unsubscribe, session)
        status, listed = partial(_status, session), partial(_subscriptions, session)
        signed = Security.USER_DATA
        return {
            each.ws: each
            for each in (
                Endpoint("POST", "userDataStream", subscribe, signed, ws="userDataStream.subscribe.signature"),
                Endpoint(
                    "DELETE", "userDataStream", unsubscribe, ws="userDataStream.unsubscribe", takes="subscriptionId"
                ),
                Endpoint("POST", "session", _log_on, signed, ws="session.logon"),
                Endpoint("GET", "session", status, ws="session.status"),
                Endpoint("DELETE", "session", status, ws="session.logout"),
                Endpoint("GET", "session/subscriptions", listed, ws="session.subscriptions"),
            )
        }

    def leave(self, session: Session) -> None:
        """The socket has closed."""
        self._sessions.discard(session)

    def publish(self, _symbol: str, outcome: Outcome) -> None:
        """Sends each account's executions to its subscriptions."""
        if not self._sessions:
            return
        for account in dict.fromkeys(execution.order.account for execution in outcome.executions):
            own = [each for each in outcome.executions if each.order.account == account]
            for event, late_ms in self._told(own):
                self._send(account, event, late_ms)
            self._tell_lists(account, own, {each.list_id for each in outcome.lists})

    def tell_deposit(self, deposit: Deposit) -> None:
        """Sends an account its deposit, and the balance after it."""
        now_ms, held = self._clock_ms(), deposit.balance
        self._send(deposit.account, frames.balance_update(held.asset, deposit.amount, deposit.time_ms, now_ms), 0)
        self._send(deposit.account, frames.account_position([held], deposit.time_ms, now_ms), 0)

    def _told(self, executions: Sequence[Execution]) -> Iterable[tuple[Json, int]]:
        """The events of one account. Its balances follow once per command (faqs/market_orders_faq.md).

        A maker's fill is caused by another account's command, so balances follow each of those.
        """
        now_ms = self._clock_ms()
        changed: dict[str, Balance] = {}
        for number, each in enumerate(executions, 1):
            late_ms = self._late_ms(each)
            yield frames.execution_report(each, now_ms), late_ms
            changed |= {balance.asset: balance for balance in each.balances}
            if number == len(executions) or (each.trade is not None and each.trade.maker):
                yield frames.account_position(changed.values(), each.transition.time_ms, now_ms), late_ms
                changed.clear()

    def _tell_lists(self, account: str, executions: Sequence[Execution], new: set[int]) -> None:
        """`listStatus` of the order lists that are new or done."""
        last = {each.order.order_id: each.order for each in executions if each.order.list_kind is not None}
        touched = {order.list_id for order in last.values()}
        for it in self._lists_of(account) if touched else ():
            members = [order for order in last.values() if order.list_id == it.list_id]
            if it.list_id in new or (members and not any(order.is_open for order in members)):
                self._send(account, list_status(it, members, members[-1].updated_ms, self._clock_ms()), 0)

    def _send(self, account: str, event: Json, late_ms: int) -> None:
        for session in self._sessions:
            for number, whose in session.subscriptions.items():
                if whose != account:
                    continue
                frame = framed(json.dumps({"subscriptionId": number, "event": event}, separators=(",", ":")))
                if late_ms:
                    loop = asyncio.get_running_loop()
                    loop.call_later(late_ms / 1000, session.connection.publish, [frame], account)
                else:
                    session.connection.publish([frame], account)

    def _subscribe(self, session: Session, call: Call) -> Json:
        number = session.subscribe(call.account)
        self._sessions.add(session)
        return {"subscriptionId": number}

    def _unsubscribe(self, session: Session, call: Call) -> Json:
        for number in session.unsubscribe(call.params.optional_whole("subscriptionId")):
            terminated = frames.stream_terminated(self._clock_ms())
            session.connection.send({"subscriptionId": number, "event": terminated})
        return {}


def _status(session: Session, call: Call) -> Json:
    return session.status(call.now_ms)


def _subscriptions(session: Session, _call: Call) -> list[Json]:
    return [{"subscriptionId": number} for number in session.subscriptions]


def _log_on(_call: Call) -> Json:
    raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")

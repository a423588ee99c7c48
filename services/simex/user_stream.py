"""What accounts hear of their own: an executionReport and an outboundAccountPosition per execution."""

from collections.abc import Callable
from functools import partial

from gridsim.exchange import Outcome
from simex import frames
from simex.call import Call, Endpoint, Security
from simex.connection import Connection
from simex.errors import ApiError
from simex.payloads import Json


class Session:
    """One socket and its subscriptions, numbered from 0, each of the account whose key signed it."""

    def __init__(self, connection: Connection, ip: str) -> None:
        self.connection = connection
        self.ip = ip
        self.subscriptions: dict[int, str] = {}
        self._next = 0

    def subscribe(self, account: str) -> int:
        """A further subscription; its number."""
        number, self._next = self._next, self._next + 1
        self.subscriptions[number] = account
        return number

    def unsubscribe(self, number: int | None) -> None:
        """Ends one subscription, or all of them where none is named. Raises ApiError for one that is not there."""
        if number is None:
            self.subscriptions.clear()
        elif self.subscriptions.pop(number, None) is None:
            raise ApiError(-1130, "Data sent for parameter 'subscriptionId' is not valid.")


class UserStream:
    """Who is subscribed, and what they get."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._sessions: set[Session] = set()

    def endpoints(self, session: Session) -> dict[str, Endpoint]:
        """What only a socket can ask for, by its name there."""
        subscribe, unsubscribe = partial(self._subscribe, session), partial(self._unsubscribe, session)
        read = Security.USER_DATA
        return {
            each.ws: each
            for each in (
                Endpoint("POST", "userDataStream", subscribe, read, ws="userDataStream.subscribe.signature"),
                Endpoint("DELETE", "userDataStream", unsubscribe, ws="userDataStream.unsubscribe"),
            )
        }

    def leave(self, session: Session) -> None:
        """The socket has closed."""
        self._sessions.discard(session)

    def publish(self, _symbol: str, outcome: Outcome) -> None:
        """Sends an outcome's executions to every subscription."""
        if not self._sessions:
            return
        now_ms = self._clock_ms()
        for each in outcome.executions:
            report = frames.execution_report(each, now_ms)
            position = frames.account_position(each.balances, each.transition.time_ms, now_ms)
            for session in self._sessions:
                for subscription in session.subscriptions:
                    session.connection.send({"subscriptionId": subscription, "event": report})
                    session.connection.send({"subscriptionId": subscription, "event": position})

    def _subscribe(self, session: Session, call: Call) -> Json:
        self._sessions.add(session)
        return {"subscriptionId": session.subscribe(call.account)}

    def _unsubscribe(self, session: Session, call: Call) -> Json:
        session.unsubscribe(call.params.optional_whole("subscriptionId"))
        return {}

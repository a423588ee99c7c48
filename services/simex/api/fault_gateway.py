"""Receives the requests of both transports: records each for the oracle and applies faults, around the gateway.

No endpoint knows of faults.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum

from simex.access.request_log import Received, RequestLog
from simex.api.gateway import Gateway
from simex.faults import answers
from simex.faults.cancel_race import CancelRace
from simex.faults.kinds import Fault, Kind, Occasion
from simex.faults.plan import FaultPlan
from simex.faults.visibility import Visibility
from simex.protocol.call import Answer, Endpoint, Request, Security


class Wire(Enum):
    """How an answer is sent to the client, over either transport."""

    ANSWER = "ANSWER"  # unchanged
    EMPTY = "EMPTY"  # 200 with an empty body
    PAGE = "PAGE"  # its status with a web page
    CUT = "CUT"  # half of it, and the connection is closed
    RESET = "RESET"  # no answer: the connection is reset
    NOTHING = "NOTHING"  # no answer


@dataclass(frozen=True, slots=True)
class Reply:
    """What the transport sends."""

    answer: Answer
    wire: Wire = Wire.ANSWER


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that has been read, and the fault that applies to it, mostly None."""

    endpoint: Endpoint
    request: Request
    noted: Received
    fault: Fault | None = None


_OK = Answer(200, {})
_LONGEST = 40  # limit of client-supplied names in the oracle: a client may send anything

# For kinds that need nothing else: whether the request is executed, and how the answer is sent.
_FATES: dict[Kind, tuple[bool, Wire]] = {
    Kind.ACCEPT_THEN_TIMEOUT: (True, Wire.NOTHING),
    Kind.TIMEOUT_BEFORE: (False, Wire.NOTHING),
    Kind.RESET_BEFORE: (False, Wire.RESET),
    Kind.RESET_AFTER: (True, Wire.RESET),
    Kind.CUT_BODY: (True, Wire.CUT),
    Kind.EMPTY_200: (True, Wire.EMPTY),
    Kind.HTML_200: (True, Wire.PAGE),
}


class FaultGateway:
    """Receives requests, then answers them: at once without a fault, otherwise as the fault demands."""

    def __init__(
        self,
        gateway: Gateway,
        plan: FaultPlan,
        log: RequestLog,
        visibility: Visibility,
        crossing: CancelRace,
        clock_ms: Callable[[], int],
    ) -> None:
        self._gateway = gateway
        self._plan = plan
        self._log = log
        self._visibility = visibility
        self._crossing = crossing
        self._clock_ms = clock_ms
        self._closing = asyncio.Event()

    def unknown(self, name: str, request: Request) -> Answer:
        """Records a request for an unknown endpoint and returns the error."""
        noted = self._log.receive(
            time_ms=self._clock_ms(),
            ip=request.ip,
            account=self._gateway.account_of(request),
            transport="REST",
            endpoint=name[:_LONGEST],
        )
        noted.status = 404
        method, _, path = name.partition(" ")
        sentence = f"{method} /api/v3/{path} is not part of simex; docs/simex.md lists what is."
        return Answer(404, {"code": -1, "msg": sentence})

    def receive(self, endpoint: Endpoint, request: Request, transport: str) -> Arrival:
        """Records a request and finds the fault that applies to it."""
        now_ms, account = self._clock_ms(), self._gateway.account_of(request)
        noted = self._log.receive(
            time_ms=now_ms,
            ip=request.ip,
            account=account,
            transport=transport,
            endpoint=endpoint.name,
            client_order_id=_first(request, "newClientOrderId", "origClientOrderId"),
            order_id=_first(request, "orderId"),
        )
        fault = self._plan.strike(Occasion.REQUEST, endpoint.name, account, now_ms)
        noted.fault = fault.kind.value if fault else ""
        return Arrival(endpoint, request, noted, fault)

    def answer(self, arrival: Arrival) -> Answer:
        """The exchange's answer, without what look-ups must not show yet."""
        endpoint, noted = arrival.endpoint, arrival.noted
        if (endpoint.method, endpoint.path) == ("DELETE", "order") and self._plan.expects(Occasion.CANCEL):
            self._cross(arrival)
        answer = self._gateway.answer(endpoint, arrival.request)
        noted.status, noted.code, noted.reached = answer.status, answers.code_of(answer), answer.reached
        return self._visibility.shown(endpoint.name, noted.account, answer)

    def suffer(self, fault: Fault, arrival: Arrival) -> Coroutine[None, None, Reply]:
        """Executes at once what the fault allows. Await the result to get the reply when it is due."""
        if fault.kind is Kind.LATE_ARRIVAL:
            return self._arrive_late(fault, arrival)
        reply = self._spoilt(fault, arrival)
        late_ms = 0 if fault.kind is Kind.ERROR_CODE else fault.delay_ms  # there the delay is the length of a ban
        return self._held(reply, fault.hold_ms if reply.wire is Wire.NOTHING else late_ms)

    async def close(self, _app: object = None) -> None:
        """Releases the held requests: nothing more is executed."""
        self._closing.set()

    def _spoilt(self, fault: Fault, arrival: Arrival) -> Reply:
        if fault.kind in _FATES:
            done, wire = _FATES[fault.kind]
            answer = self.answer(arrival) if done else _OK
            return Reply(answers.page(200) if wire is Wire.PAGE else answer, wire)
        if fault.kind is Kind.SLOW_ANSWER:
            return Reply(self.answer(arrival))
        if fault.kind is Kind.MAINTENANCE:
            return Reply(self._in_maintenance(arrival))
        if fault.done:
            self.answer(arrival)
        if fault.kind is Kind.STATUS:
            return Reply(answers.page(fault.status), Wire.PAGE)
        return Reply(answers.error(fault, self._clock_ms()))

    async def _held(self, reply: Reply, wait_ms: int) -> Reply:
        if wait_ms:
            await self._passed(wait_ms)
        return reply

    async def _arrive_late(self, fault: Fault, arrival: Arrival) -> Reply:
        if not await self._passed(fault.delay_ms):
            return Reply(_OK, Wire.NOTHING)
        answer = self.answer(arrival)
        if not fault.lost:
            return Reply(answer)
        await self._passed(fault.hold_ms)
        return Reply(answer, Wire.NOTHING)

    def _in_maintenance(self, arrival: Arrival) -> Answer:
        endpoint = arrival.endpoint
        if endpoint.method == "POST" and endpoint.security is Security.TRADE:
            return answers.market_closed()
        answer = self.answer(arrival)
        return answers.on_break(answer) if endpoint.path == "exchangeInfo" else answer

    def _cross(self, arrival: Arrival) -> None:
        """Lets the market trade an order before its cancel arrives, if a fault requires it."""
        now_ms, account = self._clock_ms(), arrival.noted.account
        order = self._crossing.order_of(arrival.request.params, account)
        if order is None:
            return
        fault = self._plan.strike(Occasion.CANCEL, arrival.endpoint.name, account, now_ms)
        if fault is not None:
            arrival.noted.fault = arrival.noted.fault or fault.kind.value
            self._crossing.trade(order, fault.fraction, now_ms)

    async def _passed(self, wait_ms: int) -> bool:
        """Waits; returns whether the time passed. False if the gateway closes before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                await self._closing.wait()
        return not self._closing.is_set()


def _first(request: Request, *names: str) -> str:
    """The value of the first of these parameters that the request has."""
    return next((value[:_LONGEST] for name in names if (value := request.params.optional(name))), "")

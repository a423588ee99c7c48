"""The control RPCs about faults, the oracle of requests and the clock: messages in, messages out."""

from decimal import Decimal, InvalidOperation

from gridrpc.errors import InvalidArgument
from gridwright.v1 import simex_pb2
from simex.access.request_log import Received, RequestLog
from simex.clock import VenueClock
from simex.faults.kinds import ANY, HOLD_MS, STREAMS, BadFault, Fault, Kind, Places, check
from simex.faults.plan import FaultPlan
from simex.faults.stream_faults import StreamFaults

MOST_REQUESTS = 1_000
_MOST_OFFSET_MS = 10 * 365 * 86_400_000
_PREFIX = "FAULT_KIND_"


class FaultControl:
    """Handles RPCs about faults, requests and the clock."""

    def __init__(
        self,
        plan: FaultPlan,
        streams: StreamFaults,
        log: RequestLog,
        clock: VenueClock,
        places: Places,
    ) -> None:
        self._plan = plan
        self._streams = streams
        self._log = log
        self._clock = clock
        self._places = places

    def add(self, request: simex_pb2.AddFaultRequest) -> simex_pb2.AddFaultResponse:
        """Puts a fault in force. Raises InvalidArgument if its fields do not fit its kind."""
        fault = fault_from_proto(request.fault)
        try:
            check(fault, self._places)
        except BadFault as error:
            raise InvalidArgument(f"fault.{error}") from None
        return simex_pb2.AddFaultResponse(id=self._plan.add(fault))

    def list(self) -> simex_pb2.ListFaultsResponse:
        """Lists every fault with its number of strikes."""
        return simex_pb2.ListFaultsResponse(
            faults=[
                simex_pb2.StandingFault(
                    id=each.id, fault=fault_to_proto(each.fault), matched=each.matched, fired=each.fired
                )
                for each in self._plan.faults
            ]
        )

    def clear(self, request: simex_pb2.ClearFaultsRequest) -> simex_pb2.ClearFaultsResponse:
        """Takes the faults with these ids out of force; all of them if none is given."""
        return simex_pb2.ClearFaultsResponse(cleared=self._plan.clear(request.ids))

    def drop(self, request: simex_pb2.DropSocketsRequest) -> simex_pb2.DropSocketsResponse:
        """Cuts websocket connections."""
        if request.stream not in {"", *STREAMS}:
            raise InvalidArgument(f'stream = {request.stream!r}: give "public", "user", or nothing for both')
        streams = [request.stream] if request.stream else STREAMS
        return simex_pb2.DropSocketsResponse(dropped=self._streams.drop(streams))

    def set_clock(self, request: simex_pb2.SetClockRequest) -> simex_pb2.SetClockResponse:
        """Makes the clock jump."""
        if abs(request.offset_ms) > _MOST_OFFSET_MS:
            raise InvalidArgument(f"offset_ms = {request.offset_ms}: give at most {_MOST_OFFSET_MS}: ten years")
        self._clock.offset_ms = request.offset_ms
        return simex_pb2.SetClockResponse(time_ms=self._clock())

    def requests(self, request: simex_pb2.ListReceivedRequest) -> simex_pb2.ListReceivedResponse:
        """Lists requests received after a number."""
        if request.limit > MOST_REQUESTS:
            raise InvalidArgument(f"limit = {request.limit}: give at most {MOST_REQUESTS}, or 0 for as many")
        found = self._log.after(request.after_seq, request.limit or MOST_REQUESTS)
        return simex_pb2.ListReceivedResponse(
            requests=map(_request, found), first_seq=self._log.first_seq, last_seq=self._log.last_seq
        )


def fault_from_proto(message: simex_pb2.Fault) -> Fault:
    """Parses a fault without checking it. Raises InvalidArgument for malformed values."""
    if message.kind not in simex_pb2.FaultKind.values() or not message.kind:
        kinds = ", ".join(_PREFIX + kind.value for kind in Kind)
        raise InvalidArgument(f"fault.kind = {message.kind}: give one of {kinds}")
    return Fault(
        kind=Kind(simex_pb2.FaultKind.Name(message.kind).removeprefix(_PREFIX)),
        endpoint=message.endpoint or ANY,
        stream=message.stream or ANY,
        account=message.account or ANY,
        probability=_part("probability", message.probability),
        skip=message.skip,
        count=message.count,
        from_ms=message.from_ms,
        until_ms=message.until_ms,
        delay_ms=message.delay_ms,
        hold_ms=message.hold_ms or HOLD_MS,
        status=message.status,
        code=message.code,
        message=message.message,
        done=message.done,
        lost=message.lost,
        late_events=message.late_events,
        fraction=_part("fraction", message.fraction),
    )


def fault_to_proto(fault: Fault) -> simex_pb2.Fault:
    """Converts a fault to protobuf."""
    return simex_pb2.Fault(
        kind=simex_pb2.FaultKind.Value(_PREFIX + fault.kind.value),
        endpoint=fault.endpoint,
        stream=fault.stream,
        account=fault.account,
        probability=str(fault.probability),
        skip=fault.skip,
        count=fault.count,
        from_ms=fault.from_ms,
        until_ms=fault.until_ms,
        delay_ms=fault.delay_ms,
        hold_ms=fault.hold_ms,
        status=fault.status,
        code=fault.code,
        message=fault.message,
        done=fault.done,
        lost=fault.lost,
        late_events=fault.late_events,
        fraction=str(fault.fraction),
    )


def _part(name: str, text: str) -> Decimal:
    try:
        part = Decimal(text or 1)
    except InvalidOperation:
        part = Decimal("NaN")
    if not part.is_finite():
        raise InvalidArgument(f'fault.{name} = {text!r}: give a decimal above 0 and at most 1, such as "0.01"')
    return part


def _request(it: Received) -> simex_pb2.ReceivedRequest:
    return simex_pb2.ReceivedRequest(
        seq=it.seq,
        time_ms=it.time_ms,
        ip=it.ip,
        account=it.account,
        transport=it.transport,
        endpoint=it.endpoint,
        client_order_id=it.client_order_id,
        exchange_order_id=it.order_id,
        status=it.status,
        code=it.code,
        fault=simex_pb2.FaultKind.Value(_PREFIX + it.fault) if it.fault else simex_pb2.FAULT_KIND_UNSPECIFIED,
        reached=it.reached,
    )

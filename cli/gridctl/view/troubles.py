"""Reads the services' troubles and formats them: similar ones are merged, one line each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import grpc

from gridctl.view import formatting
from gridservice import clock
from gridwright.v1 import executor_pb2_grpc, models_pb2, orchestrator_pb2_grpc, pricemon_pb2_grpc

MANUAL = "docs/operations.md"
_SUBJECTS = 3  # at most this many are named, the others are counted
_STUBS = {
    "pricemon": pricemon_pb2_grpc.PriceMonitorStub,
    "executor": executor_pb2_grpc.ExecutorStub,
    "orchestrator": orchestrator_pb2_grpc.OrchestratorStub,
}


@dataclass(frozen=True, slots=True)
class ShownTrouble:
    """One or more troubles of a service with the same kind and symbol. Times are Unix milliseconds."""

    service: str
    kind: str
    trouble_class: str  # PASSING, LASTING, SYMBOL or ACCOUNT
    symbol: str  # empty: it concerns the account or the service
    subjects: Sequence[str]
    message: str
    since_ms: int
    count: int
    retry_at_ms: int  # the next retry; 0: not before something changes

    def line(self, now_ms: int) -> str:
        """Kind, symbol, class, age, count, and the time of the next retry."""
        facts = [f"for {formatting.age(max(0, now_ms - self.since_ms))}"]
        if self.count > 1:
            facts.append(f"{self.count} times")
        if self.retry_at_ms > now_ms:
            facts.append(f"next try in {formatting.age(self.retry_at_ms - now_ms)}")
        about = " ".join(filter(None, [self.kind, self.symbol, self._named()]))
        return f"{about}: {self.trouble_class}, {', '.join(facts)} ({self.service})"

    @property
    def manual(self) -> str:
        """The place in the manual that gives the remedy."""
        return f"{MANUAL}#{self.kind.lower()}"

    def _named(self) -> str:
        more = len(self.subjects) - _SUBJECTS
        return ", ".join(self.subjects[:_SUBJECTS]) + (f" and {more} more" if more > 0 else "")


def ask_troubles(channel: grpc.Channel, name: str, seconds: float) -> list[ShownTrouble]:
    """Reads the troubles of a service; none if it does not answer or does not implement the RPC."""
    if name not in _STUBS:
        return []
    try:
        answer = _STUBS[name](channel).ListTroubles(models_pb2.ListTroublesRequest(), timeout=seconds)
    except grpc.RpcError:
        return []
    return gathered(name, answer.troubles)


def gathered(service: str, troubles: Sequence[models_pb2.Trouble]) -> list[ShownTrouble]:
    """Merges troubles by kind and symbol, oldest first: thirty slots without funds are one trouble to the operator."""
    alike = sorted(troubles, key=_alike)
    return sorted((_one(service, list(group)) for _, group in groupby(alike, key=_alike)), key=_age)


def lines(troubles: Mapping[str, Sequence[ShownTrouble]], now_ms: int | None = None) -> list[str]:
    """Two lines for each: the facts, then the message with its place in the manual."""
    now_ms = clock.now_ms() if now_ms is None else now_ms
    found: list[str] = []
    for each in sorted((one for some in troubles.values() for one in some), key=_age):
        found += [each.line(now_ms), f"  {each.message.rstrip('.')}. See {each.manual}"]
    return found


def _one(service: str, alike: list[models_pb2.Trouble]) -> ShownTrouble:
    newest = max(alike, key=lambda each: each.since_ms)
    return ShownTrouble(
        service=service,
        kind=newest.kind,
        trouble_class=models_pb2.TroubleClass.Name(newest.trouble_class).removeprefix("TROUBLE_CLASS_"),
        symbol=newest.symbol,
        subjects=[each.subject for each in alike if each.subject],
        message=newest.message,
        since_ms=min(each.since_ms for each in alike),
        count=sum(each.count for each in alike),
        retry_at_ms=min((each.retry_at_ms for each in alike if each.retry_at_ms), default=0),
    )


def _alike(trouble: models_pb2.Trouble) -> tuple[str, str]:
    return trouble.kind, trouble.symbol


def _age(trouble: ShownTrouble) -> tuple[int, str, str]:
    return trouble.since_ms, trouble.kind, trouble.symbol

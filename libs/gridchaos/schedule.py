"""What a storm does, and when: events that follow from a seed. Pure; how they are played is left to `storm`.

Time is counted in beats, the trades by which the storm moves the market, and in what passes on a wire or a crash
point: nothing depends on how fast the machine is. An event stands alone, so that any of them can be left out.
"""

import json
import random  # noqa: TID251  # seeded, and the seed is told: it is the name of the storm
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from gridctl.house import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX

POSTGRES, BACKEND = "postgres", "backend"
SERVICES = (ORCHESTRATOR, EXECUTOR, PRICEMON, SIMEX)
CUT, HOLE, DEAF = "cut", "hole", "deaf"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, to a service, to Postgres with all of its processes, or to one of its backends."""

    at: int  # the beat
    service: str


@dataclass(frozen=True, slots=True)
class Die:
    """SIGKILL, and then the service dies again and again: each run at its n-th pass of any crash point."""

    at: int
    service: str
    passes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Snap:
    """SIGKILL when the n-th order since goes over the wire to the venue, either just before it arrives or just after."""

    at: int
    service: str  # the executor or simex
    order: int
    arrives: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGSTOP, and SIGCONT some beats later."""

    at: int
    service: str
    beats: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A wire is out of order for some beats: CUT, reset; HOLE, all is late; DEAF, answers never come."""

    at: int
    wire: str
    how: str
    beats: int


@dataclass(frozen=True, slots=True)
class Fault:
    """The venue fails on demand; `fault` is simex's message as JSON."""

    at: int
    fault: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """The venue's clock jumps to so far ahead of this machine's."""

    at: int
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Halt:
    """An operator says safe mode, and lifts it some beats later."""

    at: int
    beats: int


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody places an order of their own on our account, so many intervals from the market that it rests."""

    at: int
    side: str
    intervals: int


Event: TypeAlias = Kill | Die | Snap | Stop | Partition | Fault | Clock | Halt | ByHand
_KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind for kind in (Kill, Die, Snap, Stop, Partition, Fault, Clock, Halt, ByHand)
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A storm: the seed of its market's walk, the database that it is about, and its events in the order of beats."""

    seed: int
    database: str
    events: tuple[Event, ...]

    @property
    def kills(self) -> int:
        """How many processes it kills."""
        return sum(kills_of(event) for event in self.events)

    def without(self, events: Sequence[Event]) -> "Schedule":
        """The same storm, with these left out."""
        left_out = {id(event) for event in events}
        return replace(self, events=tuple(event for event in self.events if id(event) not in left_out))

    def to_json(self) -> str:
        """One line, by which it is played again."""
        events = [{"kind": type(event).__name__, **asdict(event)} for event in self.events]
        return json.dumps({"seed": self.seed, "database": self.database, "events": events})

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """Raises ValueError, KeyError or TypeError for what is none."""
        values = json.loads(text)
        return cls(int(values["seed"]), str(values["database"]), tuple(_event(each) for each in values["events"]))


def kills_of(event: Event) -> int:
    """How many processes an event kills."""
    match event:
        case Kill() | Snap():
            return 1
        case Die(passes=passes):
            return 1 + len(passes)
        case _:
            return 0


def draw(seed: int, database: str, wires: Sequence[str], *, kills: int) -> Schedule:
    """The storm of a seed: so many kills, and about as much else between them."""
    chance = random.Random(f"{seed} {database}")  # noqa: S311  # a schedule of kills is no secret
    makers = _makers(chance, database, wires)
    kinds, weights = [maker for maker, _ in makers], [weight for _, weight in makers]
    events: list[Event] = []
    beat, killed = _FIRST_BEAT, 0
    while killed < kills:
        (make,) = chance.choices(kinds, weights)
        event = make(beat)
        events.append(event)
        killed += kills_of(event)
        beat += chance.randint(*_GAP_BEATS)
    return Schedule(seed, database, tuple(events))


_FIRST_BEAT = 10
_GAP_BEATS = (1, 12)
_WEIGHTS = {"kill": 30, "die": 18, "snap": 14, "stop": 10, "partition": 14, "fault": 26, "clock": 5, "halt": 4, "hand": 3}


def _makers(chance: random.Random, database: str, wires: Sequence[str]) -> list[tuple[Callable[[int], Event], int]]:
    victims = [ORCHESTRATOR] * 4 + [EXECUTOR] * 4 + [SIMEX, PRICEMON] + [POSTGRES, BACKEND] * (database == POSTGRES)
    return [
        (lambda at: Kill(at, chance.choice(victims)), _WEIGHTS["kill"]),
        (lambda at: _die(chance, at), _WEIGHTS["die"]),
        (lambda at: _snap(chance, at), _WEIGHTS["snap"]),
        (lambda at: Stop(at, chance.choice(SERVICES), chance.randint(2, 20)), _WEIGHTS["stop"]),
        (lambda at: _partition(chance, at, wires), _WEIGHTS["partition"]),
        (lambda at: Fault(at, _fault(chance)), _WEIGHTS["fault"]),
        (lambda at: Clock(at, chance.choice((0, 0, -4_000, -900, 700, 5_000))), _WEIGHTS["clock"]),
        (lambda at: Halt(at, chance.randint(10, 40)), _WEIGHTS["halt"]),
        (lambda at: ByHand(at, chance.choice(("buy", "sell")), chance.randint(40, 90)), _WEIGHTS["hand"]),
    ]


def _die(chance: random.Random, at: int) -> Die:
    # Short runs die while they recover, long ones while they trade; log-uniform, so that there are many of both.
    passes = tuple(int(10 ** chance.uniform(0, 2.3)) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    return Die(at, chance.choice((ORCHESTRATOR, EXECUTOR)), passes)


def _snap(chance: random.Random, at: int) -> Snap:
    return Snap(at, chance.choice((EXECUTOR, EXECUTOR, SIMEX)), chance.randint(1, 4), chance.random() < 0.5)


def _partition(chance: random.Random, at: int, wires: Sequence[str]) -> Partition:
    return Partition(at, chance.choice(list(wires)), chance.choice((CUT, HOLE, DEAF)), chance.randint(1, 25))


_PLACE, _CANCEL = "POST order", "DELETE order"
_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "FAULT_KIND_ACCEPT_THEN_TIMEOUT", "endpoint": _PLACE},
    {"kind": "FAULT_KIND_TIMEOUT_BEFORE", "endpoint": _PLACE},
    {"kind": "FAULT_KIND_RESET_BEFORE"},
    {"kind": "FAULT_KIND_RESET_AFTER"},
    {"kind": "FAULT_KIND_CUT_BODY"},
    {"kind": "FAULT_KIND_EMPTY_200", "endpoint": _PLACE},
    {"kind": "FAULT_KIND_HTML_200"},
    {"kind": "FAULT_KIND_STATUS", "status": 502, "done": True},
    {"kind": "FAULT_KIND_STATUS", "status": 503, "done": False},
    {"kind": "FAULT_KIND_ERROR_CODE", "code": -1006, "done": True, "endpoint": _PLACE},
    {"kind": "FAULT_KIND_ERROR_CODE", "code": -1007, "endpoint": _PLACE},
    {"kind": "FAULT_KIND_ERROR_CODE", "code": -1007, "done": True, "endpoint": _CANCEL},
    {"kind": "FAULT_KIND_LATE_ARRIVAL", "delay_ms": 1_500, "endpoint": _PLACE},
    {"kind": "FAULT_KIND_LATE_ARRIVAL", "delay_ms": 3_000, "lost": True, "endpoint": _PLACE},
    {"kind": "FAULT_KIND_SLOW_ANSWER", "delay_ms": 1_200},
    {"kind": "FAULT_KIND_HIDDEN_ORDER", "delay_ms": 250, "late_events": True},
    {"kind": "FAULT_KIND_LATE_TRADES", "delay_ms": 250},
    {"kind": "FAULT_KIND_CANCEL_CROSSES_FILL", "fraction": "0.5"},
    {"kind": "FAULT_KIND_CANCEL_CROSSES_FILL"},
    {"kind": "FAULT_KIND_DROP", "stream": "user"},
    {"kind": "FAULT_KIND_DROP", "stream": "public"},
    {"kind": "FAULT_KIND_MISSING", "stream": "user"},
    {"kind": "FAULT_KIND_DUPLICATE", "stream": "user"},
    {"kind": "FAULT_KIND_REORDER", "stream": "user"},
)


def _fault(chance: random.Random) -> Mapping[str, Any]:
    return {**chance.choice(_FAULTS), "count": chance.randint(1, 4)}


def walk(seed: int) -> Iterator[float]:
    """Where the market is at each beat, in intervals from its anchor: a walk that comes back, for ever."""
    chance = random.Random(f"walk {seed}")  # noqa: S311  # a market of chance is no secret
    place = 0.0
    while True:
        place += chance.gauss(0, _STEP) - _PULL * place
        yield place


_STEP, _PULL = 0.55, 0.02


def _event(values: Mapping[str, Any]) -> Event:
    rest = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return _KINDS[rest.pop("kind")](**rest)

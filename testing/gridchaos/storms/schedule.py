"""Schedule of a storm: events derived from a seed. Pure; `storm` plays them.

Time is counted in beats (the trades by which the storm moves the market), in messages on a connection and in passes of
a crash point: nothing depends on the speed of the machine. An event comes a number of beats after the previous one, and
is independent of it, so that any of them can be left out.
"""

import json
import random  # noqa: TID251  # seeded, and the seed is reported: it is the name of the storm
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from gridchaos.venue_changes.changes import VenueChange, changes_for, draw_change
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX

POSTGRES, BACKEND = "postgres", "backend"
SERVICES = (ORCHESTRATOR, EXECUTOR, PRICEMON, SIMEX)
CUT, STALLED, RESPONSES_DROPPED = "cut", "stalled", "responses-dropped"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, to a service, to Postgres with all of its processes, or to one of its backends."""

    after: int  # beats after the previous event
    service: str
    at_once: bool = False  # true: at once, although the grid has not recovered from the previous kill


@dataclass(frozen=True, slots=True)
class Die:
    """SIGKILL, and then the service dies again and again: each run at its n-th pass of any crash point."""

    after: int
    service: str
    passes: tuple[int, ...]
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Snap:
    """SIGKILL when the n-th order from now is sent to the venue, just before it arrives or just after."""

    after: int
    service: str  # the executor or simex
    order: int
    arrives: bool
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGSTOP, and SIGCONT some beats later."""

    after: int
    service: str
    beats: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A connection fails for some beats. CUT: reset; STALLED: all is late; RESPONSES_DROPPED: no answer comes."""

    after: int
    wire: str
    how: str
    beats: int


@dataclass(frozen=True, slots=True)
class Fault:
    """The venue fails on demand; `fault` is simex's message as JSON."""

    after: int
    fault: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """The venue's clock jumps ahead of this machine's."""

    after: int
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Halt:
    """An operator enters safe mode, and exits it some beats later."""

    after: int
    beats: int


@dataclass(frozen=True, slots=True)
class ManualOrder:
    """A person places a manual order on our account, so many intervals from the market that it rests."""

    after: int
    side: str
    intervals: int


Event: TypeAlias = Kill | Die | Snap | Stop | Partition | Fault | Clock | Halt | ManualOrder | VenueChange
_KINDS: Mapping[str, Callable[..., Event]] = {
    kind.__name__: kind for kind in (Kill, Die, Snap, Stop, Partition, Fault, Clock, Halt, ManualOrder, VenueChange)
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule of a storm: the seed of its market's walk, its database, and its events in sequence."""

    seed: int
    database: str
    events: tuple[Event, ...]

    @property
    def kills(self) -> int:
        """Number of processes that it kills."""
        return sum(kills_of(event) for event in self.events)

    def without(self, events: Sequence[Event]) -> "Schedule":
        """Returns the same storm without the given events."""
        left_out = {id(event) for event in events}
        return replace(self, events=tuple(event for event in self.events if id(event) not in left_out))

    def to_json(self) -> str:
        """Returns one line of JSON, by which it is played again."""
        events = [{"kind": type(event).__name__, **asdict(event)} for event in self.events]
        return json.dumps({"seed": self.seed, "database": self.database, "events": events})

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """Parses a schedule. Raises ValueError, KeyError or TypeError for invalid text."""
        values = json.loads(text)
        return cls(int(values["seed"]), str(values["database"]), tuple(_event(each) for each in values["events"]))


def kills_of(event: Event) -> int:
    """Returns how many processes an event kills."""
    match event:
        case Kill() | Snap():
            return 1
        case Die(passes=passes):
            return 1 + len(passes)
        case _:
            return 0


def draw(seed: int, database: str, channels: Sequence[str], *, kills: int) -> Schedule:
    """Draws the storm of a seed: the given number of kills, and about as many other events between them.

    Storms differ in which events are frequent and which are missing: in an even mixture, each event would hide others.
    """
    chance = random.Random(f"{seed} {database}")  # noqa: S311  # a schedule of kills is no secret
    makers = _makers(chance, database, channels, at_once=chance.choice(_AT_ONCE))
    kinds, weights = [maker for maker, _ in makers], [weight * chance.choice(_TASTES) for _, weight in makers]
    if not any(weights[:_KILLING]):
        weights[0] = makers[0][1]  # without a kill it would never end, and with few of them only after a long time
    events: list[Event] = []
    killed = 0
    while killed < kills:
        (make,) = chance.choices(kinds, weights)
        event = make(chance.randint(*_GAP_BEATS))
        events.append(event)
        killed += kills_of(event)
    return Schedule(seed, database, tuple(events))


def draw_soak(seed: int, database: str, beats: int) -> Schedule:
    """Draws a storm without kills: the exchange changes all the time, and occasionally a person acts."""
    chance = random.Random(f"soak {seed} {database}")  # noqa: S311  # likewise
    events: list[Event] = []
    for change in changes_for(chance, beats):
        events.append(change)
        if chance.random() < _PEOPLE:
            people = (
                Halt(0, chance.randint(10, 40)),
                ManualOrder(0, chance.choice(("buy", "sell")), chance.randint(40, 90)),
            )
            events.append(chance.choice(people))
    return Schedule(seed, database, tuple(events))


_PEOPLE = 0.1
_KILLING = 3  # number of makers, the first ones, that make kills
_GAP_BEATS = (0, 8)
_TASTES = (0, 1, 1, 3)
_AT_ONCE = (0.1, 0.25, 0.6)  # fraction of the kills that come before the grid has recovered from the previous one


def _makers(
    chance: random.Random, database: str, channels: Sequence[str], *, at_once: float
) -> list[tuple[Callable[[int], Event], int]]:
    """Returns each kind of event, with its frequency."""
    server = database == POSTGRES
    victims = [ORCHESTRATOR] * 4 + [EXECUTOR] * 4 + [SIMEX, PRICEMON] + [POSTGRES, BACKEND] * server
    stopped = [*SERVICES, *[POSTGRES] * server]
    return [
        (lambda after: Kill(after, chance.choice(victims), chance.random() < at_once), 30),
        (lambda after: _die(chance, after, at_once), 18),
        (lambda after: _snap(chance, after, at_once), 14),
        (lambda after: Stop(after, chance.choice(stopped), chance.randint(2, 20)), 10),
        (lambda after: _partition(chance, after, channels), 14),
        (lambda after: Fault(after, _fault(chance)), 26),
        (lambda after: Clock(after, chance.choice((0, 0, -4_000, -900, 700, 5_000))), 5),
        (lambda after: Halt(after, chance.randint(10, 40)), 4),
        (lambda after: ManualOrder(after, chance.choice(("buy", "sell")), chance.randint(40, 90)), 3),
        (lambda after: draw_change(chance, after), 8),
    ]


def _die(chance: random.Random, after: int, at_once: float) -> Die:
    # Short runs die during recovery, long ones while trading; log-uniform, so that there are many of both.
    passes = tuple(int(10 ** chance.uniform(0, 2.3)) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    return Die(after, chance.choice((ORCHESTRATOR, EXECUTOR)), passes, chance.random() < at_once)


def _snap(chance: random.Random, after: int, at_once: float) -> Snap:
    victim = chance.choice((EXECUTOR, EXECUTOR, SIMEX))
    return Snap(after, victim, chance.randint(1, 4), chance.random() < 0.5, chance.random() < at_once)


def _partition(chance: random.Random, after: int, channels: Sequence[str]) -> Partition:
    return Partition(
        after, chance.choice(list(channels)), chance.choice((CUT, STALLED, RESPONSES_DROPPED)), chance.randint(1, 25)
    )


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
    """Yields the market's position at each beat, in intervals from its anchor: a mean-reverting walk without end."""
    chance = random.Random(f"walk {seed}")  # noqa: S311  # a market of chance is no secret
    place = 0.0
    while True:
        place += chance.gauss(0, _STEP) - _PULL * place
        yield place


_STEP, _PULL = 0.8, 0.03


def _event(values: Mapping[str, Any]) -> Event:
    rest: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return _KINDS[rest.pop("kind")](**rest)

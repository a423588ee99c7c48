"""What a case of the crash matrix is, and the id by which it is played again. `player` plays it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from gridchaos.harness.venue_faults import VenueFault
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridservice.crash_point_names import CRASH_POINTS

_E = TypeVar("_E", bound=Enum)


class Phase(Enum):
    """What the grid is about when the process dies."""

    PLACING = "placing"  # its first start, and the first orders
    DOUBT = "doubt"  # the same, and one of them, whose answer is lost, is filled before look-ups show it
    FILL = "fill"  # an order is filled, its counter order is placed
    PARTIAL = "partial"  # an order is filled by half, then the rest
    TRAILING = "trailing"  # the price rises: the farthest orders are cancelled, nearer ones placed
    CROSSING = "crossing"  # the same, and one of the orders is filled just before its cancel arrives
    PRUNING = "pruning"  # it starts after so long that old workflows go; then an order is filled
    HALT = "halt"  # into safe mode by hand: the opening orders are cancelled
    LIFT = "lift"  # out of safe mode by hand: they are placed again


def service_of(point: str) -> str:
    """Who passes a crash point."""
    return EXECUTOR if point.startswith(EXECUTOR) else ORCHESTRATOR


@dataclass(frozen=True, slots=True)
class Case:
    """`point` is what GRIDWRIGHT_CRASH takes: a name, or a name and its n-th pass.

    Several of one service, joined by `+`: it dies at the first, then at the next while it recovers, and so on.
    """

    point: str
    phase: Phase
    fault: VenueFault = VenueFault.NONE

    @property
    def id(self) -> str:
        """By which the case is played again: `executor.place.after:2/fill/none`."""
        return f"{self.point}/{self.phase.value}/{self.fault.value}"

    @property
    def service(self) -> str:
        """Who dies."""
        return service_of(self.point)

    @property
    def deaths(self) -> tuple[str, ...]:
        """The points, one for each run."""
        return tuple(self.point.split("+"))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the points, without their passes."""
        return tuple(point.partition(":")[0] for point in self.deaths)

    @classmethod
    def parse(cls, text: str) -> "Case":
        """The case of an id. Raises ValueError, with a sentence, for what is none."""
        parts = text.split("/")
        if len(parts) != 3:
            raise ValueError(f"{text!r} is no case: give point/phase/fault, such as executor.told/fill/none")
        point, phase, fault = parts
        case = cls(point, _one_of(Phase, "phase", phase), _one_of(VenueFault, "fault", fault))
        for name in case.names:
            if name not in CRASH_POINTS:
                raise ValueError(f"{name!r} is no crash point: docs/crash-points.md lists them")
        if len({name.partition(".")[0] for name in case.names}) > 1:
            raise ValueError(f"{point!r} names points of two services: those that a + joins are of one")
        return case


def _one_of(kind: type[_E], what: str, value: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise ValueError(f"{value!r} is no {what}: give one of {known}") from None

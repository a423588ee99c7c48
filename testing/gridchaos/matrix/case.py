"""Case of the crash matrix, and the id by which it is played again. `player` plays it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from gridchaos.harness.venue_faults import VenueFault
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridservice.crash_point_names import CRASH_POINTS

_E = TypeVar("_E", bound=Enum)


class Phase(Enum):
    """Activity of the grid when the process dies."""

    PLACING = "placing"  # its first startup, and the first orders
    DOUBT = "doubt"  # as PLACING; one order, whose answer is lost, is filled before look-ups show it
    FILL = "fill"  # an order is filled, its counter order is placed
    PARTIAL = "partial"  # an order is filled by half, then the rest
    TRAILING = "trailing"  # the price rises: the farthest orders are cancelled, nearer ones placed
    CROSSING = "crossing"  # as TRAILING; one of the orders is filled just before its cancel arrives
    PRUNING = "pruning"  # it starts after so long that old workflows are pruned; then an order is filled
    HALT = "halt"  # an operator enters safe mode: the opening orders are cancelled
    LIFT = "lift"  # an operator exits safe mode: they are placed again


def service_of(point: str) -> str:
    """Returns the service that passes a crash point."""
    return EXECUTOR if point.startswith(EXECUTOR) else ORCHESTRATOR


@dataclass(frozen=True, slots=True)
class Case:
    """Case of the matrix. `point` is a value of GRIDWRIGHT_CRASH: a name, or a name and its n-th pass.

    Several points of one service, joined by `+`: it dies at the first, then at the next while it recovers, and so on.
    """

    point: str
    phase: Phase
    fault: VenueFault = VenueFault.NONE

    @property
    def id(self) -> str:
        """Id by which the case is played again: `executor.place.after:2/fill/none`."""
        return f"{self.point}/{self.phase.value}/{self.fault.value}"

    @property
    def service(self) -> str:
        """Service that dies."""
        return service_of(self.point)

    @property
    def deaths(self) -> tuple[str, ...]:
        """Points, one for each run."""
        return tuple(self.point.split("+"))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the points, without their passes."""
        return tuple(point.partition(":")[0] for point in self.deaths)

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Returns the case of an id. Raises ValueError, with a sentence, for an invalid id."""
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

"""What a case of the crash matrix is, and the id by which it is played again. `player` plays it."""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from gridctl.house import EXECUTOR, ORCHESTRATOR
from gridwright.v1 import simex_pb2


class Phase(Enum):
    """What the grid is about when the process dies."""

    PLACING = "placing"  # its first start, and the first orders
    FILL = "fill"  # an order is filled, its counter order is placed
    HALT = "halt"  # into safe mode by hand: the opening orders are cancelled


class VenueFault(Enum):
    """What the venue does to the next place, besides."""

    NONE = "none"
    LOST_ANSWER = "lost-answer"  # placed, and the connection is reset
    CUT_ANSWER = "cut-answer"  # placed, and half of the answer is sent

    @property
    def fault(self) -> simex_pb2.Fault | None:
        """For simex; None where there is none."""
        match self:
            case VenueFault.NONE:
                return None
            case VenueFault.LOST_ANSWER:
                kind = simex_pb2.FAULT_KIND_RESET_AFTER
            case VenueFault.CUT_ANSWER:
                kind = simex_pb2.FAULT_KIND_CUT_BODY
            case _:
                assert_never(self)
        return simex_pb2.Fault(kind=kind, endpoint="POST order", count=1)


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
        return EXECUTOR if self.point.startswith(EXECUTOR) else ORCHESTRATOR

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
        """The case of an id. Raises ValueError for what is none."""
        point, phase, fault = text.split("/")
        return cls(point, Phase(phase), VenueFault(fault))

"""Who works for one symbol, put together."""

from dataclasses import dataclass

from orchestrator.activities import Activities
from orchestrator.batch_client import BatchClient
from orchestrator.bridge import Bridge
from orchestrator.conditions import ConditionsWatch
from orchestrator.desk import Desk
from orchestrator.halting import Halting
from orchestrator.loop import Launcher, SymbolLoop
from orchestrator.mode_changes import ModeChanger


@dataclass(frozen=True, slots=True)
class Team:
    """A desk and those who work at it."""

    desk: Desk
    loop: SymbolLoop
    changer: ModeChanger
    activities: Activities
    halting: Halting
    conditions: ConditionsWatch
    batches: BatchClient
    bridge: Bridge


def gather(desk: Desk, launcher: Launcher, batches: BatchClient, bridge: Bridge) -> Team:
    """The team for a desk."""
    loop = SymbolLoop(desk, launcher)
    changer = ModeChanger(desk, loop)
    return Team(
        desk,
        loop,
        changer,
        Activities(desk, batches, bridge),
        Halting(desk, changer),
        ConditionsWatch(desk, loop),
        batches,
        bridge,
    )

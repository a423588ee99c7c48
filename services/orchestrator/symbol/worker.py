"""Who works for one symbol, put together."""

from dataclasses import dataclass

from orchestrator.clients.batch_execute import BatchClient
from orchestrator.symbol.conditions import ConditionsWatch
from orchestrator.symbol.context import Desk
from orchestrator.symbol.loop import Launcher, SymbolLoop
from orchestrator.symbol.mode_changes import ModeChanger
from orchestrator.symbol.safe_mode import Halting
from orchestrator.symbol.trading_step import Activities
from orchestrator.thread_bridge import Bridge


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

"""Who works for one symbol, put together."""

from dataclasses import dataclass

from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.symbol.conditions import ConditionsWatch
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.loop import SymbolLoop, WorkflowStarter
from orchestrator.symbol.mode_changes import ModeChanger
from orchestrator.symbol.safe_mode import SafeModeProcedure
from orchestrator.symbol.trading_step import TradingStep
from orchestrator.thread_bridge import ThreadBridge


@dataclass(frozen=True, slots=True)
class SymbolWorker:
    """A desk and those who work at it."""

    desk: SymbolContext
    loop: SymbolLoop
    changer: ModeChanger
    activities: TradingStep
    halting: SafeModeProcedure
    conditions: ConditionsWatch
    batches: BatchExecuteClient
    bridge: ThreadBridge


def build_worker(
    desk: SymbolContext, launcher: WorkflowStarter, batches: BatchExecuteClient, bridge: ThreadBridge
) -> SymbolWorker:
    """The team for a desk."""
    loop = SymbolLoop(desk, launcher)
    changer = ModeChanger(desk, loop)
    return SymbolWorker(
        desk,
        loop,
        changer,
        TradingStep(desk, batches, bridge),
        SafeModeProcedure(desk, changer),
        ConditionsWatch(desk, loop),
        batches,
        bridge,
    )

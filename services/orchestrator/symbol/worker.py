"""Wires the parts that serve one symbol."""

from dataclasses import dataclass

from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.symbol.conditions import ConditionsWatch
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.loop import SymbolLoop
from orchestrator.symbol.mode_changes import ModeChanger
from orchestrator.symbol.safe_mode import SafeModeProcedure
from orchestrator.symbol.trading_step import TradingStep
from orchestrator.symbol.under_way import ProceduresUnderWay, WorkflowStarter
from orchestrator.thread_bridge import ThreadBridge


@dataclass(frozen=True, slots=True)
class SymbolWorker:
    """A symbol's context and the parts that work on it."""

    context: SymbolContext
    loop: SymbolLoop
    changer: ModeChanger
    trading_step: TradingStep
    procedures: ProceduresUnderWay
    safe_mode: SafeModeProcedure
    conditions: ConditionsWatch
    batches: BatchExecuteClient
    bridge: ThreadBridge


def build_worker(
    context: SymbolContext, starter: WorkflowStarter, batches: BatchExecuteClient, bridge: ThreadBridge
) -> SymbolWorker:
    """Builds the worker for a context."""
    procedures = ProceduresUnderWay(starter)
    loop = SymbolLoop(context, starter, procedures)
    changer = ModeChanger(context, loop)
    return SymbolWorker(
        context,
        loop,
        changer,
        TradingStep(context, batches, bridge),
        procedures,
        SafeModeProcedure(context, changer, procedures),
        ConditionsWatch(context, loop),
        batches,
        bridge,
    )

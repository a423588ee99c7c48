"""The live view for an output that is no terminal: one line per second."""

from gridctl.view import formatting
from gridctl.view.snapshot import Snapshot
from gridwright.v1 import orchestrator_pb2


def plain_line(snapshot: Snapshot) -> str:
    """Formats price with its age, position, profit, fills, mode, and the last step with the time of its phases."""
    if snapshot.answer is None:
        return f"{snapshot.symbol} {snapshot.headline}: waiting for the orchestrator"
    answer, totals = snapshot.answer, snapshot.answer.state.totals
    parts = [
        snapshot.symbol,
        snapshot.headline,
        formatting.standing(answer),
        f"price {formatting.amount(answer.price)} age {formatting.age(answer.price_age_ms)}",
        f"position {formatting.amount(totals.position)}",
        f"realised {formatting.pnl(totals.realised_pnl)} unrealised {formatting.pnl(answer.unrealised_pnl)}",
        f"fills {totals.fills} rounds {totals.rounds}",
    ]
    if answer.unknown_orders:
        parts.append(formatting.doubt(answer))
    if snapshot.troubles:
        parts.append("; ".join(snapshot.troubles))
    if not snapshot.connected:
        parts.append(f"no answer from the orchestrator for {snapshot.answer_age_s:.1f} s")
    elif answer.last_steps:
        parts.append(_step(answer.last_steps[0]))
    return " | ".join(parts)


def _step(step: orchestrator_pb2.TradingStep) -> str:
    times = " ".join(f"{name} {text}" for name, text in formatting.phase_times(step).items())
    return f"step {step.seq} by {formatting.trigger(step)} {times} ms".replace("  ", " ")

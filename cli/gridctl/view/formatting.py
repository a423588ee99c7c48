"""Formats values for a terminal: short, aligned, never rounded in a misleading way."""

from datetime import UTC, datetime
from decimal import Decimal

from gridcore.model.money import canonical
from gridctl.view.snapshot import number
from gridwright.v1 import models_pb2, orchestrator_pb2

MODE_STYLES = {
    "RUNNING": "bold green",
    "PAUSED": "bold yellow",
    "ENTERING": "bold magenta",
    "SAFE": "bold red",
    "REFUSED": "bold red",
}
STATUS_STYLES = {"FREE": "dim", "LOCKED": "cyan", "PENDING": "bold yellow", "UNKNOWN": "bold red"}
POSITION_STYLES = {"EMPTY": "dim", "FILLED": "green", "DUST": "yellow"}
SIDE_STYLES = {"buy": "green", "sell": "red"}
PHASES = ("decide", "record", "execute", "commit")


def amount(text: str, places: int = 8) -> str:
    """A quantity with at most `places` decimals; `–` if unknown."""
    value = number(text)
    if value is None:
        return "–"
    exponent = value.as_tuple().exponent
    too_long = isinstance(exponent, int) and -exponent > places
    return canonical(round(value, places) if too_long else value)


def pnl(text: str) -> str:
    """Profit or loss with its sign and four decimals; `–` if unknown."""
    value = number(text)
    return "–" if value is None else f"{value:+.4f}"


def pnl_style(text: str) -> str:
    """Green for a gain, red for a loss."""
    value = number(text) or Decimal(0)
    return "green" if value > 0 else "red" if value < 0 else ""


def age(milliseconds: int) -> str:
    """How long ago: `0.4 s`, `12 s`, `3 min`; `never` below 0."""
    if milliseconds < 0:
        return "never"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def duration(nanoseconds: int) -> str:
    """A phase's time in at most five characters: in milliseconds, or in seconds with an `s`."""
    milliseconds = nanoseconds / 1e6
    if milliseconds < 100:
        return f"{milliseconds:.1f}"
    return f"{milliseconds:.0f}" if milliseconds < 10_000 else f"{milliseconds / 1000:.0f}s"


def mode(state: models_pb2.State) -> str:
    """RUNNING, PAUSED, ENTERING or SAFE."""
    return models_pb2.Mode.Name(state.risk.mode).removeprefix("MODE_")


def standing(answer: orchestrator_pb2.GetStateResponse) -> str:
    """The grid's mode; REFUSED if the orchestrator does not run the grid."""
    return "REFUSED" if answer.refused else mode(answer.state)


def doubt(answer: orchestrator_pb2.GetStateResponse) -> str:
    """How many orders are UNKNOWN, and the age of the oldest; empty if there are none."""
    count = answer.unknown_orders
    if not count:
        return ""
    since = f" for {age(answer.oldest_unknown_age_ms)}" if answer.oldest_unknown_age_ms >= 0 else ""
    return (
        f"1 order is UNKNOWN{since}" if count == 1 else f"{count} orders are UNKNOWN, the oldest{since or ' for long'}"
    )


def when(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def foreign(state: models_pb2.State) -> str:
    """How many foreign orders are in the market, and their remaining amounts in quote."""
    others, quote = state.foreign, state.symbol.partition("/")[2]
    what = f"{amount(others.buying)} {quote} to buy, {amount(others.selling)} {quote} to sell"
    return f"{others.orders} open {'order is' if others.orders == 1 else 'orders are'} not ours: {what}"


def slot_status(slot: models_pb2.InventorySlot) -> str:
    """FREE, PENDING or LOCKED; UNKNOWN if the slot is PENDING because its order is."""
    if slot.order.status == models_pb2.ORDER_STATUS_UNKNOWN:
        return "UNKNOWN"
    return models_pb2.SlotStatus.Name(slot.status).removeprefix("SLOT_STATUS_")


def position_status(slot: models_pb2.InventorySlot) -> str:
    """EMPTY, FILLED or DUST."""
    return models_pb2.PositionStatus.Name(slot.position_status).removeprefix("POSITION_STATUS_")


def side(value: models_pb2.Side.ValueType) -> str:
    """Returns `buy` or `sell`."""
    return "buy" if value == models_pb2.SIDE_BUY else "sell"


_TRIGGERS = {
    "price_change": "price",
    "tick": "tick",
    "mode_change": "mode",
    "conditions_seen": "venue",
    "state_rebuilt": "anew",
}


def trigger(step: orchestrator_pb2.TradingStep) -> str:
    """The trigger of the step, in at most five letters."""
    kind = step.plan.trigger.WhichOneof("kind")
    if kind == "order_updates":
        updates = step.plan.trigger.order_updates.updates
        return "fill" if any(update.WhichOneof("kind") == "fill" for update in updates) else "order"
    return _TRIGGERS.get(kind or "", "")


def phase_times(step: orchestrator_pb2.TradingStep) -> dict[str, str]:
    """Each phase's time by its name; a phase that the step did not run is absent."""
    return {phase.name: duration(phase.duration_ns) for phase in step.phases}

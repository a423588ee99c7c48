"""The ladder: the slots by price, highest first, with a price line, clipped around it to the available rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from gridctl.view import formatting
from gridctl.view.snapshot import Snapshot, number
from gridwright.v1 import models_pb2

_WIDE = 48  # columns from which there is room for the position and the rounds


@dataclass(frozen=True, slots=True)
class Clip:
    """The visible part of the ladder: slots above and below the price line, the nearest on each side."""

    above: Sequence[models_pb2.InventorySlot]
    below: Sequence[models_pb2.InventorySlot]
    hidden_above: int
    hidden_below: int


def clip(state: models_pb2.State, price: str, rows: int) -> Clip:
    """At most `rows - 1` slots (the price line takes one row), balanced around the price."""
    line = number(price) or number(state.last_price) or 0
    slots = sorted(state.slots.values(), key=lambda slot: number(slot.price) or 0, reverse=True)
    above = [slot for slot in slots if (number(slot.price) or 0) > line]
    below = slots[len(above) :]
    room = max(0, rows - 1)
    upper = min(len(above), max(room // 2, room - len(below)))
    lower = min(len(below), room - upper)
    return Clip(above[len(above) - upper :], below[:lower], len(above) - upper, len(below) - lower)


def draw_ladder(snapshot: Snapshot, rows: int, width: int) -> Table:
    """Draws a table with the header and at most `rows` rows."""
    wide = width >= _WIDE
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    # Minimum widths that typical content needs, so that the columns do not jump as it changes.
    table.add_column("slot", justify="right", no_wrap=True, min_width=8)
    table.add_column("status", no_wrap=True, min_width=7)
    table.add_column("holds", no_wrap=True, min_width=6)
    table.add_column("order", no_wrap=True, min_width=13)
    if wide:
        table.add_column("quantity", justify="right", no_wrap=True)
        table.add_column("rounds", justify="right", no_wrap=True)
    if snapshot.answer is None:
        return table
    shown = clip(snapshot.answer.state, snapshot.answer.price, rows)
    for slot in shown.above:
        table.add_row(*_row(slot, wide=wide))
    beyond = ((shown.hidden_above, "▲"), (shown.hidden_below, "▼"))
    hidden = " ".join(f"+{count}{arrow}" for count, arrow in beyond if count)
    price = formatting.amount(snapshot.answer.price)
    line = [Text(price, style="bold reverse"), Text("◀ price", style="bold"), Text(""), Text(hidden, style="dim")]
    table.add_row(*line, *(["", ""] if wide else []))
    for slot in shown.below:
        table.add_row(*_row(slot, wide=wide))
    return table


def _row(slot: models_pb2.InventorySlot, *, wide: bool) -> list[Text]:
    status, holds = formatting.slot_status(slot), formatting.position_status(slot)
    row = [
        Text(formatting.amount(slot.price), style="dim" if slot.retiring else ""),
        Text(status, style=formatting.STATUS_STYLES.get(status, "")),
        Text(holds, style=formatting.POSITION_STYLES.get(holds, "")),
        _order(slot),
    ]
    if wide:
        quantity = slot.order.quantity if slot.HasField("order") else slot.position
        row += [Text(formatting.amount(quantity) if quantity else ""), Text(str(slot.round), style="dim")]
    return row


def _order(slot: models_pb2.InventorySlot) -> Text:
    if not slot.HasField("order"):
        return Text("retiring" if slot.retiring else "", style="dim")
    side = formatting.side(slot.order.side)
    partly = "~" if (number(slot.order.executed) or 0) > 0 else " "  # partly filled
    return Text(f"{side:4}{partly}{formatting.amount(slot.order.price)}", style=formatting.SIDE_STYLES[side])

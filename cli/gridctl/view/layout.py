"""The layout of the live view: turns a snapshot into a rich renderable that fits the terminal. It does no I/O."""

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gridctl.view.ladder import draw_ladder
from gridctl.view.panels import (
    HEAD_ROWS,
    draw_fills,
    draw_head,
    draw_incidents,
    draw_services,
    draw_steps,
    draw_troubles,
)
from gridctl.view.snapshot import Snapshot

_LADDER_SHARE = 0.46  # of the width
_LEFT_WIDTH = 37  # what the ladder needs
_RIGHT_WIDTH = 43  # what the steps need, and the gap
_INCIDENT_ROWS = 4
_TROUBLE_ROWS = 3
_HEADERS = 2  # of the fills and the steps


def draw(snapshot: Snapshot, width: int, height: int) -> RenderableType:
    """Draws the whole screen: head, troubles, ladder beside steps and fills, services and incidents."""
    troubles = draw_troubles(snapshot, min(_TROUBLE_ROWS, max(1, height // 12)), width)
    incidents = draw_incidents(snapshot, min(_INCIDENT_ROWS, max(2, height // 6)))
    body_rows = max(6, height - HEAD_ROWS - 1 - len(troubles) - len(incidents) - (2 if snapshot.services else 0))
    left = min(max(int(width * _LADDER_SHARE), _LEFT_WIDTH), width - _RIGHT_WIDTH)
    parts: list[RenderableType] = [*draw_head(snapshot, width), *troubles, _titles(width, left)]
    parts.append(_body(snapshot, body_rows, left, width - left - 1))
    if snapshot.services:
        parts += [Rule(style="dim"), draw_services(snapshot)]
    return Group(*parts, *incidents)


def _titles(width: int, left: int) -> Text:
    """The rule above the body, with the titles of both columns."""
    return Text(
        " slots by price ".center(left, "─") + "─" + " last steps, phases in ms ".center(width - left - 1, "─"), "dim"
    )


def _body(snapshot: Snapshot, rows: int, left: int, right: int) -> Table:
    right_rows = rows - _HEADERS - 1
    steps = right_rows // 2
    body = Table.grid(padding=(0, 1, 0, 0))
    body.add_column(width=left)
    body.add_column(width=right)
    body.add_row(
        _exactly(draw_ladder(snapshot, rows - 1, left), rows),
        Group(draw_steps(snapshot, steps), "", draw_fills(snapshot, right_rows - steps, right)),
    )
    return body


def _exactly(table: Table, rows: int) -> RenderableType:
    """The ladder padded with blank rows, so that the rows below do not move."""
    return Group(table, *[""] * max(0, rows - 1 - table.row_count))

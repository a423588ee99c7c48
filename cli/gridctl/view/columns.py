"""Tables that fit a terminal without breaking words or numbers: columns that do not fit go into a second table."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

_GAP = 2  # between two columns
Cell = str | Text


def fitting(header: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> list[Table]:
    """Splits rows into as few tables of at most `width` characters as possible, all equally wide.

    Each table begins with the first cell, the row's name. A row may be shorter than the header. A line is longer than
    `width` only if a name and one cell together do not fit.
    """
    widths = [_widest(header, rows, number) for number in range(len(header))]
    groups = _groups(widths, width)
    for narrower in range(width - 1, 0, -1):
        tighter = _groups(widths, narrower)
        if len(tighter) > len(groups):
            break
        groups = tighter
    return [_table(header, rows, group) for group in groups]


def _groups(widths: Sequence[int], width: int) -> list[list[int]]:
    """The column numbers of each table."""
    groups = [[0]]
    for number in range(1, len(widths)):
        together = sum(widths[each] for each in [*groups[-1], number]) + _GAP * len(groups[-1])
        if len(groups[-1]) > 1 and together > width:
            groups.append([0])
        groups[-1].append(number)
    return groups


def _widest(header: Sequence[str], rows: Sequence[Sequence[Cell]], number: int) -> int:
    return max([len(header[number]), *(_length(row[number]) for row in rows if number < len(row))])


def _length(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else Text(cell).cell_len


def _table(header: Sequence[str], rows: Sequence[Sequence[Cell]], group: Sequence[int]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0))
    for number in group:
        table.add_column(header[number], no_wrap=True, min_width=_widest(header, rows, number))
    for row in rows:
        table.add_row(*(row[number] if number < len(row) else "" for number in group))
    return table

"""docs/states.md is what the tables give."""

from pathlib import Path

import pytest

from gridcore.diagrams import page
from gridcore.model.modes import MODE_TRANSITIONS
from gridcore.model.orders import TRANSITIONS, OrderStatus
from gridcore.model.slots import POSITION_TRANSITIONS, SLOT_TRANSITIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_page_is_what_the_tables_give() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run: python -m gridcore.diagrams > docs/states.md"


TABLES = {"order": TRANSITIONS, "slot": SLOT_TRANSITIONS, "position": POSITION_TRANSITIONS, "mode": MODE_TRANSITIONS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_an_arrow(table: dict[OrderStatus, dict[object, object]]) -> None:
    arrows = [line.split(":")[0].split() for line in page().splitlines() if "-->" in line]
    starts = {arrow[0] for arrow in arrows}

    assert {status.value for status, row in table.items() if row} <= starts
    assert all(len(arrow) == 3 for arrow in arrows)

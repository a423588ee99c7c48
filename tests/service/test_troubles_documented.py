"""Each kind of trouble has its section in docs/operations.md, and `status` points there."""

import re
from pathlib import Path

import pytest

from gridctl.view.troubles import MANUAL, gathered
from gridservice.troubles import Kind
from gridwright.v1 import models_pb2

ROOT = Path(__file__).parents[2]
HEADINGS = re.findall(r"^### (.+)$", (ROOT / MANUAL).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_has_its_section_and_status_points_there(kind: Kind) -> None:
    assert HEADINGS.count(kind.value) == 1
    (shown,) = gathered("executor", [models_pb2.Trouble(kind=kind.value)])
    assert shown.manual == f"docs/operations.md#{kind.value.lower()}"


def test_no_section_is_about_a_kind_that_there_is_not() -> None:
    kinds = {kind.value for kind in Kind}
    assert [heading for heading in HEADINGS if re.fullmatch(r"[A-Z_]{4,}", heading) and heading not in kinds] == []

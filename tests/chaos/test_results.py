"""Results: lines that outlive a kill, sums and the table that is made of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gridchaos.report import BEGIN, END, table, write_into
from gridchaos.results import ENGINE, ZEROS, Result, append, read, sums

PLAYED = Result(
    "case", "executor.told/fill/none", "sqlite", kills=1, faults=2, fills=3, seconds=1.5,
    protected_ms=(250,), unknown_ms=(1_900, 40),
)  # fmt: skip
FAILED = replace(PLAYED, id="executor.told/halt/none", lost_fills=1, protected_ms=(3_000, 350), problems=("a fill",))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for result in (PLAYED, FAILED):
        append(path, result)
    assert read(path) == [PLAYED, FAILED]


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append(path, PLAYED)
    with path.open("a", encoding="utf-8") as file:
        file.write(FAILED.line()[:40])
    assert read(path) == [PLAYED]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"bot": "demo"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="no line of results"):
        read(path)


def test_a_result_is_clean_where_every_promise_held_and_nothing_else_went_wrong() -> None:
    assert PLAYED.clean
    assert not replace(PLAYED, problems=("it does not come to rest",)).clean
    assert not any(replace(PLAYED, **{name: 1}).clean for name in ZEROS)  # type: ignore[arg-type]  # counts, all of them


def test_a_line_names_the_engine_and_without_one_it_is_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, "another")
    result = Result("case", "executor.told/fill/none", "sqlite", 1, 0, 0, 1.5)
    values = json.loads(result.line())
    assert Result.parse(result.line()).engine == values.pop("engine") == "another"
    assert Result.parse(json.dumps(values)).engine == "dbos"


def test_sums_are_made_for_each_kind_database_and_engine() -> None:
    storm, elsewhere = replace(PLAYED, kind="storm"), replace(PLAYED, database="postgres")
    found = sums([PLAYED, storm, FAILED, elsewhere, replace(storm, engine="another")])
    assert [(one.kind, one.database, one.engine) for one in found] == [
        ("case", "postgres", "dbos"),
        ("case", "sqlite", "dbos"),
        ("storm", "sqlite", "another"),
        ("storm", "sqlite", "dbos"),
    ]
    both = found[1]
    assert (both.played, both.kills, both.faults, both.fills) == (2, 2, 4, 6)
    assert (both.protected_median_ms, both.protected_worst_ms, both.unknown_worst_ms) == (350, 3_000, 1_900)
    assert dict(zip(ZEROS, both.zeros, strict=True))["lost_fills"] == 1
    assert both.failed == (FAILED.id,)


def test_the_table_says_what_failed_unless_it_has_been_played_well_since() -> None:
    again = replace(FAILED, lost_fills=0, problems=())
    assert f"- failed: `{FAILED.id}`" in table([PLAYED, FAILED])
    assert "failed" not in table([PLAYED, FAILED, again])
    assert "| the matrix | sqlite | dbos | 2 | 2 | 4 | 6 | 0 | 0 | 0 | 0 | 0 | 0 | 0.35 s | 3.00 s | 1.90 s |" in table(
        [PLAYED, FAILED, again]
    )


def test_the_page_gets_the_table_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_into(page, [PLAYED])
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{table([PLAYED])}\n{END}\nafter\n"


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        write_into(page, [PLAYED])

"""Reading a TOML file: typed values, and a sentence with field, value and remedy for each that cannot be used."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from gridservice.config_file import ConfigError, Table, read_toml


class Colour(Enum):
    RED = 1
    BLUE = 2


TABLE = Table(
    {
        "name": "x", "flag": True, "count": 3, "price": "1.50", "whole": 7, "colour": "blue", "inner": {"a": 1},
        "rows": [{"b": 1}, {"b": 2}], "float": 1.5, "bad": "nan", "mixed": [{"b": 1}, 2],
        "words": ["a", "b"],
    },
    "top",
)  # fmt: skip


def test_values_are_read_by_type() -> None:
    assert TABLE.text("name") == "x"
    assert TABLE.texts("words") == ["a", "b"]
    assert TABLE.flag("flag") is True
    assert TABLE.integer("count", least=3) == 3
    assert TABLE.decimal("price") == Decimal("1.5")
    assert TABLE.decimal("whole", above=Decimal(6), least=Decimal(7)) == Decimal(7)
    assert TABLE.choice("colour", Colour) is Colour.BLUE
    assert TABLE.table("inner").integer("a") == 1
    assert [row.integer("b") for row in TABLE.tables("rows")] == [1, 2]


def test_what_is_absent_takes_its_default() -> None:
    assert TABLE.text("absent", "d") == "d"
    assert TABLE.decimal("absent", Decimal(2)) == Decimal(2)
    assert TABLE.choice("absent", Colour, Colour.RED) is Colour.RED
    assert TABLE.table("absent").text("x", "") == ""
    assert TABLE.tables("absent") == []


def test_flags_of_a_command_replace_the_files_values_and_keep_its_name() -> None:
    overridden = TABLE.overridden({"name": "y"})

    assert (overridden.text("name"), overridden.integer("count"), overridden.field("name")) == ("y", 3, "top.name")


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (lambda: TABLE.text("absent"), "top.absent is missing: add it"),
        (lambda: TABLE.text("count"), "top.count = 3: give a string"),
        (lambda: TABLE.texts("name"), "top.name = 'x': give an array of strings"),
        (lambda: TABLE.texts("rows"), "top.rows = [{'b': 1}, {'b': 2}]: give an array of strings"),
        (lambda: TABLE.flag("count"), "top.count = 3: give true or false"),
        (lambda: TABLE.integer("flag"), "top.flag = True: give a whole number"),
        (lambda: TABLE.integer("name", least=4), "top.name = 'x': give a whole number of at least 4"),
        (lambda: TABLE.integer("count", least=4), "top.count = 3: give a whole number of at least 4"),
        (lambda: TABLE.decimal("float"), "top.float = 1.5: give a decimal as a string"),
        (lambda: TABLE.decimal("bad"), "top.bad = 'nan': give a decimal as a string"),
        (lambda: TABLE.decimal("name"), "top.name = 'x': give a decimal as a string"),
        (lambda: TABLE.decimal("price", above=Decimal("1.5")), "top.price = '1.50': give a decimal as a string"),
        (lambda: TABLE.decimal("price", least=Decimal(2)), "top.price = '1.50': give a decimal as a string"),
        (lambda: TABLE.choice("name", Colour), "top.name = 'x': give one of red, blue"),
        (lambda: TABLE.table("name"), "top.name = 'x': make it a table: [top.name]"),
        (lambda: TABLE.tables("inner"), "top.inner = {'a': 1}: make it an array of tables: [[top.inner]]"),
        (lambda: TABLE.tables("mixed"), "top.mixed = 2: make it an array of tables: [[top.mixed]]"),
        (lambda: TABLE.tables("rows")[1].text("b"), "top.rows[1].b = 2: give a string"),
    ],
)
def test_what_cannot_be_used_is_refused_with_field_value_and_remedy(read: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read()

    assert str(refused.value).startswith(sentence)
    assert "None" not in str(refused.value)


def test_a_key_that_nobody_read_is_refused_by_name() -> None:
    table = Table({"limit": 1, "limmit": 2}, "risk")
    table.integer("limit")

    with pytest.raises(ConfigError, match=r"risk\.limmit = 2: no such setting; known here: limit"):
        table.refuse_unread()


def test_an_optional_key_that_is_absent_is_still_one_that_is_known() -> None:
    table = Table({"max_jmp": "0.05"}, "risk")
    assert not table.has("max_jump")

    with pytest.raises(ConfigError, match="no such setting; known here: max_jump"):
        table.refuse_unread()


def test_a_file_that_is_all_read_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('[a]\nb = "c"\n')
    table = read_toml(path)

    assert table.table("a").text("b") == "c"
    table.refuse_unread()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, "the file cannot be read (No such file or directory)", id="absent"),
        pytest.param(b"a = \n", "not valid TOML: ", id="not TOML"),
        pytest.param(b"\xff\xfe", "not valid TOML: ", id="not text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_path(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "grid.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as refused:
        read_toml(path)

    assert str(refused.value).startswith(f"config = '{path}': {sentence}")

"""A dataclass that declares settings is read from a table: types, defaults, bounds, and sentences for bad values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest

from gridcore.model.setting import Setting
from gridservice.config_file import ConfigError, Table
from gridservice.settings import declared, read_section, read_setting
from gridservice.shared_settings import Addresses, host_and_port


class Colour(Enum):
    RED = "RED"
    BLUE = "BLUE"


def short(text: str) -> str:
    if len(text) > 3:
        raise ValueError("give at most 3 letters")
    return text.upper()


@dataclass(frozen=True)
class Example:
    """Every type that a setting can have, and two fields that are no settings."""

    name: Annotated[str, Setting("a name", parse=short)]
    number: int
    count: Annotated[int, Setting("a count", least=3)] = 5
    price: Annotated[Decimal | None, Setting("a price", above=0)] = None
    share: Annotated[Decimal, Setting("a share", least=0)] = Decimal("0.5")
    on: Annotated[bool, Setting("a switch")] = True
    colour: Annotated[Colour, Setting("a colour")] = Colour.RED
    folder: Annotated[Path, Setting("a folder")] = Path("here")
    words: Annotated[tuple[str, ...], Setting("words")] = ("a",)
    kept_ms: Annotated[int, Setting("hours", key="kept_hours", least=1, times=3_600_000)] = 3_600_000
    password: Annotated[str, Setting("a secret", parse=short, secret=True)] = ""
    computed: str = "no setting"


def read(**values: Any) -> Example:
    return read_section(Example, Table(values, "top"), number=7)


def test_what_is_absent_has_its_default() -> None:
    assert read(name="x") == Example("X", 7)


def test_every_type_is_read() -> None:
    given = read(
        name="x", count=3, price="1.50", share=0, on=False, colour="blue", folder="there", words=["b", "c"],
        kept_hours=2, password="abc",
    )  # fmt: skip
    assert given == Example(
        "X", 7, 3, Decimal("1.50"), Decimal(0), False, Colour.BLUE, Path("there"), ("b", "c"), 7_200_000, "ABC"
    )


def test_a_default_may_be_computed_and_the_file_goes_before_it() -> None:
    def count(**values: Any) -> int:
        return read_section(Example, Table({"name": "x"} | values), number=7, count=9).count

    assert (count(), count(count=4)) == (9, 4)
    assert read_setting(Example, "count", Table({})) == 5
    assert read_setting(Example, "count", Table({}), 8) == 8


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param({}, "top.name is missing: add it; docs/configuration.md describes it", id="required"),
        pytest.param({"name": 1}, "top.name = 1: give a string", id="text"),
        pytest.param({"name": "long"}, "top.name = 'long': give at most 3 letters", id="parse"),
        pytest.param({"count": 2}, "top.count = 2: give a whole number of at least 3", id="least"),
        pytest.param({"count": True}, "top.count = True: give a whole number of at least 3", id="flag for a number"),
        pytest.param(
            {"price": "0"}, "top.price = '0': give a decimal as a string, such as \"0.01\", above 0", id="above"
        ),
        pytest.param({"price": 1.5}, "top.price = 1.5: give a decimal as a string", id="float"),
        pytest.param(
            {"share": "-1"}, "top.share = '-1': give a decimal as a string, such as \"0.01\", at least 0", id="share"
        ),
        pytest.param({"on": 1}, "top.on = 1: give true or false", id="flag"),
        pytest.param({"colour": "RED!"}, "top.colour = 'RED!': give one of red, blue", id="choice"),
        pytest.param({"words": "a"}, "top.words = 'a': give an array of strings", id="texts"),
        pytest.param({"kept_hours": 0}, "top.kept_hours = 0: give a whole number of at least 1", id="hours"),
        pytest.param({"password": "secret"}, "top.password = ***: give at most 3 letters", id="secret"),
    ],
)
def test_what_cannot_be_used_is_refused_with_field_value_and_remedy(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(**({"name": "x"} if values and "name" not in values else {}) | values)

    assert str(refused.value).startswith(sentence)
    assert "None" not in str(refused.value)


def test_an_unknown_key_is_refused_with_all_that_the_section_declares() -> None:
    table = Table({"name": "x", "cuont": 2}, "top")
    read_section(Example, table, number=7)

    known = ", ".join(sorted(one.key for one in declared(Example).values()))
    with pytest.raises(ConfigError, match=rf"^top\.cuont = 2: no such setting; known here: {known}$"):
        table.refuse_unread()


def test_a_service_binds_where_it_is_called_unless_it_listens_elsewhere() -> None:
    assert Addresses("a:1").bind == "a:1"
    assert Addresses("a:1", listen="b:2").bind == "b:2"


@pytest.mark.parametrize("text", ["", "here", ":1", "host:", "host:65536", "host:x"])
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    assert host_and_port("127.0.0.1:0") == "127.0.0.1:0"
    with pytest.raises(ValueError, match="give host:port, such as"):
        host_and_port(text)

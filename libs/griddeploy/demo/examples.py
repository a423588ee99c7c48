"""Our example configs: beside the sources in a checkout, inside the package in an installation."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from griddeploy.demo.tapes import tape_kind


def example(name: str) -> str:
    """Returns the text of an example."""
    return (_folder() / name).read_text(encoding="utf-8")


def examples() -> list[str]:
    """Lists the names of all examples."""
    return sorted(each.name for each in _folder().iterdir() if each.name.endswith(".toml"))


def example_of_tape(tape: str) -> str | None:
    """Returns the example that plays the tape of this file name, or one that plays a tape of the same market.

    An example names its tape in its market's `file`. None if there is no such example.
    """
    played = {file: name for name in examples() for file in _tapes_of(name)}
    alike = (name for file, name in played.items() if tape_kind(file) == tape_kind(tape) is not None)
    return played.get(tape) or next(alike, None)


def _tapes_of(name: str) -> Iterator[str]:
    markets = tomllib.loads(example(name)).get("simex", {}).get("markets", [])
    return (Path(market["file"]).name for market in markets if "file" in market)


def _folder() -> Traversable:
    packaged = files("griddeploy") / "examples"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "examples"

"""Our example configs: beside the sources in a checkout, inside the package where it is installed."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from griddeploy.demo.tapes import tape_kind


def example(name: str) -> str:
    """The text of an example."""
    return (_folder() / name).read_text(encoding="utf-8")


def examples() -> list[str]:
    """The names of all of them."""
    return sorted(each.name for each in _folder().iterdir() if each.name.endswith(".toml"))


def example_of_tape(tape: str) -> str | None:
    """The name of the example that plays the tape of this file name, else of one that plays the same market's tapes.

    An example names its tape itself, in its market's `file`. None where there is none.
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

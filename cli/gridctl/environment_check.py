"""Checks the versions of Python, SQLite and the installed packages. Takes milliseconds.

Only the standard library is imported here: other packages may be unusable.
"""

import importlib.metadata
import re
import sys
from collections.abc import Callable, Sequence

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)  # DBOS uses RETURNING
_PACKAGE = "gridwright"
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(?P<bounds>[^;]*)(;(?P<condition>.*))?")
_BOUND = re.compile(r"(?P<operator>>=|<=|==|!=|<|>)\s*(?P<version>[\d.]+)")
# Checks the requirements of the services and the command. Development tools are not checked.
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>\w+)['\"]")
_NOT_CHECKED = frozenset({"dev", "all"})  # `all` repeats the others

_COMPARE: dict[str, Callable[[list[int], list[int]], bool]] = {
    ">=": lambda found, bound: found >= bound,
    "<=": lambda found, bound: found <= bound,
    ">": lambda found, bound: found > bound,
    "<": lambda found, bound: found < bound,
    "==": lambda found, bound: found == bound,
    "!=": lambda found, bound: found != bound,
}


def first_problem() -> str:
    """Returns the first unmet requirement as a sentence with its remedy; empty if all are met."""
    return python_unmet(sys.version_info) or _sqlite() or _packages()


def python_unmet(version: Sequence[object]) -> str:
    """Returns the sentence about an unusable Python version; empty if it is usable."""
    found = tuple(part for part in version[:2] if isinstance(part, int))
    if found >= OLDEST_PYTHON:
        return ""
    return (
        f"this is Python {_text(found)}, and Gridwright needs {_text(OLDEST_PYTHON)} or newer: install one, then make "
        "a new environment with it (in a checkout: make clean, make PYTHON=python3.12 install)"
    )


def sqlite_unmet(version: tuple[int, ...]) -> str:
    """The same for SQLite, which Python bundles or finds on the system."""
    if version >= OLDEST_SQLITE:
        return ""
    return (
        f"this Python uses SQLite {_text(version)}, and Gridwright needs {_text(OLDEST_SQLITE)} or newer: upgrade the "
        "system's SQLite, or use a Python that was built with a newer one"
    )


def package_unmet(requirement: str, version_of: Callable[[str], str | None]) -> str:
    """The same for a requirement in a package's metadata. A requirement of an extra may be absent."""
    parsed = _REQUIREMENT.fullmatch(requirement.strip())
    if parsed is None:
        return ""
    extra = _EXTRA.search(parsed["condition"] or "")
    name, bounds = parsed["name"], parsed["bounds"].strip()
    if name.lower() == _PACKAGE or (extra is not None and extra["extra"] in _NOT_CHECKED):
        return ""
    found = version_of(name)
    if found is None:
        return "" if extra is not None else f"{name} is not installed, {_remedy(name, bounds)}"
    if all(_holds(found, bound["operator"], bound["version"]) for bound in _BOUND.finditer(bounds)):
        return ""
    return f"{name} {found} is installed, {_remedy(name, bounds)}"


def _remedy(name: str, bounds: str) -> str:
    wanted = f"{name}{bounds}"
    return (
        f"and Gridwright needs {wanted}: run {sys.executable} -m pip install '{wanted}' (in a checkout: make clean, "
        "make install)"
    )


def _sqlite() -> str:
    try:
        import sqlite3  # Python may have been built without it
    except ImportError as error:
        return f"this Python has no usable sqlite3 ({error}): use one that was built with SQLite"
    return sqlite_unmet(sqlite3.sqlite_version_info)


def _packages() -> str:
    try:
        requirements = importlib.metadata.requires(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return ""  # run from sources without an installation: a missing package fails at its import
    sentences = (package_unmet(requirement, _installed) for requirement in requirements)
    return next((sentence for sentence in sentences if sentence), "")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _holds(found: str, operator: str, bound: str) -> bool:
    left, right = _numbers(found), _numbers(bound)
    length = max(len(left), len(right))
    return _COMPARE[operator](left + [0] * (length - len(left)), right + [0] * (length - len(right)))


def _numbers(version: str) -> list[int]:
    """The release's numbers; suffixes (rc1, .post2) are left out."""
    release = re.match(r"\d+(\.\d+)*", version)
    return [int(part) for part in release[0].split(".")] if release else []


def _text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))

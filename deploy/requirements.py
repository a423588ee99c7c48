"""Prints what pyproject.toml's extras need, one requirement a line: the image installs these in a layer of their own.

So a change of code does not reinstall ccxt and gRPC. `python deploy/requirements.py EXTRA…`
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = re.compile(rf"{PROJECT['name']}\[(.+)\]")


def requirements(extra: str) -> set[str]:
    """Those of one extra, with those of the project's own extras that it names."""
    found: set[str] = set()
    for requirement in PROJECT["optional-dependencies"][extra]:
        named = OWN.fullmatch(requirement)
        found |= set().union(*map(requirements, named[1].split(","))) if named else {requirement}
    return found


if __name__ == "__main__":
    every = set(PROJECT["dependencies"]).union(*map(requirements, sys.argv[1:]))
    sys.stdout.write("\n".join(sorted(every)) + "\n")

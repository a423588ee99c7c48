"""`python -m gridchaos`, which is `gridwright chaos`: plays a case, the matrix or a storm, and says what it found.

0: every promise held. 1: one did not. 2: the words cannot be used.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from gridchaos.case import Case
from gridchaos.player import result_of
from gridctl.arguments import add_chaos


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gridchaos", description="Kill it anywhere.")
    add_chaos(parser)
    return run(parser.parse_args())


def run(arguments: argparse.Namespace) -> int:
    """Does what the words say; the exit code."""
    return _case(arguments.case)


def _case(case_id: str) -> int:
    try:
        case = Case.parse(case_id)
    except ValueError as error:
        sys.stderr.write(f"gridwright chaos: {error}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="gridwright-chaos-") as folder:
        result = asyncio.run(result_of(case, Path(folder), "sqlite"))
    sys.stdout.write(f"{result.line()}\n")
    return 0 if result.clean else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m gridchaos`, which is `gridwright chaos`: plays a case, the matrix or a storm, and says what it found.

0: every promise held. 1: one did not. 2: the words cannot be used.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from gridchaos.case import Case
from gridchaos.player import play
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
    except ValueError:
        sys.stderr.write(f"gridwright chaos: {case_id!r} is no case: give point/phase/fault\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="gridwright-chaos-") as folder:
        verdict = asyncio.run(play(case, Path(folder), forked=True))
    sys.stdout.write(f"{verdict}\n{verdict.audit.line()}\n")
    return 0 if verdict.audit.clean else 1


if __name__ == "__main__":
    sys.exit(main())

"""Takes the pictures of this folder: a real demo with kills, its live view at two sizes of terminal.

`python docs/pictures/take.py` writes view-80x24.svg and view-120x40.svg beside this file.
"""  # noqa: INP001  # a script, not a package

import asyncio
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from gridctl.commands.demo import DemoOptions, run_demo
from gridctl.view.layout import draw
from gridctl.view.screen import Look, Screen
from griddeploy.demo.config import DemoConfig

_SHOTS = (((80, 24), 24.0), ((120, 40), 9.0))  # width and height of the terminal, and the seconds before each shot
_DURATION_SECONDS = 40.0
_WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Camera(Screen):
    """A screen that keeps the view of a few moments instead of showing it."""

    @contextlib.asynccontextmanager
    async def showing(self, look: Look) -> AsyncIterator[None]:
        """Takes each shot at its time while the block runs."""
        task = asyncio.create_task(_shoot(look))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _shoot(look: Look) -> None:
    for (width, height), pause_seconds in _SHOTS:
        await asyncio.sleep(pause_seconds)
        while not look()[0].connected:  # noqa: ASYNC110  # an orchestrator that was just killed; it sets no event of ours
            await asyncio.sleep(0.2)
        console = Console(record=True, file=io.StringIO(), width=width, height=height, force_terminal=True)
        console.print(draw(look()[0], width, height))
        path = Path(__file__).parent / f"view-{width}x{height}.svg"
        path.write_text(_without_web_fonts(console.export_svg(title="gridwright demo --kill")), encoding="utf-8")


def _without_web_fonts(svg: str) -> str:
    """The picture with fonts that every system has: it must fetch nothing."""
    return _WEB_FONTS.sub("", svg).replace(
        "font-family: Fira Code, monospace", 'font-family: "DejaVu Sans Mono", monospace'
    )


def main() -> int:
    """Runs the demo; its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        options = DemoOptions(Path(folder), DemoConfig(seed=7), _DURATION_SECONDS, kill=True)
        return asyncio.run(run_demo(options, Camera(Console(), plain=False)))


if __name__ == "__main__":
    sys.exit(main())

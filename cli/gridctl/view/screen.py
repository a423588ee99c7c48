"""Shows pictures as time goes on: on a terminal the live view, several times a second, elsewhere plain lines."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from rich.console import Console, RenderableType
from rich.live import Live

from gridctl.view.layout import draw
from gridctl.view.panels import incident_text
from gridctl.view.plain import plain_line
from gridctl.view.snapshot import Snapshot
from griddeploy.process.supervisor import Incident

Look = Callable[[], Sequence[Snapshot]]
"""One picture per grid, at this moment."""

_FRAME_SECONDS = 0.2
_LINE_SECONDS = 1.0
_TURN_SECONDS = 6.0  # with several grids, how long each has the screen


class Screen:
    """Where a run is shown. Incidents are part of the live view; as plain lines they come when they happen."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self._plain = plain or not console.is_terminal

    def say(self, text: str) -> None:
        """A line of its own, as it is."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def show(self, renderable: RenderableType) -> None:
        """A table or the like."""
        self._console.print(renderable)

    def report(self, incident: Incident) -> None:
        """Tells of an incident where the live view does not."""
        if self._plain:
            self.say(incident_text(incident))

    @contextlib.asynccontextmanager
    async def showing(self, look: Look) -> AsyncIterator[None]:
        """Shows what `look` sees until the block ends."""
        task = asyncio.create_task(self._lines(look) if self._plain else self._frames(look))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _lines(self, look: Look) -> None:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            for snapshot in look():
                self.say(plain_line(snapshot))

    async def _frames(self, look: Look) -> None:
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                pictures = look()
                snapshot = pictures[int(time.monotonic() / _TURN_SECONDS) % len(pictures)]
                live.update(draw(snapshot, *self._console.size), refresh=True)
                await asyncio.sleep(_FRAME_SECONDS)

"""Shows snapshots continuously: on a terminal the live view, several times a second, elsewhere plain lines."""

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
from gridservice.tasks import cancel_and_wait

Look = Callable[[], Sequence[Snapshot]]
"""Returns the current snapshot of each grid."""

_FRAME_SECONDS = 0.2
_LINE_SECONDS = 1.0
_TURN_SECONDS = 6.0  # with several grids, how long each is shown


class Screen:
    """The output of a run. Incidents are part of the live view; in plain mode they are printed as they happen."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self._plain = plain or not console.is_terminal

    def say(self, text: str) -> None:
        """Prints a line as it is."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def show(self, renderable: RenderableType) -> None:
        """Prints a table or another renderable."""
        self._console.print(renderable)

    def report(self, incident: Incident) -> None:
        """Prints an incident in plain mode; the live view shows it anyway."""
        if self._plain:
            self.say(incident_text(incident))

    @contextlib.asynccontextmanager
    async def showing(self, look: Look) -> AsyncIterator[None]:
        """Shows the snapshots that `look` returns until the block ends."""
        task = asyncio.create_task(self._lines(look) if self._plain else self._frames(look))
        try:
            yield
        finally:
            await cancel_and_wait([task])

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

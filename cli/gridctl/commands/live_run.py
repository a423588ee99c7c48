"""A run of services as a command shows it: supervisor, watchers and screen together. Demo and up say what it is for."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from gridctl.view.screen import Screen
from gridctl.view.snapshot import Snapshot
from gridctl.view.state_watcher import StateWatcher, following
from gridctl.view.trouble_watcher import TroubleWatch
from griddeploy.channels import Channels
from griddeploy.deployment import ORCHESTRATOR, SIMEX, Deployment
from griddeploy.process.child import Child, Start
from griddeploy.process.supervisor import Incident, Supervisor

START_SECONDS = 45.0
_INCIDENTS_SHOWN = 16


class Run:
    """Services that are kept running and looked at. `headline` is what the view says is going on."""

    def __init__(self, deployment: Deployment, logs: Path, screen: Screen, start: Start = Child.start) -> None:
        self.deployment = deployment
        self.screen = screen
        self.headline = "starting"
        self.incidents: list[Incident] = []
        self.supervisor = Supervisor(deployment.services, logs, self._note, start)
        self.channels = Channels(deployment)
        symbols = deployment.symbols if ORCHESTRATOR in deployment.addresses else ()
        self._watchers = [StateWatcher(self.channels.watched, symbol) for symbol in symbols]
        self._troubles = TroubleWatch(self.channels.troubled)

    async def start(self) -> None:
        """Starts everything, simex first since the others ask it for the market's rules.

        Raises TimeoutError or ServiceGaveUpError with a sentence where simex does not serve.
        """
        if SIMEX in self.deployment.addresses:
            self.supervisor.start(SIMEX)
            await self.supervisor.until_serving(START_SECONDS)
        self.supervisor.start()

    def look(self) -> list[Snapshot]:
        """A picture of each grid at this moment."""
        services, incidents = self.supervisor.statuses(), self.incidents[-_INCIDENTS_SHOWN:]
        return [
            watcher.look(self.headline, services, incidents, self._troubles.of(watcher.symbol))
            for watcher in self._watchers
        ]

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """The block with the run on the screen. The services are stopped at its end, whatever ends it.

        The screen and the open streams go first: a stream that somebody reads would hold its service up.
        """
        looking = (following(self._watchers), self._troubles.at_work(), self.screen.showing(self.look))
        async with self.channels, self.supervisor, looking[0], looking[1], looking[2]:
            yield

    def _note(self, incident: Incident) -> None:
        self.incidents.append(incident)
        self.screen.report(incident)

"""Runs services under a supervisor and shows them live. The demo and up commands build on it."""

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
    """Supervised services with watchers and a view. `headline` is the view's line about what is going on."""

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
        """Starts all services. Simex starts first, because the others read the market rules from it.

        Raises TimeoutError or ServiceGaveUpError, with a sentence, if simex does not serve.
        """
        if SIMEX in self.deployment.addresses:
            self.supervisor.start(SIMEX)
            await self.supervisor.until_serving(START_SECONDS)
        self.supervisor.start()

    def look(self) -> list[Snapshot]:
        """Returns the current snapshot of each grid."""
        services, incidents = self.supervisor.statuses(), self.incidents[-_INCIDENTS_SHOWN:]
        return [
            watcher.look(self.headline, services, incidents, self._troubles.of(watcher.symbol))
            for watcher in self._watchers
        ]

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Shows the run on the screen during the block and stops the services after it, also after an exception.

        The screen and the open streams are closed first: an open stream would delay the shutdown of its service.
        """
        looking = (following(self._watchers), self._troubles.at_work(), self.screen.showing(self.look))
        async with self.channels, self.supervisor, looking[0], looking[1], looking[2]:
            yield

    def _note(self, incident: Incident) -> None:
        self.incidents.append(incident)
        self.screen.report(incident)

"""`gridwright up` runs the services of a config until Ctrl-C; `gridwright watch` shows those of another process."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gridctl.commands.live_run import Run
from gridctl.view.screen import Screen
from gridctl.view.snapshot import Snapshot
from gridctl.view.state_watcher import StateWatcher, following
from gridctl.view.trouble_watcher import TroubleWatch
from griddeploy.channels import Channels
from griddeploy.deployment import Deployment
from griddeploy.process.supervisor import ServiceGaveUpError
from gridservice.config_file import ConfigError
from gridservice.signals import first, until_signal

_LOOK_SECONDS = 0.5


def only(deployment: Deployment, names: Sequence[str]) -> Deployment:
    """Returns the deployment reduced to the named services; unchanged if there are no names. Raises ConfigError."""
    for name in names:
        if name not in deployment.addresses:
            raise ConfigError("--only", name, f"give one of {', '.join(deployment.addresses)}")
    kept = {name: address for name, address in deployment.addresses.items() if not names or name in names}
    return replace(deployment, addresses=kept)


async def run_up(deployment: Deployment, logs: Path, screen: Screen) -> int:
    """Runs until Ctrl-C, then stops all. Returns 0, or 1 if a service gave up, which stops the others too."""
    screen.say(f"starting {', '.join(deployment.addresses)}; logs in {logs}; Ctrl-C stops them")
    run = Run(deployment, logs, screen)
    try:
        async with until_signal(second_cancels=True) as stop, run.shown():
            await run.start()
            run.headline = "up"
            while not await first(stop, _LOOK_SECONDS):
                run.supervisor.raise_if_one_gave_up()
    except (ServiceGaveUpError, TimeoutError) as error:
        screen.say(str(error))
        return 1
    return 0


async def run_watch(deployment: Deployment, screen: Screen) -> int:
    """Shows the grids of a running deployment until Ctrl-C."""
    async with until_signal(second_cancels=True) as stop, Channels(deployment) as channels:
        watchers = [StateWatcher(channels.watched, symbol) for symbol in deployment.symbols]
        troubles = TroubleWatch(channels.troubled)

        def look() -> list[Snapshot]:
            return [watcher.look("watching", troubles=troubles.of(watcher.symbol)) for watcher in watchers]

        async with following(watchers), troubles.at_work(), screen.showing(look):
            await stop.wait()
    return 0

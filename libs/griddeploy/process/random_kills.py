"""Kills a run's services at random, one every few seconds, all in turn. Order and pauses follow from a seed."""

import asyncio
import random  # noqa: TID251  # seeded, and the seed is printed: the same seed kills in the same order
from collections.abc import Callable, Iterator, Sequence

_PAUSES_SECONDS = (3.5, 7.0)  # on average 17 kills in 90 s, and never fewer than 12
_BETWEEN_TRIES_SECONDS = 0.1


def victims(names: Sequence[str], seed: int) -> Iterator[tuple[float, str]]:
    """Yields pairs of a pause in seconds and the service to kill after it. Each round has every name once, shuffled."""
    chance = random.Random(seed)  # noqa: S311  # a schedule of kills is no secret
    while True:
        for name in chance.sample(names, len(names)):
            yield chance.uniform(*_PAUSES_SECONDS), name


async def keep_killing(kill: Callable[[str], bool], names: Sequence[str], seed: int) -> None:
    """Kills until it is cancelled. A service that is down at its turn is killed as soon as it has a process again."""
    for pause_seconds, name in victims(names, seed):
        await asyncio.sleep(pause_seconds)
        while not kill(name):  # noqa: ASYNC110  # the other side is a process, it sets no event of ours
            await asyncio.sleep(_BETWEEN_TRIES_SECONDS)

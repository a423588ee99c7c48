"""Reads from the venue, retried with jitter while they fail. Writes are never retried.

A read is paid for where it is sent (`Venue.pay_from`), with the priority of the calling block.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from executor.venue.limits.throttle import Throttle
from executor.venue.port import ClockRefusedError, KeysRefusedError, ReadFailedError, UnreadableError

T = TypeVar("T")

_ATTEMPTS = 3


class Reader:
    """Reads from the venue with retries.

    `set_clock` is called before a read is repeated whose timestamp was refused.
    """

    def __init__(
        self, throttle: Throttle, set_clock: Callable[[], Awaitable[None]], *, longest_pause_seconds: float = 1.0
    ) -> None:
        self._throttle = throttle
        self._set_clock = set_clock
        self._longest_pause_seconds = longest_pause_seconds

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Returns the reply, after up to three attempts. Raises ReadFailedError.

        Not retried: a read without room in the budgets, one after which the venue wants silence, and one whose keys are
        refused.
        """
        attempts = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=self._longest_pause_seconds),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        return await attempts(self._once, ask)

    async def _once(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except ClockRefusedError:
            await self._set_clock()
            raise
        except ReadFailedError as error:
            self._throttle.refused(error.blocked_until_ms)
            raise


def _may_pass(error: BaseException) -> bool:
    """Returns whether an immediate retry may help. It does not for refused keys, full budgets and odd replies."""
    if not isinstance(error, ReadFailedError) or isinstance(error, UnreadableError | KeysRefusedError):
        return False
    return not error.unpaid and not error.blocked_until_ms

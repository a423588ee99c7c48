"""Questions to the venue, repeated with jitter while they get no answer. Never a write.

What a question costs is paid where it is sent (`Venue.pay_from`), with the priority of the block that asks.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from executor.venue.limits.throttle import Throttle
from executor.venue.port import ClockRefusedError, KeysRefusedError, ReadFailedError, UnreadableError

T = TypeVar("T")

_ATTEMPTS = 3


class Reader:
    """Asks the venue. `set_clock` is called before a question is repeated whose time was refused."""

    def __init__(
        self, throttle: Throttle, set_clock: Callable[[], Awaitable[None]], *, longest_pause_seconds: float = 1.0
    ) -> None:
        self._throttle = throttle
        self._set_clock = set_clock
        self._longest_pause_seconds = longest_pause_seconds

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, after up to three attempts. Raises ReadFailedError where there is none.

        A question that no budget has room for is not repeated, nor one after which the venue wants silence, nor one
        whose keys it refuses.
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
    """Whether asking again at once may help: not with refused keys, without room in a budget, nor for an odd answer."""
    if not isinstance(error, ReadFailedError) or isinstance(error, UnreadableError | KeysRefusedError):
        return False
    return not error.unpaid and not error.blocked_until_ms

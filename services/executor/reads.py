"""Questions to the venue: throttled behind places, repeated with jitter while they get no answer. Never a write."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from executor.bucket import BlockedError, Priority, Throttle
from executor.ports import ClockRefusedError, ReadFailedError, UnreadableError

T = TypeVar("T")

_ATTEMPTS = 3


class Reader:
    """Asks with the account's budget. `set_clock` is called before a question is repeated whose time was refused."""

    def __init__(
        self, throttle: Throttle, set_clock: Callable[[], Awaitable[None]], *, longest_pause_seconds: float = 1.0
    ) -> None:
        self._throttle = throttle
        self._set_clock = set_clock
        self._longest_pause_seconds = longest_pause_seconds

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, after up to three attempts. Raises ReadFailedError where there is none."""
        attempts = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=self._longest_pause_seconds),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        return await attempts(self._once, ask)

    async def _once(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            await self._throttle.acquire(Priority.READ)
            return await ask()
        except BlockedError as error:
            raise ReadFailedError(str(error), blocked_until_ms=error.until_ms) from error
        except ClockRefusedError:
            await self._set_clock()
            raise
        except ReadFailedError as error:
            self._throttle.block_until(error.blocked_until_ms)
            raise


def _may_pass(error: BaseException) -> bool:
    """Whether asking again may help: what cannot be read now cannot be read a moment later."""
    return isinstance(error, ReadFailedError) and not isinstance(error, UnreadableError)

"""Runtime state of one symbol: committed state, event queue, current price and startup progress.

The loop, the trading steps and the safe-mode procedure share it. It makes no decisions itself.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from gridcore.model.config import GridConfig
from gridcore.model.ids import id_prefix
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import State
from gridservice.change_signal import ChangeSignal
from gridservice.clock import steady_ms
from gridservice.errors import StopError
from orchestrator.clients.executor import ExecutorClient
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.event_queue import EventQueue

_LONG_STEP_MS = 1_000


class SymbolContext:
    """State that the parts of a SymbolWorker share. Each mutable attribute is changed by one part, on the asyncio loop.

    Threads that run workflow steps read `committed`, which has its own lock, `market`, `ready` and `raising_fence`;
    they change nothing here.
    """

    def __init__(
        self,
        bot: str,
        config: GridConfig,
        committed: CommittedState,
        executor: ExecutorClient,
        *,
        max_update_batch: int,
        stop: Callable[[StopError], None],
    ) -> None:
        self.bot = bot
        self.config = config
        self.symbol = config.symbol
        self.prefix = id_prefix(bot, config.symbol)
        self.committed = committed
        self.executor = executor
        self.stop = stop  # stops the symbol, and the process if no symbol is left
        self.events = EventQueue(max_update_batch)
        self._max_update_batch = max_update_batch
        self.changes = ChangeSignal()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"step {self.symbol}")
        # Changed by SymbolLoop.
        self.price: Decimal | None = None  # last received
        self.proved_steady_ms = steady_ms()  # when the feed last confirmed it; startup, if never
        self.busy = False
        self.busy_since_ms = 0  # monotonic
        self.trading = False  # the startup sequence is complete
        # Changed by SafeModeProcedure.
        self.raising_fence = False  # while it raises the fence: a waiting step must not send meanwhile
        self.asked = ""  # describes a recorded mode change that waits for the step in progress
        # Changed by SymbolLifecycle.
        self.refused = ""  # why the symbol is not served now
        # Changed by the startup sequence, once.
        self.ready = asyncio.Event()  # requests from before the startup are settled and the loop runs
        self._market: MarketRules | None = None

    @property
    def price_age_ms(self) -> int:
        """Milliseconds since the feed last confirmed the price, or since the startup if it never did."""
        return steady_ms() - self.proved_steady_ms

    def price_heard_ms(self, at_ms: int) -> int:
        """The time of that confirmation, if the time is `at_ms` now."""
        return at_ms - self.price_age_ms

    def prove_price(self, age_ms: int = 0) -> None:
        """Records that the feed confirmed the price `age_ms` ago."""
        self.proved_steady_ms = max(self.proved_steady_ms, steady_ms() - age_ms)

    @property
    def waits(self) -> bool:
        """Whether the step in progress has run for over a second, because the executor does not answer."""
        return self.busy and steady_ms() - self.busy_since_ms > _LONG_STEP_MS

    def renewed(self) -> "SymbolContext":
        """Returns a context for the same symbol with an empty event queue. Watchers of this one keep watching it."""
        context = SymbolContext(
            self.bot,
            self.config,
            self.committed,
            self.executor,
            max_update_batch=self._max_update_batch,
            stop=self.stop,
        )
        context.changes, context.price, context.refused = self.changes, self.price, self.refused
        context.proved_steady_ms = self.proved_steady_ms
        return context

    @property
    def state(self) -> State:
        """The last committed state."""
        return self.committed.state

    @property
    def epoch(self) -> int:
        """The epoch that the next plan is sent under."""
        return self.committed.epoch

    @property
    def market(self) -> MarketRules:
        """The venue's market rules: those read at startup, until a step records a change."""
        if self.state.rules is not None:
            return self.state.rules
        if self._market is None:
            raise RuntimeError(f"{self.symbol}: the market's rules are not known yet")
        return self._market

    @market.setter
    def market(self, market: MarketRules) -> None:
        self._market = market

    def next_request_id(self) -> str:
        """Returns the request id of the next step: `<bot>/<symbol>/<epoch>/<seq>`."""
        return f"{self.bot}/{self.symbol}/{self.epoch}/{self.state.seq + 1}"

"""One symbol at work: its state, its inbox, what is known of the present, and where it stands on its way to trading.

It decides nothing: the loop steps, the activities act, the procedures halt. They meet here.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from gridcore.model.actions import ActionResult
from gridcore.model.config import GridConfig
from gridcore.model.ids import id_prefix
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import State
from gridservice.steady import steady_ms
from orchestrator.clients.executor import ExecutorClient
from orchestrator.errors import StopError
from orchestrator.symbol.change_signal import ChangeSignal
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.event_queue import EventQueue
from orchestrator.symbol.step_timer import StepTimer

_LONG_STEP_MS = 1_000


class SymbolContext:
    """What everyone who works for a symbol shares. Lives on the asyncio loop; workflows' threads only read it."""

    def __init__(
        self,
        bot: str,
        config: GridConfig,
        committed: CommittedState,
        executor: ExecutorClient,
        *,
        epoch: int,
        max_update_batch: int,
        stop: Callable[[StopError], None],
    ) -> None:
        self.bot = bot
        self.config = config
        self.symbol = config.symbol
        self.prefix = id_prefix(bot, config.symbol)
        self.committed = committed
        self.executor = executor
        self.epoch = epoch  # under which the next plan is sent
        self.stop = stop  # ends the work for the symbol; with nothing left to work for, the process
        self.events = EventQueue(max_update_batch)
        self._max_update_batch = max_update_batch
        self.changes = ChangeSignal()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"step {self.symbol}")
        self.price: Decimal | None = None  # last heard
        self.proved_steady_ms = steady_ms()  # when the feed last proved it current; the start, if never
        self.busy = False
        self.busy_since_ms = 0  # steady: since when it is
        self.raising_fence = False  # a halt fences what a step that waits has not sent: it is not sent before that
        self.asked = ""  # what has been put on record and a step that waits keeps from being done, the sentence
        self.trading = False  # the start path is done
        self.refused = ""  # why nothing is done for the symbol now, the sentence
        self.ready = asyncio.Event()  # requests of before the start are settled and the loop runs
        self.halts: set[str] = set()  # ids of enter_safe_mode workflows that have not closed
        self.lifts: set[str] = set()  # the same of exit_safe_mode
        self.answers: dict[str, tuple[ActionResult, ...]] = {}  # of requests that are about to be committed
        self.timelines: dict[str, StepTimer] = {}
        self._market: MarketRules | None = None

    @property
    def price_age_ms(self) -> int:
        """How long ago the feed last proved the price current, or the start if it never did."""
        return steady_ms() - self.proved_steady_ms

    def price_heard_ms(self, at_ms: int) -> int:
        """When that was, where it is `at_ms` now."""
        return at_ms - self.price_age_ms

    def prove_price(self, age_ms: int = 0) -> None:
        """The feed proved the price current so long ago."""
        self.proved_steady_ms = max(self.proved_steady_ms, steady_ms() - age_ms)

    @property
    def waits(self) -> bool:
        """Whether its step takes so long that nobody may be left waiting for it: the executor does not answer."""
        return self.busy and steady_ms() - self.busy_since_ms > _LONG_STEP_MS

    def renewed(self) -> "SymbolContext":
        """A desk for the same symbol on which nothing lies yet. Those who watch this one watch that."""
        context = SymbolContext(
            self.bot,
            self.config,
            self.committed,
            self.executor,
            epoch=self.epoch,
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
    def market(self) -> MarketRules:
        """The venue's rules: those of the start, until a step has recorded that they changed."""
        if self.state.rules is not None:
            return self.state.rules
        if self._market is None:
            raise RuntimeError(f"{self.symbol}: the market's rules are not known yet")
        return self._market

    @market.setter
    def market(self, market: MarketRules) -> None:
        self._market = market

    def next_request_id(self) -> str:
        """Of the step that follows the state: bot, symbol, epoch, seq."""
        return f"{self.bot}/{self.symbol}/{self.epoch}/{self.state.seq + 1}"

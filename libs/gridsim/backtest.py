"""Backtest: runs the core's decisions against the exchange's matching in one process, one grid on one market.

The services work asynchronously and in parallel; here everything happens in one fixed order, which lockstep uses too.
A market event is complete once its price has been decided on and then all order updates that it caused, directly or
indirectly, have been applied. Everything happens at the event's venue time, so there is no latency.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import assert_never

from gridcore.bookkeeping.settle import settle
from gridcore.decide import decide
from gridcore.grid.grid_checks import check_grid
from gridcore.grid.portions import is_full
from gridcore.model.actions import OrderUpdate
from gridcore.model.config import GridConfig
from gridcore.model.events import (
    EnterSafeMode,
    ExitSafeMode,
    ModeChanged,
    OrdersUpdated,
    Plan,
    PriceChanged,
    Procedure,
    Ticked,
    Trigger,
)
from gridcore.model.ids import id_prefix
from gridcore.model.state import Mode, Rule, State
from gridcore.quiet_band import quiet_band
from gridsim.account import MAIN, Account, Balance
from gridsim.book import Book
from gridsim.exchange import Exchange
from gridsim.market import Liquidity, MarketEvent, MarketPoint
from gridsim.paper import PaperVenue, market_rules
from gridsim.rules import SymbolRules

_EPOCH = 1


class Backtest:
    """Grid with its state, and the account that it trades on.

    `plans` counts the plans that sent something, `refusals` the orders that the exchange refused.
    """

    def __init__(
        self,
        config: GridConfig,
        rules: SymbolRules,
        opening: MarketPoint,
        balances: Iterable[Balance],
        *,
        bot: str = "backtest",
        liquidity: Liquidity | None = None,
        max_update_batch: int = 100,
    ) -> None:
        """Starts at the opening price, before the first event. A step applies at most `max_update_batch` order updates.

        Raises GridRefusedError for a grid that would be refused at startup.
        """
        self._config = config
        self._bot = bot
        self._prefix = id_prefix(bot, config.symbol)
        self._market = market_rules(rules)
        check_grid(config, self._market)
        self._book = Book(rules, liquidity or Liquidity(), price=opening.price, taker=opening.taker)
        self.account = Account(balances)
        self._venue = PaperVenue(Exchange([self._book], {MAIN: self.account}), config.symbol)
        self._max_update_batch = max_update_batch
        self._at_ms = opening.market_time_ms
        self._band: tuple[Decimal, Decimal] | None = None
        self.state = State(config.symbol, birth_id="backtest", grid=config.geometry, epoch=_EPOCH)
        self._more = False  # the last plan was a portion
        self.plans = 0
        self.refusals = 0
        self._act(PriceChanged(self._at_ms, opening.price))
        self._apply_updates()

    @property
    def price(self) -> Decimal:
        """Last price of the market."""
        return self._book.price

    @property
    def updates(self) -> Sequence[OrderUpdate]:
        """Log of order updates: every fill in the venue's sequence, and each order's end after its fills."""
        return self._venue.log

    def step(self, event: MarketEvent) -> bool:
        """Applies a market event and lets the grid respond. Returns whether the event concerned the grid."""
        before = len(self._venue.log), self.plans
        self._at_ms = event.market_time_ms
        self._venue.happen(event, self._at_ms)
        if self._band is None or not self._band[0] < self.price < self._band[1]:
            plan = self._act(PriceChanged(self._at_ms, self.price))
            if plan.empty:  # after a busy event the band would not last, and it costs as much as many decisions
                self._band = quiet_band(self.state, self._market, self._config)
        self._apply_updates()
        return before != (len(self._venue.log), self.plans)

    def _apply_updates(self) -> None:
        while True:
            updates = self._venue.log[self.state.event_offset :]
            if updates:
                batch = tuple(updates[: self._max_update_batch])
                self._act(OrdersUpdated(self._at_ms, self.price, self._at_ms, batch))
            elif self._more:
                self._act(Ticked(self._at_ms, self.price, self._at_ms))
            else:
                return

    def _act(self, trigger: Trigger) -> Plan:
        seq = self.state.seq + 1
        plan = decide(
            self.state,
            trigger,
            self._market,
            self._config,
            request_id=f"{self._bot}/{self._config.symbol}/{_EPOCH}/{seq}",
            epoch=_EPOCH,
            prefix=self._prefix,
        )
        self._more = is_full(plan.actions)
        if plan.procedure is not None:
            self._run(plan.procedure)
        elif not plan.empty:
            self._carry_out(plan)
        return plan

    def _carry_out(self, plan: Plan) -> None:
        self._band = None
        results = self._venue.execute(plan, self._at_ms)
        self.state = settle(self.state, plan, results, self._market)
        self.plans += bool(plan.actions)
        self.refusals += sum(result.reason != "" for result in results)

    def _run(self, procedure: Procedure) -> None:
        """Runs the safe mode procedures, which the orchestrator runs as workflows."""
        match procedure:
            case EnterSafeMode(rule, reason, clears_itself):
                self._change_mode(Mode.ENTERING, rule, reason, clears_itself=clears_itself)
                self._act(Ticked(self._at_ms, self.price, self._at_ms))
                self._apply_updates()
                self._change_mode(Mode.SAFE, rule, reason, clears_itself=clears_itself)
            case ExitSafeMode(reason):
                self._change_mode(Mode.RUNNING, Rule.NONE, reason)
            case _:
                assert_never(procedure)

    def _change_mode(self, mode: Mode, rule: Rule, reason: str, *, clears_itself: bool = False) -> None:
        self._act(ModeChanged(self._at_ms, mode, rule, reason, "risk", clears_itself))

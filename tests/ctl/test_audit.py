"""The audit finds every kind of wrong, and nothing where nothing is wrong."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import Role
from griddeploy.audit.audit import AuditReport, Books, audit
from gridwright.v1 import models_pb2 as models
from gridwright.v1 import orchestrator_pb2, simex_pb2

BOT, SYMBOL = "demo", "BTC/USDT"
PREFIX = id_prefix(BOT, SYMBOL)


def order_id(level: int, seq: int) -> str:
    return client_order_id(PREFIX, Role.OPENING, level, 1, seq, 0)


OPEN, DONE = order_id(-1, 1), order_id(-2, 2)


class Case:
    """One order resting, one filled by two trades, all of it recorded: what each test spoils in one place."""

    def __init__(self) -> None:
        self.truth = simex_pb2.Truth(
            orders=[_order(OPEN, "NEW"), _order(DONE, "FILLED")],
            trades=[_trade("7", DONE), _trade("8", DONE)],
            balances=[
                simex_pb2.TrueBalance(asset="BTC", free="1.001998", locked="0", at_start="1"),
                simex_pb2.TrueBalance(asset="USDT", free="740.12", locked="59.88", at_start="920"),
            ],
        )
        self.state = models.State(
            symbol=SYMBOL,
            slots={"59880": models.InventorySlot(price="59880", order=models.SlotOrder(client_order_id=OPEN))},
            totals=models.Totals(position="0.001998", quote_flow="-120", fees={"BTC": "0.000002"}, fills=2),
        )
        self.log = [_fill("7", 1), _fill("8", 2), _end(DONE, 3)]
        self.steps = [_step(self.log[:1]), _step(self.log[1:])]

    def report(self) -> AuditReport:
        return audit(BOT, self.truth, [Books(self.state, self.steps, self.log)])


def _order(name: str, status: str, symbol: str = SYMBOL) -> simex_pb2.TrueOrder:
    return simex_pb2.TrueOrder(symbol=symbol, client_order_id=name, status=status)


def _trade(trade_id: str, name: str) -> simex_pb2.TrueTrade:
    return simex_pb2.TrueTrade(symbol=SYMBOL, trade_id=trade_id, client_order_id=name)


def _fill(trade_id: str, offset: int) -> models.OrderUpdate:
    return models.OrderUpdate(offset=offset, client_order_id=DONE, fill=models.Fill(trade_id=trade_id))


def _end(name: str, offset: int) -> models.OrderUpdate:
    return models.OrderUpdate(offset=offset, client_order_id=name, status=models.ORDER_STATUS_FILLED)


def _step(updates: list[models.OrderUpdate]) -> orchestrator_pb2.TradingStep:
    trigger = models.Trigger(order_updates=models.OrderUpdatesTrigger(updates=updates))
    return orchestrator_pb2.TradingStep(plan=models.Plan(trigger=trigger))


def test_a_run_in_order_is_clean() -> None:
    report = Case().report()
    assert report.clean
    assert report.line() == "AUDIT fills=2 duplicates=0 orphans=0 missing=0 twice=0 position_diff=0"


def _id_used_twice(case: Case) -> None:
    case.truth.orders.append(_order(DONE, "CANCELED"))


def _two_live_orders_for_a_slot(case: Case) -> None:
    second = order_id(-1, 9)
    case.truth.orders.append(_order(second, "PARTIALLY_FILLED"))
    case.state.slots["59879"].order.client_order_id = second  # known, so that it is no orphan


def _live_order_in_no_slot(case: Case) -> None:
    case.truth.orders.append(_order(order_id(-3, 9), "NEW"))


def _order_of_a_slot_that_is_nowhere(case: Case) -> None:
    case.state.slots["59700"].order.client_order_id = order_id(-4, 9)


def _order_of_a_slot_whose_end_was_never_recorded(case: Case) -> None:
    del case.log[2]
    case.state.slots["59760"].order.client_order_id = DONE


def _trade_never_applied(case: Case) -> None:
    case.truth.trades.append(_trade("9", DONE))


def _trade_logged_but_not_applied(case: Case) -> None:
    case.steps.pop()


def _trade_applied_by_two_steps(case: Case) -> None:
    case.steps.append(case.steps[0])


def _trade_twice_in_the_log(case: Case) -> None:
    case.log.append(_fill("7", 4))


def _position_off(case: Case) -> None:
    case.state.totals.position = "0.002"


def _quote_off(case: Case) -> None:
    case.state.totals.quote_flow = "-119.5"


def _asset_that_the_venue_does_not_have(case: Case) -> None:
    case.state.totals.fees["BNB"] = "0.1"


@pytest.mark.parametrize(
    ("spoil", "numbers"),
    [
        pytest.param(_id_used_twice, {"duplicates": 1}, id="an id used twice"),
        pytest.param(_two_live_orders_for_a_slot, {"duplicates": 1}, id="two live orders for a slot"),
        pytest.param(_live_order_in_no_slot, {"orphans": 1}, id="a live order in no slot"),
        pytest.param(_order_of_a_slot_that_is_nowhere, {"orphans": 1}, id="an order of a slot that is nowhere"),
        pytest.param(_order_of_a_slot_whose_end_was_never_recorded, {"orphans": 1}, id="an end never recorded"),
        pytest.param(_trade_never_applied, {"missing": 1}, id="a trade never applied"),
        pytest.param(_trade_logged_but_not_applied, {"missing": 1}, id="a trade logged but not applied"),
        pytest.param(_trade_applied_by_two_steps, {"twice": 1}, id="a trade applied by two steps"),
        pytest.param(_trade_twice_in_the_log, {"twice": 1}, id="a trade twice in the log"),
        pytest.param(_position_off, {"position_diff": 1}, id="a position that is off"),
        pytest.param(_quote_off, {"quote_diff": 1}, id="a quote flow that is off"),
        pytest.param(_asset_that_the_venue_does_not_have, {"quote_diff": 1}, id="a fee in a coin nobody has"),
    ],
)
def test_each_kind_of_wrong_is_found_and_nothing_else(spoil: Callable[[Case], None], numbers: dict[str, int]) -> None:
    case = Case()
    spoil(case)
    report = case.report()
    found = {name: len(getattr(report, name)) for name in ("duplicates", "orphans", "missing", "twice",
                                                          "position_diff", "quote_diff")}  # fmt: skip
    assert {name: count for name, count in found.items() if count} == numbers
    assert not report.clean


def test_the_difference_is_what_the_venue_has_more() -> None:
    case = Case()
    _position_off(case)
    assert case.report().position_diff == {"BTC": Decimal("-0.000002")}
    assert case.report().line().endswith("position_diff=-0.000002")


def test_what_was_deposited_is_no_difference() -> None:
    case = Case()
    case.truth.balances[0].free = "1.501998"
    case.truth.balances[0].deposited = "0.5"
    case.truth.balances[1].free = "700.12"
    case.truth.balances[1].deposited = "-40"
    assert case.report().clean


def test_an_order_that_waits_for_its_end_is_no_orphan_once_the_log_has_it() -> None:
    case = Case()
    case.state.slots["59760"].order.client_order_id = DONE
    assert case.report().clean


def test_orders_that_are_not_ours_are_left_out() -> None:
    case = Case()
    case.truth.orders.append(_order("web_1", "NEW"))
    case.truth.orders.append(_order("web_1", "NEW"))
    case.truth.trades.append(_trade("9", "web_1"))
    assert case.report().fills == 2
    assert case.report().clean


def test_what_other_accounts_do_is_left_out() -> None:
    case = Case()
    case.truth.orders.append(
        simex_pb2.TrueOrder(symbol=SYMBOL, client_order_id="web_1", status="FILLED", account="eve")
    )
    case.truth.balances.append(simex_pb2.TrueBalance(account="eve", asset="BTC", free="3", locked="0", at_start="2"))
    assert case.report().clean


def test_two_grids_that_share_a_coin_are_added_up() -> None:
    case = Case()
    other = models.State(symbol="BTC/EUR", totals=models.Totals(position="0.5", quote_flow="-20000"))
    case.truth.balances[0].free = "1.501998"
    case.truth.balances.append(simex_pb2.TrueBalance(asset="EUR", free="0", locked="0", at_start="20000"))
    report = audit(BOT, case.truth, [Books(case.state, case.steps, case.log), Books(other, [], [])])
    assert report.clean


def test_a_pruned_log_is_reported_and_causes_no_false_findings() -> None:
    case = Case()
    report = audit(BOT, case.truth, [Books(case.state, case.steps, case.log[2:], floor=2)])
    assert report.clean
    assert len(report.unchecked) == 1
    assert "pruned up to 2" in report.unchecked[0]


def test_what_only_a_rebuilt_state_still_counts_is_counted_and_no_more_than_that() -> None:
    case = Case()
    case.state.rebuilt.end_offset = 3
    books = [Books(case.state, [], case.log[1:], floor=1)]
    pruned = audit(BOT, case.truth, books)
    assert pruned.clean
    assert "1 trades of BTC/USDT" in pruned.unchecked[1]

    case.truth.trades.append(_trade("9", DONE))
    assert len(audit(BOT, case.truth, books).missing) == 1

"""reconcile: what the state and the venue's book do not agree on."""

from decimal import Decimal

import pytest

from gridcore.bookkeeping.reconcile import Discrepancies, VenueSnapshot, live_openings, reconcile
from gridcore.model.actions import Outcome
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import grid


def run_of_two() -> tuple[GridDriver, str, str]:
    run = GridDriver(grid(buy_window=2))
    run.price_to("60100")
    first, second = sorted(order.place.client_order_id for order in run.venue.live())
    return run, first, second


@pytest.mark.parametrize(
    ("shown", "in_flight", "found"),
    [
        pytest.param("ab", "", Discrepancies(), id="all there"),
        pytest.param("a", "", Discrepancies(missing=("b",)), id="one is gone"),
        pytest.param("a", "b", Discrepancies(), id="one is in flight"),
        pytest.param("abc", "", Discrepancies(orphans=("c",)), id="one of ours that no step asked for"),
        pytest.param("abc", "c", Discrepancies(), id="one in flight that the book shows already"),
        pytest.param("dc", "", Discrepancies(orphans=("c", "d"), missing=("a", "b")), id="another book altogether"),
    ],
)
def test_the_book_is_held_against_the_slots(shown: str, in_flight: str, found: Discrepancies) -> None:
    run, first, second = run_of_two()
    names = {"a": first, "b": second, "c": "c", "d": "d"}
    snapshot = VenueSnapshot(
        ours=frozenset(names[each] for each in shown), in_flight=frozenset(names[each] for each in in_flight)
    )

    discrepancies = reconcile(run.state, snapshot)

    assert discrepancies.orphans == found.orphans
    assert discrepancies.missing == tuple(names[each] for each in found.missing)
    assert discrepancies.none is (found == Discrepancies())


def test_foreign_orders_are_no_concern_of_ours() -> None:
    run, first, second = run_of_two()

    assert reconcile(run.state, VenueSnapshot(frozenset({first, second}), foreign=frozenset({"x-web"}))).none


def test_an_order_in_doubt_or_being_cancelled_is_not_missed() -> None:
    run = GridDriver(grid(buy_window=1, upper=Decimal(60000)))
    run.price_to("60100", Outcome.UNKNOWN)
    assert reconcile(run.state, VenueSnapshot(frozenset())).none

    run = GridDriver(grid(buy_window=1, upper=Decimal(60000)))
    run.price_to("60100")
    run.price_to("60700")
    assert reconcile(run.state, VenueSnapshot(frozenset())).none


def test_a_second_reconciliation_after_the_log_was_applied_finds_nothing() -> None:
    run, first, _ = run_of_two()
    run.venue.fill(first, Decimal(1))
    book = VenueSnapshot(frozenset(order.place.client_order_id for order in run.venue.live()))
    assert reconcile(run.state, book).missing == (first,)

    run.hear()

    book = VenueSnapshot(frozenset(order.place.client_order_id for order in run.venue.live()))
    assert reconcile(run.state, book).none


def test_safe_mode_waits_for_every_opening_order_and_for_no_closing_one() -> None:
    run, first, second = run_of_two()
    assert sorted(live_openings(run.state)) == [first, second]

    run.venue.fill(first, Decimal(1))
    run.venue.fill(second, Decimal(1))
    run.config = grid(upper=Decimal(1))
    run.hear()

    assert len(run.venue.live()) == 2
    assert list(live_openings(run.state)) == []

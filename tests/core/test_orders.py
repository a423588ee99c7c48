"""The order's life cycle, pair by pair: what the table allows, and that the rest is refused."""

import pytest

from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.orders import ENDED, EVENT_OF_STATUS, TRANSITIONS, OrderEvent, OrderStatus, Side, advance

E, S = OrderEvent, OrderStatus

_ENDINGS = {
    E.ENDED_FILLED: S.FILLED,
    E.ENDED_CANCELED: S.CANCELED,
    E.ENDED_EXPIRED: S.EXPIRED,
    E.ENDED_REJECTED: S.REJECTED,
}

# Duplicated on purpose: a change of the table must be made here as well.
ALLOWED: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    **{(status, event): end for status in (S.OPEN, S.UNKNOWN, S.CANCELING) for event, end in _ENDINGS.items()},
    (S.OPEN, E.FOUND_OPEN): S.OPEN,
    (S.OPEN, E.FILL_RECORDED): S.OPEN,
    (S.OPEN, E.CANCEL_TAKEN): S.CANCELING,
    (S.OPEN, E.CANCEL_FAILED): S.OPEN,
    (S.UNKNOWN, E.FOUND_OPEN): S.OPEN,
    (S.UNKNOWN, E.FILL_RECORDED): S.OPEN,
    (S.UNKNOWN, E.PROVED_NOT_PLACED): S.NOT_PLACED,
    (S.CANCELING, E.FOUND_OPEN): S.CANCELING,
    (S.CANCELING, E.FILL_RECORDED): S.CANCELING,
    (S.CANCELING, E.CANCEL_TAKEN): S.CANCELING,
    (S.CANCELING, E.CANCEL_FAILED): S.CANCELING,
}

_PAIRS = [pytest.param(status, event, id=f"{status.value}-{event.value}") for status in S for event in E]


@pytest.mark.parametrize(("status", "event"), _PAIRS)
def test_a_pair_is_in_the_table_or_refused(status: OrderStatus, event: OrderEvent) -> None:
    if (status, event) in ALLOWED:
        assert advance(status, event) is ALLOWED[status, event]
    else:
        with pytest.raises(ImpossibleTransitionError, match=f"{status.value} cannot take {event.value}"):
            advance(status, event)


@pytest.mark.parametrize("status", sorted(ENDED, key=lambda each: each.value), ids=lambda each: each.value)
def test_nothing_leads_out_of_an_ended_status(status: OrderStatus) -> None:
    assert status.ended
    assert TRANSITIONS[status] == {}


@pytest.mark.parametrize("status", sorted(set(S) - ENDED, key=lambda each: each.value), ids=lambda each: each.value)
def test_every_status_that_has_not_ended_can_end(status: OrderStatus) -> None:
    assert not status.ended
    assert ENDED & set(TRANSITIONS[status].values())


def test_only_evidence_leads_out_of_unknown() -> None:
    assert E.CANCEL_TAKEN not in TRANSITIONS[S.UNKNOWN]
    assert E.CANCEL_FAILED not in TRANSITIONS[S.UNKNOWN]


def test_unknown_and_canceling_are_never_news() -> None:
    assert EVENT_OF_STATUS.keys() == set(S) - {S.UNKNOWN, S.CANCELING}


@pytest.mark.parametrize("side", Side)
def test_a_side_is_undone_by_its_opposite(side: Side) -> None:
    assert side.opposite.opposite is side
    assert side.sign + side.opposite.sign == 0

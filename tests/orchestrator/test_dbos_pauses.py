"""DBOS retries as soon as we do, in every case."""

import time

import pytest
import sqlalchemy as sa
from dbos import _sys_db
from psycopg.errors import CannotConnectNow

from gridservice.backoff import FIRST_SECONDS, LONGEST_SECONDS
from orchestrator.engine_dbos.retry_pauses import bound_of, retried_methods, shorten_pauses


@pytest.fixture(autouse=True)
def shortened() -> None:
    shorten_pauses()


def test_every_method_that_dbos_tries_again_has_our_bounds() -> None:
    methods = list(retried_methods())

    assert {"init_workflow", "update_workflow_outcome", "check_operation_execution"} <= {m.__name__ for m in methods}
    for method in methods:
        assert bound_of(method, "initial_backoff").cell_contents == FIRST_SECONDS, method.__name__
        assert bound_of(method, "max_backoff").cell_contents == LONGEST_SECONDS, method.__name__


def test_what_breaks_four_times_in_a_row_is_done_within_two_seconds() -> None:
    tries = 0

    @_sys_db.db_retry()
    def flaps() -> str:
        nonlocal tries
        tries += 1
        if tries < 5:
            raise sa.exc.OperationalError(None, None, CannotConnectNow("starting up"))
        return "done"

    began = time.monotonic()

    assert flaps() == "done"
    assert time.monotonic() - began < 2

"""What every store promises, on SQLite and on Postgres, and what each promises alone."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from gridcore.model.actions import ActionResult, CancelOrder, Outcome
from gridcore.model.events import Plan, PriceChanged
from gridcore.model.state import RiskFlags, State
from griddb.errors import LeaseLostError
from gridrpc.convert_state import digest
from gridtesting.live.databases import POSTGRES, SQLITE, Database
from orchestrator.errors import ConflictError, UnfinishableError
from orchestrator.store import Store
from orchestrator.store.file_names import state_path
from orchestrator.store.journal import Phase
from orchestrator.store.postgres import PostgresStore
from orchestrator.store.sqlite import SqliteStore

Open = Callable[[], Store]
BTC = "BTC/USDT"
FIRST = State(BTC, "birth", "grid", last_update_time=5)


@pytest.fixture
def open_store(database: Database, tmp_path: Path) -> Iterator[Open]:
    """Opens the same symbol's store repeatedly."""
    opened: list[Store] = []

    def open_once() -> Store:
        url = database.sa_url
        opened.append(SqliteStore(state_path(tmp_path, BTC)) if url is None else PostgresStore(url, BTC))
        return opened[-1]

    yield open_once
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    """A store under lease with its first state."""
    opened = open_store()
    opened.take_lease()
    opened.save_state(FIRST)
    return opened


def test_a_new_store_has_no_state(open_store: Open) -> None:
    assert open_store().load_state() is None


def test_what_is_saved_is_loaded(store: Store, open_store: Open) -> None:
    store.close()

    assert open_store().load_state() == FIRST


def test_each_lease_has_a_higher_epoch(store: Store, open_store: Open) -> None:
    assert store.raise_epoch() == 2
    store.close()

    assert open_store().take_lease() == 3


def test_a_second_holder_of_the_lease_is_refused_with_a_sentence(store: Store, open_store: Open) -> None:
    with pytest.raises(LeaseLostError, match=r"another orchestrator holds .* stop it first"):
        open_store().take_lease()
    assert store.load_state() == FIRST


@pytest.mark.parametrize("seq", [0, 2, 7], ids=["again", "skipped", "far"])
def test_a_state_that_does_not_follow_is_refused(store: Store, seq: int) -> None:
    with pytest.raises(ConflictError, match=f"expects step 1, not {seq}"):
        store.save_state(replace(FIRST, seq=seq))
    assert store.load_state() == FIRST


def test_a_step_is_committed_with_its_state_and_its_row(store: Store) -> None:
    after = replace(FIRST, seq=1, last_price=Decimal(7))

    row = store.commit(_plan(1), [_RESULT], after, [Phase("decide", 1, 2)])

    assert store.load_state() == after
    assert store.find_step(seq=1) == store.find_step(request_id="r1") == row
    assert row.results == (_RESULT,)
    assert (row.digest_before, row.digest_after) == (digest(FIRST), digest(after))
    assert row.phases == (Phase("decide", 1, 2),)


def test_a_repetition_changes_nothing_and_answers_the_same(store: Store) -> None:
    row = store.commit(_plan(1), [_RESULT], replace(FIRST, seq=1), [])

    again = store.commit(_plan(1), [], replace(FIRST, seq=1, epoch=99), [])

    assert again == row
    assert store.load_state() == replace(FIRST, seq=1)
    assert len(store.last_steps(10)) == 1


def test_a_repetition_is_known_again_after_later_steps(store: Store) -> None:
    row = store.commit(_plan(1), [_RESULT], replace(FIRST, seq=1), [])
    store.commit(_plan(2), [], replace(FIRST, seq=2), [])

    assert store.commit(_plan(1), [_RESULT], replace(FIRST, seq=1), []) == row
    assert store.load_state() == replace(FIRST, seq=2)


def test_a_step_out_of_turn_is_a_conflict_and_writes_nothing(store: Store) -> None:
    with pytest.raises(ConflictError, match="expects step 1, not 2"):
        store.commit(_plan(2), [], replace(FIRST, seq=2), [])
    assert store.load_state() == FIRST
    assert store.last_steps(10) == []


def test_a_process_that_lost_the_lease_writes_nothing(store: Store, database: Database, tmp_path: Path) -> None:
    raised = {
        SQLITE: "UPDATE meta SET value = 9 WHERE key = 'epoch'",
        POSTGRES: "UPDATE leases SET epoch = 9, holder = 'another'",
    }
    database.query_state(tmp_path, BTC, raised[database.kind])

    with pytest.raises(LeaseLostError, match="is at epoch 9, this orchestrator holds 1"):
        store.commit(_plan(1), [], replace(FIRST, seq=1), [])
    with pytest.raises(LeaseLostError):
        store.save_state(replace(FIRST, seq=1))
    assert store.load_state() == FIRST


def test_the_ledgers_birth_id_is_bound_without_a_step(store: Store) -> None:
    store.bind_ledger("ledger")

    assert store.load_state() == replace(FIRST, ledger_birth_id="ledger")


def test_a_late_phase_is_read_with_its_row_and_kept_by_the_next_commit(store: Store, open_store: Open) -> None:
    store.commit(_plan(1), [], replace(FIRST, seq=1), [Phase("execute", 1, 2)])
    store.add_phase(1, Phase("commit", 3, 4))
    with_late = store.find_step(seq=1)
    store.commit(_plan(2), [], replace(FIRST, seq=2), [])
    store.close()

    assert with_late is not None
    assert with_late.phases == (Phase("execute", 1, 2), Phase("commit", 3, 4))
    assert open_store().find_step(seq=1) == with_late


def test_the_last_steps_come_newest_first(store: Store) -> None:
    for seq in (1, 2, 3):
        store.commit(_plan(seq), [], replace(FIRST, seq=seq), [])

    assert [row.plan.seq for row in store.last_steps(2)] == [3, 2]


def test_pruning_takes_old_rows_and_leaves_the_newest(store: Store) -> None:
    for seq in (1, 2, 3):
        store.commit(_plan(seq), [], replace(FIRST, seq=seq), [])

    assert store.prune(before_ms=2**60) == 2
    assert [row.plan.seq for row in store.last_steps(10)] == [3]
    assert store.prune(before_ms=2**60) == 0


def test_pruning_leaves_young_rows(store: Store) -> None:
    store.commit(_plan(1), [], replace(FIRST, seq=1), [])
    store.commit(_plan(2), [], replace(FIRST, seq=2), [])

    assert store.prune(before_ms=1) == 0


def test_the_ledger_cursor_survives(store: Store, open_store: Open) -> None:
    assert store.ledger_cursor() == 0
    store.move_ledger_cursor(17)
    store.close()

    assert open_store().ledger_cursor() == 17


def test_the_last_look_at_a_price_survives_and_follows_a_clock_that_is_set_back(store: Store, open_store: Open) -> None:
    assert store.last_look() == 0
    store.note_look(2_000)
    store.note_look(1_000)
    store.close()

    assert open_store().last_look() == 1_000


def test_sqlite_keeps_the_specifications_single_row(tmp_path: Path) -> None:
    store = SqliteStore(state_path(tmp_path, BTC))
    store.take_lease()
    store.save_state(FIRST)
    store.save_state(replace(FIRST, seq=1))
    store.close()

    with closing(sqlite3.connect(tmp_path / "state-BTC-USDT.sqlite")) as file:
        rows = file.execute("SELECT id, data, updated_at FROM state").fetchall()
        journal_mode = file.execute("PRAGMA journal_mode").fetchone()
        with pytest.raises(sqlite3.IntegrityError):
            file.execute("INSERT INTO state VALUES (2, '{}', 0)")

    assert [(row[0], row[2]) for row in rows] == [(1, 5)]
    assert json.loads(rows[0][1])["seq"] == "1"
    assert journal_mode == ("wal",)


@pytest.mark.parametrize("data", ["{", '{"slots": {}, "surprise": 1}'], ids=["cut", "foreign"])
def test_an_unreadable_state_stops_the_start_with_a_sentence(tmp_path: Path, data: str) -> None:
    store = SqliteStore(state_path(tmp_path, BTC))
    with closing(sqlite3.connect(tmp_path / "state-BTC-USDT.sqlite")) as file, file:
        file.execute("INSERT INTO state VALUES (1, ?, 0)", (data,))

    with pytest.raises(UnfinishableError, match=r"cannot be read .* restore a backup"):
        store.load_state()
    store.close()


def test_a_file_of_a_newer_version_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    SqliteStore(state_path(tmp_path, BTC)).close()
    with closing(sqlite3.connect(tmp_path / "state-BTC-USDT.sqlite")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(UnfinishableError, match="written by a newer version") as refused:
        SqliteStore(state_path(tmp_path, BTC))

    assert refused.tb is not None  # what the raised error still refers to is not collected, only closed
    held = {Path(file.path).name for file in psutil.Process().open_files()}
    assert not {name for name in held if name.startswith("state-BTC-USDT.sqlite")}, "the refused file is still open"


_RESULT = ActionResult(0, "c", Outcome.CANCELLED)


def _plan(seq: int) -> Plan:
    return Plan(
        symbol="BTC/USDT",
        request_id=f"r{seq}",
        seq=seq,
        epoch=1,
        trigger=PriceChanged(seq, Decimal(7)),
        risk=RiskFlags(),
        actions=(CancelOrder("c", "", "7"),),
    )

"""What the store on Postgres promises besides: a commit writes what it changes, and the pieces make the whole."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.model.events import Plan, Ticked
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import InventorySlot, SlotOrder
from gridcore.model.state import RiskFlags, State
from griddb.errors import LeaseLostError
from gridrpc.convert_state import digest, state_json
from gridtesting.live.databases import Database
from orchestrator.errors import UnfinishableError
from orchestrator.store.postgres import PostgresStore
from orchestrator.store.state_json import pieces_of, state_from_pieces

BTC = "BTC/USDT"


def slot(level: int, executed: int = 0) -> InventorySlot:
    price = Decimal(60_000 + level)
    order = SlotOrder(f"g{level}", "7", Role.OPENING, Side.BUY, price, Decimal(9), Decimal(executed), OrderStatus.OPEN)
    return InventorySlot(price, level, Side.BUY, price + 1, order=order)


def state_of(levels: set[int], seq: int = 0, reason: str = "") -> State:
    slots = {one.key: one for one in map(slot, sorted(levels))}
    return State(BTC, "birth", "grid", slots, seq=seq, risk=RiskFlags(reason=reason), last_price=Decimal("0.10"))


def plan(seq: int) -> Plan:
    return Plan(BTC, f"r{seq}", seq, 1, Ticked(0, None, 0), RiskFlags())


@given(
    before=st.sets(st.integers(0, 30)),
    after=st.sets(st.integers(0, 30)),
    reason=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)
def test_the_pieces_make_the_text_and_the_digest_of_the_whole(before: set[int], after: set[int], reason: str) -> None:
    old = pieces_of(state_of(before))
    state = state_of(after, seq=1, reason=reason)
    pieces = pieces_of(state, old)

    assert pieces.text == state_json(state)
    assert pieces.digest == digest(state)
    assert state_from_pieces(pieces.header, pieces.slots) == state
    assert set(pieces.changed_since(old)) == {slot(level).key for level in after - before}
    assert set(pieces.gone_since(old)) == {slot(level).key for level in before - after}


def test_a_commit_writes_the_slots_that_changed_and_removes_those_that_are_gone(
    postgres_database: Database, tmp_path: Path
) -> None:
    store = PostgresStore(postgres_database.sa_url or pytest.fail("no url"), BTC)
    store.take_lease()
    first = state_of({1, 2, 3})
    store.save_state(first)

    def written_by() -> dict[str, str]:
        rows = postgres_database.query_state(tmp_path, BTC, "SELECT key, CAST(xmin AS text) FROM slots")
        return dict(rows)

    before = written_by()
    filled = slot(2, executed=4)
    slots = {one.key: one for one in (slot(1), filled, slot(4))}
    second = replace(first, seq=1, slots=slots)
    store.commit(plan(1), [], second, [])
    after = written_by()
    store.close()

    assert after.keys() == slots.keys()
    assert {key for key, transaction in after.items() if before.get(key) != transaction} == {filled.key, slot(4).key}
    again = PostgresStore(postgres_database.sa_url or pytest.fail("no url"), BTC)
    assert again.load_state() == second
    again.close()


def test_symbols_lie_beside_each_other(postgres_database: Database) -> None:
    url = postgres_database.sa_url or pytest.fail("no url")
    stores = {symbol: PostgresStore(url, symbol) for symbol in (BTC, "ETH/USDT")}
    states = {symbol: replace(state_of({number}), symbol=symbol) for number, symbol in enumerate(stores)}
    for symbol, store in stores.items():
        assert store.take_lease() == 1
        store.save_state(states[symbol])
        store.move_ledger_cursor(len(symbol))
    assert {symbol: store.load_state() for symbol, store in stores.items()} == states
    for store in stores.values():
        store.close()


@pytest.mark.parametrize(
    "damage", ["UPDATE states SET header = '{'", "UPDATE slots SET data = '{\"surprise\": 1}'"], ids=["cut", "foreign"]
)
def test_an_unreadable_state_stops_the_start_with_a_sentence(
    postgres_database: Database, tmp_path: Path, damage: str
) -> None:
    store = PostgresStore(postgres_database.sa_url or pytest.fail("no url"), BTC)
    store.take_lease()
    store.save_state(state_of({1}))
    postgres_database.query_state(tmp_path, BTC, damage)

    with pytest.raises(UnfinishableError, match=r"cannot be read .* restore a backup"):
        store.load_state()
    store.close()


def test_a_process_whose_symbol_was_taken_meanwhile_ends_even_if_it_is_free_again(
    postgres_database: Database,
) -> None:
    url = postgres_database.sa_url or pytest.fail("no url")
    first, second = PostgresStore(url, BTC), PostgresStore(url, BTC)
    try:
        first.take_lease()
        with psycopg.connect(postgres_database.url, autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
        second.take_lease()
        second.close()
        with pytest.raises(LeaseLostError, match="has had BTC/USDT") as lost:
            first.last_steps(1)
    finally:
        first.close()
        second.close()
    assert lost.value.exit_code == 4

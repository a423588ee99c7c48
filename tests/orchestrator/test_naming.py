"""Each symbol has a file of its own, and a file of an older name is found, renamed once, and never lost."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.engine_dbos.engine import open_dbos_engine
from orchestrator.storage import open_stores
from orchestrator.store.file_names import adopt_name, present_path, state_path

LIFE, COMING = "币安人生/USDT", "我踏马来了/USDT"
OLD = "state--USDT.sqlite"


def put_older(folder: Path, symbol: str, name: str = OLD) -> Path:
    """A file as an earlier version left it, with its last rows still in the -wal."""
    path = folder / name
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE state (data TEXT)")
        file.execute("INSERT INTO state VALUES (json_object('symbol', ?))", (symbol,))
        file.commit()
    return path


def symbol_in(path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        return str(file.execute("SELECT json_extract(data, '$.symbol') FROM state").fetchone()[0])


def test_symbols_never_share_a_file() -> None:
    symbols = ["BTC/USDT", "BTC-USDT", "BTC/USDT:USDT", "BTC-/USDT", "BTC/-USDT", "BTC%2FUSDT", LIFE, COMING, "/USDT"]
    assert len({state_path(Path(), symbol) for symbol in symbols}) == len(symbols)
    assert all(path.name.isascii() for path in (state_path(Path(), symbol) for symbol in symbols))
    assert state_path(Path(), "BTC/USDT").name == "state-BTC-USDT.sqlite"


def test_a_file_of_an_older_name_goes_to_the_symbol_whose_state_it_holds(tmp_path: Path) -> None:
    put_older(tmp_path, COMING)
    assert present_path(tmp_path, COMING).name == OLD
    for symbol in (LIFE, COMING):
        adopt_name(tmp_path, symbol)
    assert not state_path(tmp_path, LIFE).exists()
    assert symbol_in(state_path(tmp_path, COMING)) == COMING
    assert [path.name for path in tmp_path.iterdir()] == [state_path(tmp_path, COMING).name]


def test_rows_that_a_crash_left_in_the_wal_come_along(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with closing(sqlite3.connect(put_older(tmp_path, "X"))) as file:
        file.execute("UPDATE state SET data = json_object('symbol', ?)", (LIFE,))
        file.commit()
        for suffix in ("", "-wal"):
            shutil.copy(f"{tmp_path / OLD}{suffix}", crashed)
    adopt_name(crashed, LIFE)
    assert symbol_in(state_path(crashed, LIFE)) == LIFE
    assert [path.name for path in crashed.iterdir()] == [state_path(crashed, LIFE).name]


def test_a_file_that_is_there_already_is_not_replaced(tmp_path: Path) -> None:
    put_older(tmp_path, LIFE)
    put_older(tmp_path, LIFE, state_path(tmp_path, LIFE).name)
    adopt_name(tmp_path, LIFE)
    assert (tmp_path / OLD).exists()


@pytest.mark.parametrize("content", [b"", b"no database"])
def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / OLD).write_bytes(content)
    adopt_name(tmp_path, LIFE)
    assert (tmp_path / OLD).read_bytes() == content


def test_two_symbols_without_a_latin_letter_open_side_by_side(tmp_path: Path) -> None:
    with open_stores(tmp_path, None, (LIFE, COMING), open_dbos_engine) as stores:
        assert set(stores.by_symbol) == {LIFE, COMING}
    with open_stores(tmp_path, None, (COMING, LIFE), open_dbos_engine) as stores:
        assert all(store.load_state() is None for store in stores.by_symbol.values())
    kept = {path.name for path in tmp_path.glob("state-*.sqlite")}
    assert kept == {state_path(tmp_path, symbol).name for symbol in (LIFE, COMING)}, "where they are looked for"
    assert all(state_path(tmp_path, symbol).stat().st_size > 0 for symbol in (LIFE, COMING))

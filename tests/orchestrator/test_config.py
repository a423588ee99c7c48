"""Settings of the orchestrator that are not shown by what it does with them."""

from pathlib import Path

import pytest

from gridservice.config_file import ConfigError
from orchestrator.config import EngineKind, load_settings

GRID = '[[grids]]\nsymbol = "BTC/USDT"\nmode = "long"\nanchor = "60000"\ninterval = "300"\nquote_per_slot = "100"\n'


def write(folder: Path, engine: str) -> Path:
    path = folder / "grid.toml"
    path.write_text(f'[orchestrator]\nengine = "{engine}"\n{GRID}', encoding="utf-8")
    return path


def test_the_engine_is_chosen_by_the_file_and_before_it_by_the_environment(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "dbos"), {}).engine is EngineKind.DBOS
    assert load_settings(write(tmp_path, "steam"), {"GRIDWRIGHT_ENGINE": "dbos"}).engine is EngineKind.DBOS


@pytest.mark.parametrize(("file", "environment"), [("steam", {}), ("dbos", {"GRIDWRIGHT_ENGINE": "steam"})])
def test_an_engine_that_there_is_not_is_refused(tmp_path: Path, file: str, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^orchestrator\.engine = 'steam': give one of dbos$"):
        load_settings(write(tmp_path, file), environment)


@pytest.mark.parametrize("bounds", ["", 'lower = "50000"\nupper = "70000"'], ids=["endless", "with lower and upper"])
def test_a_geometric_interval_of_100_is_refused_with_its_unit(tmp_path: Path, bounds: str) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        '[[grids]]\nsymbol = "BTC/USDT"\nmode = "long"\nanchor = "60000"\ninterval = "100"\nspacing = "geometric"\n'
        f'quote_per_slot = "100"\n{bounds}\n'
    )
    with pytest.raises(ConfigError, match=r"interval = '100': with spacing = GEOMETRIC give a fraction of the price"):
        load_settings(path, {})

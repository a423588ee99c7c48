"""The `gridwright` command itself: its arguments and its exit codes, without any service."""

import argparse
import io
from pathlib import Path

import pytest
from rich.console import Console

from gridctl.__main__ import COMMANDS, run
from gridctl.cli import parser
from griddeploy.demo.config import example


def command(*words: str) -> int:
    return run(parser().parse_args(words), Console(file=io.StringIO()))


def test_a_config_that_is_not_there_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status", "--config", "nowhere.toml") == 2
    assert "gridwright: config = 'nowhere.toml'" in capsys.readouterr().err


def test_a_data_folder_of_the_users_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "notes").write_text("mine")
    assert command("demo", "--data-dir", str(tmp_path)) == 2
    assert "it holds files of yours" in capsys.readouterr().err


def test_only_a_service_that_there_is_can_be_picked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "grid.toml"
    config.write_text(example("demo.toml"), encoding="utf-8")
    assert command("up", "--config", str(config), "--only", "oracle") == 2
    assert "give one of simex, pricemon, executor, orchestrator" in capsys.readouterr().err


@pytest.mark.parametrize("duration", ["0", "-3", "inf"])
def test_a_duration_must_be_above_0(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(["demo", "--duration", duration])
    assert stopped.value.code == 2
    assert "is not a number above 0" in capsys.readouterr().err


def test_an_operators_command_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["pause"])
    assert "--why" in capsys.readouterr().err


def test_every_command_of_the_parser_can_be_run() -> None:
    (subcommands,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert set(subcommands.choices) == set(COMMANDS)

"""What the container files promise, read from them alone: nothing beyond loopback, keys for one, no root, one grid."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import executor.config
import orchestrator.config
import pricemon.config
from griddeploy.demo.config import example
from griddeploy.deployment import read_deployment
from gridservice.config_file import read_toml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = sorted(SERVICES.keys() - {"password"})
OURS = sorted(SERVICES.keys() - {"postgres"})
CONFIGS = ("compose.toml", "live.toml")
KEYS = {"GRIDWRIGHT_API_KEY": "a", "GRIDWRIGHT_API_SECRET": "b"}


def mounts(service: str) -> set[str]:
    return {str(volume).partition(":")[0] for volume in SERVICES[service].get("volumes", [])}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_published_beyond_the_loopback_interface(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


def test_the_database_is_not_published_at_all() -> None:
    assert "ports" not in SERVICES["postgres"]


@pytest.mark.parametrize("service", LASTING)
def test_services_restart_by_themselves_report_their_health_and_wait_for_that_of_others(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
    waits = SERVICES[service].get("depends_on", {})
    assert all(
        SERVICES[other]["restart"] == "no" or wait["condition"] == "service_healthy" for other, wait in waits.items()
    )


@pytest.mark.parametrize("service", OURS)
def test_our_containers_have_no_privilege_and_write_to_volumes_only(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[service]["read_only"] is True
    assert {"user", "privileged", "cap_add", "pid"}.isdisjoint(SERVICES[service])


def test_the_executor_alone_has_keys_and_three_have_the_password() -> None:
    with_keys = {name for name in SERVICES if any("API" in key for key in SERVICES[name].get("environment", {}))}
    assert with_keys == {"executor"}
    assert {name for name in LASTING if "password" in mounts(name)} == {"postgres", "executor", "orchestrator"}


def test_the_image_is_made_of_plain_tags_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} <= {"python:3.11-slim", "base"}
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]


def test_the_image_gets_nothing_but_what_is_named() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert rules[0] == "*"
    assert not any(word in rule for rule in rules for word in ("secret", ".env", ".git", "data"))


def test_the_layer_of_dependencies_has_all_that_pyproject_names_and_nothing_else() -> None:
    command = [sys.executable, "deploy/requirements.py", "all"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {extra: needs for extra, needs in project["optional-dependencies"].items() if extra not in {"all", "dev"}}
    assert set(printed) == set(project["dependencies"]).union(*extras.values())


@pytest.mark.parametrize("name", CONFIGS)
def test_each_config_is_one_that_the_services_take_binding_inside_and_called_by_name(name: str) -> None:
    path = ROOT / "deploy" / name
    settings = {
        "pricemon": pricemon.config.read_settings(path),
        "executor": executor.config.read_settings(read_toml(path), KEYS),
        "orchestrator": orchestrator.config.load_settings(path, {}),
    }
    binds = {service: each.address for service, each in settings.items()}
    metrics = {service: each.metrics for service, each in settings.items()}
    called = {service: address for service, address in read_deployment(path).addresses.items() if service in binds}
    for service, address in called.items():
        port = address.partition(":")[2]
        assert address == f"{service}:{port}"
        assert binds[service] == f"0.0.0.0:{port}"
        figures = metrics[service].partition(":")[2]
        assert metrics[service] == f"0.0.0.0:{figures}"
        assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}", f"127.0.0.1:{figures}:{figures}"]
        assert SERVICES[service]["healthcheck"]["test"][-1] == f"127.0.0.1:{port}"


def test_the_grid_and_the_market_are_those_of_the_demo() -> None:
    here = tomllib.loads((ROOT / "deploy" / "compose.toml").read_text(encoding="utf-8"))
    demo = tomllib.loads(example("demo.toml"))
    assert here["grids"] == demo["grids"]
    assert here["simex"]["markets"] == demo["simex"]["markets"]


def test_live_keys_come_from_files_and_never_from_the_compose_file() -> None:
    text = (ROOT / "docker-compose.live.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"(GRIDWRIGHT_API_\w+): (.+)", text)) == {
        ("GRIDWRIGHT_API_KEY", "!reset null"),
        ("GRIDWRIGHT_API_SECRET", "!reset null"),
        ("GRIDWRIGHT_API_KEY_FILE", "/run/secrets/api_key"),
        ("GRIDWRIGHT_API_SECRET_FILE", "/run/secrets/api_secret"),
    }
    assert tomllib.loads((ROOT / "deploy" / "live.toml").read_text(encoding="utf-8"))["venue"]["sandbox"] is True

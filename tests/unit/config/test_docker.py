"""The container files cannot be run everywhere; what can be held against the code is."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from hub.config import ENV_CONFIG, ENV_PREFIX, OTHER_VARIABLES, load_settings
from tests.support.shared import REPOSITORY

DOCKER = REPOSITORY / "docker"
FILES = ("Dockerfile", "compose.yml")


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
    return loaded


@pytest.mark.parametrize("name", FILES)
def test_every_variable_set_for_the_hub_is_an_option(name: str) -> None:
    text = (DOCKER / name).read_text()
    pairs = re.findall(rf"({ENV_PREFIX}[A-Z_]+)[=:]\s*\"?([^\s\"\\]+)", text)
    assert pairs
    options = {variable: value for variable, value in pairs if variable not in OTHER_VARIABLES | {ENV_CONFIG}}
    load_settings(environment={**options, "LIENTHONG_PRODUCTION": "false"})


def test_every_file_copied_into_the_image_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (REPOSITORY / name).exists(), name


def test_everything_that_is_installed_is_copied_into_the_image() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert {name.removesuffix("*") for name in packages} <= set(" ".join(copied).split())


def test_the_hub_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["lienthong"]


def test_services_refer_only_to_what_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"hub", "migrate", "postgres", "rabbitmq"} == set(services)
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        named = {one["source"] if isinstance(one, dict) else one for one in service.get("secrets", [])}
        assert named <= set(compose["secrets"])
        assert {one["source"] for one in service.get("configs", [])} <= set(compose["configs"])
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(compose["volumes"])


def test_no_password_stands_in_the_compose_file(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE")
            assert "://" not in str(value)


def test_only_the_hub_is_reachable_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if service.get("ports")] == ["hub"]


def test_every_configuration_file_exists(compose: dict[str, Any]) -> None:
    for config in compose["configs"].values():
        assert (DOCKER / config["file"]).is_file()


def test_the_account_that_the_guide_makes_may_use_the_names_of_the_hub_alone() -> None:
    page = (REPOSITORY / "docs" / "howto" / "install.md").read_text()
    shown = re.search(r"rabbitmq-definitions\.json <<EOF\n(.+?)\nEOF", page, re.DOTALL)
    assert shown is not None
    (permission,) = json.loads(shown[1])["permissions"]
    prefix = load_settings(environment={}).broker_prefix
    for right in ("configure", "write", "read"):
        assert re.match(permission[right], f"{prefix}.work")
        assert not re.match(permission[right], "another.work")

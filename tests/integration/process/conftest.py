"""Homes with systems in them, and letters that are really signed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator

import pytest

from hub.bootstrap import open_registry
from hub.config import load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory_csv import parse
from signing.devpki import DevPki
from tests.integration.process.kit import RECIPIENT, SENDERS, Letters
from tests.support.process import Home, clear_what_killed_runs_left, copy_of, new_folder


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> DevPki:
    """The PKI that all homes trust and all letters are signed with."""
    return DevPki.open_or_create(tmp_path_factory.mktemp("pki") / "pki")


@pytest.fixture(scope="session")
def template(pki: DevPki) -> Iterator[Home]:
    """A stopped home: cluster, schema, illustrative directory, systems, keys, trust."""
    clear_what_killed_runs_left()
    with new_folder() as folder:
        home = Home(path=folder / "h")
        with asyncio.Runner() as runner:
            runner.run(_furnish(home))
        shutil.copytree(pki.trust_folder, home.path / "trust")
        yield home


async def _furnish(home: Home) -> None:
    async with open_registry(load_settings(home=home.path, environment={})) as registry:
        await registry.replace_directory(parse(binh_duong_csv()).agencies)
        for role in (*SENDERS, RECIPIENT):
            made = await registry.add_system(role.system, units=[role.unit.code], policy=role.policy)
            home.keys[role.system] = made.text


@pytest.fixture
def home(template: Home) -> Iterator[Home]:
    """A home of this test's own, with systems registered and nothing sent yet."""
    with new_folder() as folder:
        yield copy_of(template, folder)


@pytest.fixture
def bare_home() -> Iterator[Home]:
    """A home in which nothing has ever run."""
    with new_folder() as folder:
        yield Home(path=folder / "h")


@pytest.fixture(scope="session")
def letters(pki: DevPki) -> Letters:
    """Signed letters of the first sender to the recipient."""
    return Letters(pki)

"""Authorities over HTTP, once per session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pki import Authorities, authorities


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with authorities(tmp_path_factory.mktemp("authorities")) as made:
        yield made


@pytest.fixture
def vn(_served: Authorities) -> Authorities:
    """The hierarchies shaped like Vietnam's, with nothing asked yet."""
    _served.asked.clear()
    return _served

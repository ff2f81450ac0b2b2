"""Fixtures of the format's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.schemas.kit import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A place to split and read messages."""
    return Bench(tmp_path)

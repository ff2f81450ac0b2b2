"""The contract of exits holds for the push service itself, with a peer in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.exit_contract import ExitContract
from tests.support.exit_fake import FakePeer


class TestFake(ExitContract):
    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> FakePeer:
        return FakePeer()

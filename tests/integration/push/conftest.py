"""A hub that knows two exits to peers in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.exit_fake import FakePeer
from tests.support.hub import B_SECOND, B, HubUnderTest, Peer, hub_on
from tests.support.push import pushed


@pytest.fixture
def peer() -> FakePeer:
    return FakePeer()


@pytest.fixture
def other() -> FakePeer:
    return FakePeer(adapter="other")


@pytest.fixture
async def hub(
    database_url: str, tmp_path: Path, peer: FakePeer, other: FakePeer
) -> AsyncIterator[HubUnderTest]:
    async with hub_on(database_url, tmp_path, exits=[peer.kind(), other.kind()]) as made:
        yield made


@pytest.fixture
async def b(hub: HubUnderTest) -> Peer:
    return await pushed(hub, "DMS B", B, B_SECOND)

"""A letter that has arrived, for tests of what comes after it."""

from __future__ import annotations

import pytest

from tests.support.hub import A, B, C, HubUnderTest, Peer
from tests.support.messages import letter


@pytest.fixture
async def sent(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> str:
    """Letter 1 from A, which B and C have; its document id."""
    answer = await a.accepted(letter(A, [B, C]))
    await hub.settle()
    await b.take_all()
    await c.take_all()
    return answer.document_id

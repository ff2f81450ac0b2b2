"""When there is too little room the normal lane is closed; urgent documents still come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.hub import A, B, FakeVerifier, HubUnderTest, hub_on
from tests.support.messages import letter

MORE_THAN_ANY_DISK = 2**60


@pytest.fixture
async def full(database_url: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """A hub whose disk is always too full."""
    limits = {"disk_free_bytes": MORE_THAN_ANY_DISK}
    async with hub_on(database_url, tmp_path, verifier=FakeVerifier(), limits=limits) as hub:
        yield hub


async def test_a_normal_document_is_refused_with_a_time_to_come_back(full: HubUnderTest) -> None:
    sender, _ = await full.system("a", A), await full.system("b", B)
    answer = await sender.send(letter(A, B))
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "disk_low", "60")


async def test_a_refused_document_leaves_nothing(full: HubUnderTest) -> None:
    sender, _ = await full.system("a", A), await full.system("b", B)
    await sender.send(letter(A, B))
    assert await full.holds_nothing()


async def test_an_urgent_document_still_comes_in(full: HubUnderTest) -> None:
    sender, _ = await full.system("a", A), await full.system("b", B)
    await sender.accepted(letter(A, B, priority=3))


async def test_readiness_names_what_is_missing(full: HubUnderTest) -> None:
    sender = await full.system("a", A)
    answer = await sender.call("GET", "/readyz")
    assert (answer.status, answer.json["checks"]["disk"]) == (503, "low")

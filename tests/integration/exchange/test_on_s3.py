"""A document through a hub whose documents lie in a bucket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.hub import UNSIGNED, A, B, FakeVerifier, hub_on
from tests.support.messages import letter
from tests.support.s3 import Bucket


async def test_a_document_goes_through_a_bucket_and_comes_out_byte_for_byte(
    database_url: str, tmp_path: Path, bucket: Bucket
) -> None:
    async with hub_on(database_url, tmp_path, s3=bucket.settings) as hub:
        a, b = await hub.system("DMS A", A), await hub.system("DMS B", B)
        body = letter(A, B, number=1)
        await a.accepted(body)
        await hub.settle()
        assert (await b.take(await b.only())).raw == body
        assert len(await hub.stored_blobs()) == 1
        assert hub.spools() == []
        assert not (tmp_path / "blobs" / "objects").exists()


async def test_a_bucket_that_is_down_is_503_and_keeps_nothing(
    database_url: str, tmp_path: Path, bucket: Bucket
) -> None:
    gone = bucket.settings.model_copy(update={"bucket": "no-such-bucket"})
    async with hub_on(database_url, tmp_path, s3=gone) as hub:
        a = await hub.system("DMS A", A)
        await hub.system("DMS B", B)
        answer = await a.send(letter(A, B, number=1))
        assert answer.status == 503
        assert "Retry-After" in answer.headers
        assert await hub.count("document") == 0
        assert hub.spools() == []


async def test_a_blob_without_a_row_is_collected_from_the_bucket(
    database_url: str, tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_on(database_url, tmp_path, s3=bucket.settings, verifier=FakeVerifier(UNSIGNED)) as hub:
        a = await hub.system("DMS A", A)
        await hub.system("DMS B", B)
        await a.accepted(letter(A, B, number=1))
        (kept,) = await hub.stored_blobs()
        spool = await hub.blobs.new_spool()
        (spool / "body").write_bytes(b"left by a killed process")
        orphan = UUID(int=7)
        await hub.blobs.put(orphan, spool / "body")
        removed = await hub.motions.housekeeping.remove_orphan_blobs(datetime.now(UTC) + timedelta(days=2))
        assert removed == 1
        assert await asyncio.wait_for(hub.stored_blobs(), 20) == {kept}

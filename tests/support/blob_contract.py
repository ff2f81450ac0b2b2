"""What every BlobStore keeps to; a test class per implementation inherits it and gives `store`."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub.ports.blobs import BlobDamaged, BlobExists, BlobMissing, BlobStore

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks


async def put(store: BlobStore, content: bytes, blob_id: UUID | None = None) -> UUID:
    """Store bytes the way the hub does: through a spool."""
    spool = await store.new_spool()
    source = spool / "body"
    source.write_bytes(content)
    name = blob_id or uuid4()
    try:
        await store.put(name, source)
    finally:
        await store.drop_spool(spool)
    return name


async def get(
    store: BlobStore, blob_id: UUID, *, sha256: bytes | None = None, chunk_size: int = 65_536
) -> bytes:
    """Read a blob whole."""
    return b"".join([chunk async for chunk in store.read(blob_id, sha256=sha256, chunk_size=chunk_size)])


async def listed(store: BlobStore) -> set[UUID]:
    """Return the ids of all blobs."""
    return {entry.blob_id async for entry in store.entries()}


class BlobStoreContract:
    """The contract; `damage` changes a stored blob behind the store's back."""

    async def damage(self, store: BlobStore, blob_id: UUID) -> None:
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 65_536, len(CONTENT)])
    async def test_what_was_put_is_read(self, store: BlobStore, size: int) -> None:
        content = CONTENT[:size]
        blob_id = await put(store, content)
        assert await get(store, blob_id, sha256=hashlib.sha256(content).digest()) == content

    async def test_chunks_are_not_larger_than_asked(self, store: BlobStore) -> None:
        blob_id = await put(store, CONTENT)
        assert max([len(chunk) async for chunk in store.read(blob_id, chunk_size=1000)]) <= 1000

    async def test_the_file_is_gone_from_the_spool_once_stored(self, store: BlobStore) -> None:
        spool = await store.new_spool()
        (spool / "body").write_bytes(b"x")
        await store.put(uuid4(), spool / "body")
        assert list(spool.iterdir()) == []

    async def test_a_blob_is_never_replaced(self, store: BlobStore) -> None:
        blob_id = await put(store, b"first")
        with pytest.raises(BlobExists):
            await put(store, b"second", blob_id)
        assert await get(store, blob_id) == b"first"

    async def test_of_two_at_once_one_wins_and_the_other_is_told(self, store: BlobStore) -> None:
        blob_id = uuid4()
        results = await asyncio.gather(*(put(store, b"x", blob_id) for _ in range(6)), return_exceptions=True)
        assert sum(result == blob_id for result in results) == 1
        assert sum(isinstance(result, BlobExists) for result in results) == 5

    async def test_a_blob_that_is_not_there_is_missing(self, store: BlobStore) -> None:
        with pytest.raises(BlobMissing):
            await get(store, uuid4())
        with pytest.raises(BlobMissing):
            async with store.local(uuid4()):
                pass

    async def test_a_damaged_blob_never_completes(self, store: BlobStore) -> None:
        blob_id = await put(store, CONTENT)
        await self.damage(store, blob_id)
        received = b""
        with pytest.raises(BlobDamaged) as caught:
            async for chunk in store.read(blob_id, sha256=hashlib.sha256(CONTENT).digest()):
                received += chunk
        assert len(received) < len(CONTENT)
        assert caught.value.expected == hashlib.sha256(CONTENT).digest()

    async def test_a_damaged_blob_of_one_chunk_gives_nothing(self, store: BlobStore) -> None:
        blob_id = await put(store, b"small")
        await self.damage(store, blob_id)
        chunks = store.read(blob_id, sha256=hashlib.sha256(b"small").digest())
        with pytest.raises(BlobDamaged):
            await anext(chunks)

    async def test_a_wrong_digest_of_an_empty_blob_is_seen(self, store: BlobStore) -> None:
        blob_id = await put(store, b"")
        with pytest.raises(BlobDamaged):
            await get(store, blob_id, sha256=bytes(32))

    async def test_a_reader_may_stop_early(self, store: BlobStore) -> None:
        blob_id = await put(store, CONTENT)
        async with aclosing(store.read(blob_id, chunk_size=10)) as chunks:  # type: ignore[type-var]  # a generator
            assert await anext(chunks) == CONTENT[:10]
        await store.delete(blob_id)

    async def test_a_local_file_has_the_bytes(self, store: BlobStore) -> None:
        blob_id = await put(store, CONTENT)
        async with store.local(blob_id) as path:
            assert path.read_bytes() == CONTENT

    async def test_a_deleted_blob_is_missing_and_deleting_again_is_no_error(self, store: BlobStore) -> None:
        blob_id = await put(store, b"x")
        await store.delete(blob_id)
        await store.delete(blob_id)
        with pytest.raises(BlobMissing):
            await get(store, blob_id)
        assert await listed(store) == set()

    async def test_every_blob_is_listed_with_size_and_time(self, store: BlobStore) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        stored = {await put(store, b"x" * size): size for size in range(5)}
        entries = [entry async for entry in store.entries()]
        assert {entry.blob_id: entry.size for entry in entries} == stored
        assert all(
            before <= entry.modified_at <= datetime.now(UTC) + timedelta(seconds=2) for entry in entries
        )

    async def test_spools_are_apart_and_empty(self, store: BlobStore) -> None:
        one, other = await store.new_spool(), await store.new_spool()
        assert one != other
        assert list(one.iterdir()) == []
        assert one.stat().st_mode & 0o077 == 0

    async def test_a_spool_is_dropped_with_all_that_is_in_it(self, store: BlobStore) -> None:
        spool = await store.new_spool()
        (spool / "a").mkdir()
        (spool / "a" / "b").write_bytes(b"x")
        await store.drop_spool(spool)
        await store.drop_spool(spool)
        assert not spool.exists()

    async def test_nothing_but_a_spool_can_be_dropped(self, store: BlobStore, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        with pytest.raises(ValueError, match="spool"):
            await store.drop_spool(other)
        assert other.exists()

    async def test_old_spools_are_cleared_and_new_ones_kept(self, store: BlobStore) -> None:
        spool = await store.new_spool()
        assert await store.clear_spools(timedelta(hours=1)) == 0
        assert spool.exists()
        assert await store.clear_spools(timedelta(0)) == 1
        assert not spool.exists()

    async def test_free_space_is_part_of_all_space(self, store: BlobStore) -> None:
        free, total = await store.free_bytes()
        assert 0 < free <= total

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.exceptions import BaseError

from hub.bootstrap.blobs import open_blobs, s3_options_of
from hub.cli.doctor_storage import blobs as examine
from hub.config import load_settings
from hub.config.storage import S3
from hub.ports.blobs import BlobExists, BlobMissing, BlobStore, BlobStoreFailed, BlobStoreFull
from hub.storage import blobs_s3
from hub.storage.blobs_s3 import S3BlobStore
from tests.support.blob_contract import BlobStoreContract, get, listed, put
from tests.support.s3 import KEY_ID, SECRET, Bucket

LARGE = bytes(range(256)) * 4096 * 12  # 12 MiB: three parts, four windows


@pytest.fixture
def store(bucket: Bucket, tmp_path: Path) -> Iterator[S3BlobStore]:
    opened = S3BlobStore(s3_options_of(bucket.settings), spools=tmp_path / "tmp")
    yield opened
    opened.close()


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture(autouse=True)
    def _bucket(self, bucket: Bucket) -> None:
        self.bucket = bucket

    async def damage(self, store: BlobStore, blob_id: object) -> None:
        path = f"/hub/one/objects/{blob_id}"
        content = bytearray((await asyncio.to_thread(self.bucket.call, "GET", path))[1])
        content[-1] ^= 1
        status, _ = await asyncio.to_thread(self.bucket.call, "PUT", path, bytes(content))
        assert status == 200


async def test_a_large_blob_travels_in_parts_and_comes_back(store: S3BlobStore) -> None:
    blob_id = await put(store, LARGE)
    assert await get(store, blob_id, sha256=hashlib.sha256(LARGE).digest()) == LARGE
    async with store.local(blob_id) as path:
        assert path.read_bytes() == LARGE
    assert not path.exists()


async def test_a_large_blob_is_never_replaced(store: S3BlobStore) -> None:
    blob_id = await put(store, LARGE)
    with pytest.raises(BlobExists):
        await put(store, LARGE[::-1], blob_id)
    assert await get(store, blob_id) == LARGE


async def test_of_two_large_ones_at_once_one_wins(store: S3BlobStore) -> None:
    blob_id = uuid4()
    results = await asyncio.gather(*(put(store, LARGE, blob_id) for _ in range(3)), return_exceptions=True)
    assert sum(result == blob_id for result in results) == 1
    assert sum(isinstance(result, BlobExists) for result in results) == 2


async def test_a_put_that_meets_its_own_object_is_no_conflict(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What happens when the answer is lost and the library asks again.
    real = obstore.put_async

    async def twice(*args: object, **options: object) -> object:
        await real(*args, **options)  # type: ignore[arg-type]
        return await real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "put_async", twice)
    blob_id = await put(store, b"once")
    assert await get(store, blob_id) == b"once"


async def test_an_upload_that_is_broken_off_leaves_nothing_to_see(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> bytes:
        raise OSError(5, "the test broke the disk")

    class Broken:
        def read(self, size: int = -1) -> bytes:
            return broken(size)

        def seek(self, *_: int) -> int:
            return 0

    real = obstore.put_async

    async def cut(store: object, key: str, file: object, **options: object) -> object:
        return await real(store, key, Broken() if key.startswith("objects/") else file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "put_async", cut)
    blob_id = uuid4()
    with pytest.raises(BlobStoreFailed):
        await put(store, LARGE, blob_id)
    assert await listed(store) == set()
    monkeypatch.undo()
    await put(store, LARGE, blob_id)  # no claim bars a second try


async def test_claims_of_the_dead_are_cleared_and_those_at_work_are_kept(
    store: S3BlobStore, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/hub/one/claims/{uuid4()}"
    await asyncio.to_thread(bucket.call, "PUT", path, b"nonce")
    await store.clear_spools(timedelta(0))
    assert (await asyncio.to_thread(bucket.call, "GET", path))[0] == 200
    monkeypatch.setattr(blobs_s3, "CLAIM_AGE", timedelta(days=-1))
    await store.clear_spools(timedelta(0))
    assert (await asyncio.to_thread(bucket.call, "GET", path))[0] == 404


async def test_what_others_keep_in_the_bucket_is_not_listed(store: S3BlobStore, bucket: Bucket) -> None:
    for path in ("/hub/one/objects/notes.txt", f"/hub/two/objects/{uuid4()}", f"/objects/{uuid4()}"):
        await asyncio.to_thread(bucket.call, "PUT", path, b"x")
    blob_id = await put(store, b"mine")
    assert await listed(store) == {blob_id}


async def test_a_link_in_a_spool_is_not_followed(store: S3BlobStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    spool = await store.new_spool()
    (spool / "body").symlink_to(tmp_path / "secret")
    with pytest.raises(BlobStoreFailed):
        await store.put(uuid4(), spool / "body")


async def test_a_storage_that_is_down_is_told_without_keys_or_addresses(
    bucket: Bucket, tmp_path: Path
) -> None:
    options = replace(
        s3_options_of(bucket.settings), endpoint="http://127.0.0.1:1", connect_s=1, timeout_s=1, total_s=2
    )
    store = S3BlobStore(options, spools=tmp_path / "tmp")
    try:
        for attempt in (put(store, b"x"), get(store, uuid4()), listed(store), store.delete(uuid4())):
            with pytest.raises(BlobStoreFailed) as caught:
                await attempt
            told = repr(caught.value)
            assert caught.value.retryable
            assert caught.value.__suppress_context__
            assert not any(word in told for word in (KEY_ID, SECRET, "127.0.0.1"))
        # A node starts all the same, and its spools work.
        assert await store.clear_spools(timedelta(0)) == 0
    finally:
        store.close()


async def test_a_bucket_that_is_not_there_is_a_failure_not_a_missing_blob(
    bucket: Bucket, tmp_path: Path
) -> None:
    store = S3BlobStore(
        replace(s3_options_of(bucket.settings), bucket="no-such-bucket"), spools=tmp_path / "tmp"
    )
    try:
        with pytest.raises(BlobStoreFailed, match="bucket"):
            await put(store, b"x")
        with pytest.raises(BlobStoreFailed, match="bucket"):
            await get(store, uuid4())
    finally:
        store.close()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("status code: 507 Insufficient Storage", BlobStoreFull),
        ("status code: 403 Forbidden: <Error><Code>QuotaExceeded</Code>", BlobStoreFull),
        ("status code: 403 Forbidden: <Error><Code>AccessDenied</Code><Key>objects/x</Key>", BlobStoreFailed),
        ("status code: 503 Slow Down: <Error><Code>SlowDown</Code>", BlobStoreFailed),
    ],
)
async def test_full_storage_and_broken_storage_are_told_apart(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, text: str, error: type[Exception]
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BaseError(f"Error performing PUT http://host/bucket: {text}")

    monkeypatch.setattr(obstore, "put_async", refuse)
    with pytest.raises(error) as caught:
        await put(store, b"x")
    assert "host" not in str(caught.value)


async def test_free_space_is_the_buckets_where_it_has_a_limit(bucket: Bucket, tmp_path: Path) -> None:
    options = replace(s3_options_of(bucket.settings), capacity_bytes=100)
    store = S3BlobStore(options, spools=tmp_path / "tmp")
    try:
        await put(store, b"x" * 30)
        assert await listed(store)
        assert await store.free_bytes() == (70, 100)
        await put(store, b"x" * 30)
        assert await store.free_bytes() == (40, 100)
    finally:
        store.close()


IN_A_PROCESS_OF_ITS_OWN = """
import asyncio, os, resource, sys
from pathlib import Path
from uuid import uuid4
from hub.bootstrap.blobs import open_blobs
from hub.config import load_settings

async def through(store, size):
    spool = await store.new_spool()
    with (spool / "body").open("wb") as file:
        for _ in range(size // 65_536):
            file.write(os.urandom(65_536))
    blob_id = uuid4()
    await store.put(blob_id, spool / "body")
    async for _ in store.read(blob_id):
        pass
    async with store.local(blob_id):
        pass
    await store.drop_spool(spool)

async def main():
    store = open_blobs(load_settings())
    await through(store, 12 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await through(store, 50 << 20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    store.close()

asyncio.run(main())
"""


async def test_memory_does_not_grow_with_the_document(bucket: Bucket, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(blobs_s3.__file__).parents[2]),
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_S3__BUCKET": bucket.name,
        "LIENTHONG_S3__ENDPOINT": f"http://{bucket.host}:{bucket.port}",
        "LIENTHONG_S3__KEY_ID": KEY_ID,
        "LIENTHONG_S3__SECRET": SECRET,
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    assert int(out) < 12 * 1024, f"{int(out)} KiB more for 38 MiB more"


async def test_the_doctor_tries_the_bucket_and_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    (finding,) = await examine(load_settings(environment={}, home=tmp_path, s3=bucket.settings))
    assert finding.ok, finding
    assert b"<Contents>" not in (await asyncio.to_thread(bucket.call, "GET"))[1]


async def test_the_doctor_says_what_is_wrong_with_the_bucket(bucket: Bucket, tmp_path: Path) -> None:
    wrong = bucket.settings.model_copy(update={"bucket": "no-such-bucket"})
    (finding,) = await examine(load_settings(environment={}, home=tmp_path, s3=wrong))
    assert not finding.ok
    assert "bucket" in finding.en
    assert SECRET not in finding.vi + finding.en


async def test_the_doctor_notes_a_storage_that_would_replace(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = obstore.put_async

    async def unconditional(*args: object, **options: object) -> object:
        return await real(*args, **{**options, "mode": "overwrite"})  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "put_async", unconditional)
    (finding,) = await examine(load_settings(environment={}, home=tmp_path, s3=bucket.settings))
    assert not finding.ok
    assert "If-None-Match" in finding.en


async def test_a_ca_file_that_cannot_be_read_is_told(bucket: Bucket, tmp_path: Path) -> None:
    wrong = bucket.settings.model_copy(update={"ca_file": tmp_path / "none.pem"})
    with pytest.raises(BlobStoreFailed, match=r"none\.pem"):
        open_blobs(load_settings(environment={}, home=tmp_path, s3=wrong))


async def test_a_blob_deleted_meanwhile_ends_the_reading(store: S3BlobStore) -> None:
    blob_id = await put(store, LARGE)
    with pytest.raises(BlobMissing):
        async for _ in store.read(blob_id):
            await store.delete(blob_id)


async def test_entries_bear_the_time_of_the_upload(store: S3BlobStore) -> None:
    await put(store, b"x")
    (entry,) = [entry async for entry in store.entries()]
    assert abs(datetime.now(UTC) - entry.modified_at) < timedelta(minutes=1)


def test_documents_do_not_travel_in_the_clear() -> None:
    assert S3(endpoint="http://127.0.0.1:9000").endpoint
    with pytest.raises(ValueError, match="in the clear"):
        S3(endpoint="http://s3.example.vn")
    for endpoint in ("ftp://x", "https://user:pw@host", "https://host/path"):
        with pytest.raises(ValueError, match=r"https://"):
            S3(endpoint=endpoint)


def test_a_key_needs_its_secret() -> None:
    with pytest.raises(ValueError, match="together"):
        S3(key_id="x")

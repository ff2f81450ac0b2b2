from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4

import pytest

from hub.ports.blobs import BlobStore, BlobStoreFailed, BlobStoreFull
from hub.storage.blobs_local import LocalBlobStore
from tests.support.blob_contract import BlobStoreContract, get, listed, put


def file_of(folder: Path, blob_id: UUID) -> Path:
    return folder / "objects" / str(blob_id)[-2:] / str(blob_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(folder: Path) -> Iterator[LocalBlobStore]:
    opened = LocalBlobStore(folder)
    yield opened
    opened.close()


class TestLocalBlobStore(BlobStoreContract):
    async def damage(self, store: BlobStore, blob_id: UUID) -> None:
        async with store.local(blob_id) as path:
            path.chmod(0o600)
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(content)


async def test_a_stored_document_is_read_only_and_private(store: LocalBlobStore, folder: Path) -> None:
    blob_id = await put(store, b"x")
    assert stat.S_IMODE(file_of(folder, blob_id).stat().st_mode) == 0o400
    assert stat.S_IMODE((folder / "objects").stat().st_mode) == 0o700


async def test_file_and_folder_are_on_the_disk_before_put_returns(
    store: LocalBlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    blob_id = uuid4()
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), file_of(folder, blob_id).exists()))
        real(handle)

    await put(store, b"first in its shard", UUID(int=blob_id.int ^ 1 << 100))
    monkeypatch.setattr(os, "fsync", fsync)
    await put(store, b"x", blob_id)
    assert synced[0] == (False, False), "the bytes, before the name exists"
    assert synced[-1] == (True, True), "the folder, after it does"


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, BlobStoreFull), (errno.EDQUOT, BlobStoreFull), (errno.EIO, BlobStoreFailed)],
)
async def test_a_disk_that_cannot_keep_the_bytes_is_told_and_leaves_no_blob(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fsync(_: int) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(error):
            await put(store, b"x")
    assert await listed(store) == set()


async def test_a_file_system_without_links_serves_too(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hardlink_to(self: Path, target: Path) -> NoReturn:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", hardlink_to)
    assert await get(store, await put(store, b"x")) == b"x"


async def test_a_link_in_a_spool_is_not_followed(store: LocalBlobStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    spool = await store.new_spool()
    (spool / "body").symlink_to(tmp_path / "secret")
    with pytest.raises(BlobStoreFailed):
        await store.put(uuid4(), spool / "body")


async def test_a_spool_in_use_is_not_old_though_its_folder_is(store: LocalBlobStore) -> None:
    spool = await store.new_spool()
    (spool / "body").write_bytes(b"still arriving")
    os.utime(spool, (1, 1))
    assert await store.clear_spools(timedelta(hours=1)) == 0


async def test_what_is_not_a_blob_is_not_listed(store: LocalBlobStore, folder: Path) -> None:
    blob_id = await put(store, b"x")
    (file_of(folder, blob_id).parent / "lost+found").mkdir()
    (folder / "objects" / "README").write_text("by an administrator")
    assert await listed(store) == {blob_id}


async def test_blobs_are_there_after_a_restart(store: LocalBlobStore, folder: Path) -> None:
    blob_id = await put(store, b"x")
    again = LocalBlobStore(folder)
    try:
        assert await get(again, blob_id) == b"x"
    finally:
        again.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BlobStoreFailed):
        LocalBlobStore(tmp_path / "file" / "blobs")

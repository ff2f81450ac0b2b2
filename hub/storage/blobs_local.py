"""Documents as sent, in a folder of a local (or shared) POSIX file system.

    <folder>/objects/<last two hex digits of the id>/<id>     0400
    <folder>/tmp/<random>/                                    0700, spools

`put` makes a spool file a blob: fsync the file, link it under its name (a link never replaces), unlink the
spool's name, fsync the shard's folder. The process dies
- before the link: there is no blob; the spool is cleared at the next start;
- after it: the blob is whole, and no row speaks of it; the garbage collection finds it;
- after the last fsync: it survives a power cut.
An fsync that failed is never tried again on the same file: the kernel may have dropped the pages and would
say yes the second time. All file work runs in the store's own few threads, never on the event loop.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from hub.ports.blobs import CHUNK_BYTES, BlobDamaged, BlobEntry, BlobExists, BlobMissing
from hub.storage.spools import Spools, translated

_UUID_NAME: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class LocalBlobStore:
    """The BlobStore of one folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where it is missing. Raises BlobStoreFull or BlobStoreFailed."""
        self._objects = folder / "objects"
        with translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._objects.mkdir(mode=0o700, exist_ok=True)
        self._spools = Spools(folder / "tmp")
        self._run = self._spools.run
        with translated():
            _sync_folder(folder)

    def close(self) -> None:
        """Let the threads go once their work is done."""
        self._spools.close()

    # ------------------------------------------------------------------ spools

    async def new_spool(self) -> Path:
        """Make a fresh private folder on the store's file system."""
        return await self._spools.new()

    async def drop_spool(self, spool: Path) -> None:
        """Remove a spool folder with all that is in it."""
        await self._spools.drop(spool)

    async def clear_spools(self, older_than: timedelta) -> int:
        """Remove the spool folders last touched longer ago than that."""
        return await self._spools.clear(older_than)

    # ------------------------------------------------------------------ blobs

    async def put(self, blob_id: UUID, source: Path) -> None:
        """Make a file of a spool the blob `blob_id`."""
        await self._run(self._put, blob_id, source)

    def _put(self, blob_id: UUID, source: Path) -> None:
        target = self._path(blob_id)
        handle = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, 0o400)
            os.fsync(handle)
        finally:
            os.close(handle)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._objects)
        try:
            _move_without_replacing(source, target)
        except FileExistsError:
            raise BlobExists(blob_id) from None
        _sync_folder(target.parent)

    async def read(
        self, blob_id: UUID, *, sha256: bytes | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        """Stream a blob; the last chunk comes only once the digest has been found right."""
        handle = await self._run(self._open, blob_id)
        digest = hashlib.sha256()

        def following() -> bytes:
            chunk = os.read(handle, chunk_size)
            digest.update(chunk)
            return chunk

        try:
            ahead = await self._run(following)
            while ahead:
                chunk, ahead = ahead, await self._run(following)
                if not ahead:
                    _check(blob_id, sha256, digest.digest())
                yield chunk
            if sha256 is not None:
                _check(blob_id, sha256, digest.digest())  # an empty blob has no last chunk
        finally:
            os.close(handle)

    @asynccontextmanager
    async def local(self, blob_id: UUID) -> AsyncIterator[Path]:
        """Give the blob's own file; it is read-only."""
        os.close(await self._run(self._open, blob_id))
        yield self._path(blob_id)

    async def delete(self, blob_id: UUID) -> None:
        """Remove a blob, also from the disk's idea of the folder."""
        await self._run(self._delete, blob_id)

    def _delete(self, blob_id: UUID) -> None:
        path = self._path(blob_id)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        _sync_folder(path.parent)

    async def entries(self) -> AsyncIterator[BlobEntry]:
        """List every blob, one shard in memory at a time."""
        for shard in sorted(await self._run(_folders, self._objects)):
            for entry in await self._run(_blobs_of, shard):
                yield entry

    async def free_bytes(self) -> tuple[int, int]:
        """Return (free, total) bytes, free as an ordinary account may use them."""
        return await self._spools.space()

    # ------------------------------------------------------------------ inside

    def _path(self, blob_id: UUID) -> Path:
        name = str(blob_id)
        return (
            self._objects / name[-2:] / name
        )  # the last digits of a UUIDv7 are random, the first are the time

    def _open(self, blob_id: UUID) -> int:
        try:
            return os.open(self._path(blob_id), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise BlobMissing(blob_id) from None


def _check(blob_id: UUID, expected: bytes | None, found: bytes) -> None:
    if expected is not None and expected != found:
        raise BlobDamaged(blob_id, expected=expected, found=found)


def _move_without_replacing(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links (some network shares): ids are random, so this check is enough.
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_dir()]


def _blobs_of(shard: Path) -> list[BlobEntry]:
    found = []
    with os.scandir(shard) as entries:
        for entry in entries:
            if not _UUID_NAME.fullmatch(entry.name):
                continue
            with suppress(FileNotFoundError):  # deleted meanwhile
                info = entry.stat(follow_symlinks=False)
                found.append(
                    BlobEntry(
                        blob_id=UUID(entry.name),
                        size=info.st_size,
                        modified_at=datetime.fromtimestamp(info.st_mtime, UTC),
                    )
                )
    return found

"""Where documents lie as sent: files named by UUID, written once, never changed.

Whoever implements `BlobStore` passes `tests/support/blob_contract.py`. What counts:

- *Durable before it returns*: a blob survives a power cut once `put` has returned. An acknowledgement may
  leave the hub only after that (design invariant 1).
- *Whole or not at all*: no reader ever sees part of a blob, and a blob is never replaced.
- *Checked*: a read with a digest does not complete when the bytes are not those that were stored. The last
  chunk is held back until the digest has been compared, so whoever streams the chunks to somebody else cannot
  hand over a complete document that is damaged.
- *Spools*: private scratch folders on the store's file system, for bodies while they arrive. They may vanish
  with the process; `clear_spools` at the start removes what a killed process left.

BlobStoreError        code, retryable
├── BlobMissing       no blob of this id
├── BlobDamaged       bytes differ from what was stored
├── BlobExists        an id is used once
├── BlobStoreFull     no space left: answer 503
└── BlobStoreFailed   the storage itself failed: answer 503
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol
from uuid import UUID

CHUNK_BYTES = 262_144


class BlobStoreError(Exception):
    """A blob could not be stored or read."""

    code: ClassVar[str] = "blob_store_error"
    retryable: ClassVar[bool] = False


class BlobMissing(BlobStoreError):
    """No blob of this id."""

    code = "blob_missing"

    def __init__(self, blob_id: UUID) -> None:
        super().__init__(f"no blob {blob_id}")
        self.blob_id = blob_id


class BlobDamaged(BlobStoreError):
    """Bytes differ from what was stored."""

    code = "blob_damaged"

    def __init__(self, blob_id: UUID, *, expected: bytes, found: bytes) -> None:
        super().__init__(f"blob {blob_id} has SHA-256 {found.hex()}, stored was {expected.hex()}")
        self.blob_id = blob_id
        self.expected = expected
        self.found = found


class BlobExists(BlobStoreError):
    """An id is used once."""

    code = "blob_exists"

    def __init__(self, blob_id: UUID) -> None:
        super().__init__(f"blob {blob_id} exists already")
        self.blob_id = blob_id


class BlobStoreFull(BlobStoreError):
    """No space left."""

    code = "blob_store_full"
    retryable = True


class BlobStoreFailed(BlobStoreError):
    """The storage itself failed."""

    code = "blob_store_failed"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobEntry:
    """One stored blob, as a listing tells it."""

    blob_id: UUID
    size: int
    modified_at: datetime


class BlobStore(Protocol):
    """Documents as sent. Every method may raise BlobStoreFull or BlobStoreFailed."""

    async def new_spool(self) -> Path:
        """Make a fresh private folder on the store's file system."""

    async def drop_spool(self, spool: Path) -> None:
        """Remove a spool folder with all that is in it; one that is gone already is no error."""

    async def clear_spools(self, older_than: timedelta) -> int:
        """Remove the spool folders last touched longer ago than that; return how many."""

    async def put(self, blob_id: UUID, source: Path) -> None:
        """Make a file of a spool the blob `blob_id`; the file is gone from the spool afterwards.

        Once this returns the blob survives a power cut. Raises BlobExists.
        """

    def read(
        self, blob_id: UUID, *, sha256: bytes | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        """Stream a blob. Raises BlobMissing at the first chunk, BlobDamaged instead of the last."""

    def local(self, blob_id: UUID) -> AbstractAsyncContextManager[Path]:
        """Give the blob as a local file, for reading only, while the context lasts. Raises BlobMissing."""

    async def delete(self, blob_id: UUID) -> None:
        """Remove a blob for good; one that is gone already is no error."""

    def entries(self) -> AsyncIterator[BlobEntry]:
        """List every blob, in no order; what comes or goes meanwhile may be in it or not."""

    async def free_bytes(self) -> tuple[int, int]:
        """Return (free, total) bytes of the storage."""

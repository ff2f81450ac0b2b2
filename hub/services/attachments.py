"""The attachments of an accepted message, taken out of its stored original again.

The original is the only thing that is kept; decoded attachments live for the length of a piece of work
in a spool folder and are made from the original each time (design section 4, "Blobs").
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hub.ports.blobs import BlobDamaged, BlobStore
from hub.ports.records import DocumentRecord
from schemas.edxml.read import AttachmentFile, read
from schemas.limits import FormatLimits
from schemas.split import MessageSplitter

READ_BYTES: Final = 64 * 1024


@asynccontextmanager
async def unpacked(
    blobs: BlobStore, document: DocumentRecord, limits: FormatLimits
) -> AsyncIterator[tuple[AttachmentFile, ...]]:
    """Hold the decoded attachments of a document as files for the length of the block.

    Raises:
        BlobMissing, BlobDamaged: the original is gone or is not what was accepted.
    """
    spool = await blobs.new_spool()
    try:
        async with blobs.local(document.blob_id) as original:
            yield await asyncio.to_thread(_unpack, original, spool, limits, document)
    finally:
        await blobs.drop_spool(spool)


def _unpack(
    original: Path, spool: Path, limits: FormatLimits, document: DocumentRecord
) -> tuple[AttachmentFile, ...]:
    _check(original, document)
    splitter = MessageSplitter(spool=spool, limits=limits)
    try:
        with original.open("rb") as file:
            while chunk := file.read(READ_BYTES):
                splitter.feed(chunk)
        return read(splitter.close()).attachments
    except BaseException:
        splitter.abort()
        raise


def _check(original: Path, document: DocumentRecord) -> None:
    # First, so that what the disk has damaged is never blamed on the sender's format or signatures.
    with original.open("rb") as file:
        found = hashlib.file_digest(file, hashlib.sha256).digest()
    if found != document.sha256:
        raise BlobDamaged(document.blob_id, expected=document.sha256, found=found)

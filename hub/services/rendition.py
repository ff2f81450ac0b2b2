"""Strict renditions: the one dialect that every receiver reads, made once at intake.

A recipient gets the original if its system declares the original's dialect and the original needed no
repair; otherwise it gets the rendition. Both digests are in the receipt, so a rendition must exist
before the receipt does (design section 2, invariant 4). The original is kept unchanged all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from hub.ports.records import Rendition, SystemRecord
from hub.services.receive import Received
from schemas.edxml.model import StatusMessage
from schemas.edxml.write import write_document, write_status

RENDITION_NAME: Final = "rendition"
# The name of the dialect that schemas.edxml.write writes, as receipts and headers give it.
STRICT_DIALECT: Final = "qcvn-prefixed"


def readable_by_all(received: Received, systems: Iterable[SystemRecord]) -> bool:
    """Tell whether every recipient system reads the original as it is."""
    if received.message.needs_repair:
        return False
    return all(str(received.message.dialect) in system.dialects for system in systems)


def render(received: Received, spool: Path, blob_id: UUID) -> tuple[Path, Rendition]:
    """Write the strict form of a message into `spool`; runs in a thread.

    Returns the file and its description under `blob_id`. If the process dies here, the spool is
    cleared at the next start.
    """
    path = spool / RENDITION_NAME
    digest = hashlib.sha256()
    size = 0
    message = received.message.message
    with path.open("xb") as file:
        if isinstance(message, StatusMessage):
            chunks: Iterable[bytes] = (write_status(message),)
        else:
            chunks = write_document(message, [a.path for a in received.message.attachments])
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return path, Rendition(blob_id=blob_id, sha256=digest.digest(), size=size)

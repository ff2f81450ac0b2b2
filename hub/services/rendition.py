"""Strict renditions: the one dialect that every receiver reads, made once at intake.

A recipient gets the original if its system declares the original's dialect and the original needed no
repair; otherwise it gets the rendition. Both digests are in the receipt, so a rendition must exist
before the receipt does (design section 2, invariant 4). The original is kept unchanged all the same.

What goes to the national exchange is always a rendition: the strict dialect with our hop at the end of its
TraceHeaderList. Statuses carry no hops. Where a unit of ours has ended and its successor is outside, the
successor stands among the recipients, too: the exchange takes a message only for those whom it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from hub.domain.adapters import NATIONAL
from hub.ports.records import Rendition, SystemRecord
from hub.services.receive import Received
from schemas.edxml.model import Organization, StatusMessage
from schemas.edxml.write import append_trace, write_document, write_status

RENDITION_NAME: Final = "rendition"
# The name of the dialect that schemas.edxml.write writes, as receipts and headers give it.
STRICT_DIALECT: Final = "qcvn-prefixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """Our place in the TraceHeaderList of what leaves the province.

    `also_to` are recipients beside those that the sender named.
    """

    centre: str
    at: datetime
    also_to: tuple[Organization, ...] = ()


def leaves_the_province(systems: Iterable[SystemRecord]) -> bool:
    """Tell whether one of the recipient systems is the way out to the national exchange."""
    return any(system.adapter == NATIONAL for system in systems)


def readable_by_all(received: Received, systems: Iterable[SystemRecord]) -> bool:
    """Tell whether every recipient system reads the original as it is."""
    if received.message.needs_repair:
        return False
    return all(str(received.message.dialect) in system.dialects for system in systems)


def render(
    received: Received, spool: Path, blob_id: UUID, *, hop: Hop | None = None
) -> tuple[Path, Rendition]:
    """Write the strict form of a message into `spool`, with `hop` appended to a document; runs in a thread.

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
            if hop is not None:
                message = replace(message, to=(*message.to, *hop.also_to))
                message = append_trace(message, hop.centre, hop.at)
            chunks = write_document(message, [a.path for a in received.message.attachments])
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return path, Rendition(blob_id=blob_id, sha256=digest.digest(), size=size)

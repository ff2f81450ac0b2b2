"""The receipt: what the hub answers for, in the bytes that it signs.

A receipt is made before the commit and stored; whoever sends the same submission again gets the same bytes.
They are canonical JSON [RFC 8785], so that anybody can rebuild what was signed. Times are UTC with
microseconds and ``Z``; digests are lower-case hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.domain.directory import RecipientResult, ResultKind
from hub.domain.jcs import Json, canonical_json
from hub.domain.submission import MessageKind
from hub.domain.times import rfc3339

RECEIPT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionFact:
    """The strict rendition made at intake, if one was."""

    dialect: str
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPayload:
    """What is certified: who sent what, when it was accepted, and where each recipient stands."""

    receipt_id: UUID
    hub: str
    system: str
    from_: str
    kind: MessageKind
    document_no: str
    version_no: int
    sha256: bytes
    size: int
    recipients: tuple[RecipientResult, ...]
    accepted_at: datetime
    directory_snapshot: str
    rendition: RenditionFact | None = None
    version: int = RECEIPT_VERSION


def canonical(payload: ReceiptPayload) -> bytes:
    """The bytes that are signed, stored and sent."""
    body: dict[str, Json] = {
        "version": payload.version,
        "receipt_id": str(payload.receipt_id),
        "hub": payload.hub,
        "system": payload.system,
        "from": payload.from_,
        "kind": payload.kind.value,
        "document_no": payload.document_no,
        "version_no": payload.version_no,
        "sha256": payload.sha256.hex(),
        "size": payload.size,
        "recipients": [_recipient(result) for result in payload.recipients],
        "accepted_at": rfc3339(payload.accepted_at),
        "directory_snapshot": payload.directory_snapshot,
    }
    if payload.rendition is not None:
        body["rendition"] = {
            "dialect": payload.rendition.dialect,
            "sha256": payload.rendition.sha256.hex(),
            "size": payload.rendition.size,
        }
    return canonical_json(body)


def _recipient(result: RecipientResult) -> Json:
    entry: dict[str, Json] = {"code": result.code, "unit": result.unit_id, "result": result.result.value}
    if result.result is ResultKind.UNDELIVERABLE:
        entry["reason"] = result.reason
    return entry

"""Documents as exits get them, without a hub."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hub.domain.deadlines import Lane
from hub.domain.submission import MessageKind
from hub.ports.records import DocumentRecord


def letter_record(document_id: UUID, *, sha256: bytes, size: int) -> DocumentRecord:
    """A letter of a unit, accepted and verified, nothing special about it."""
    return DocumentRecord(
        id=document_id,
        kind=MessageKind.DOCUMENT,
        system_id=UUID(int=8),
        from_unit="000.00.01.H09",
        from_code="000.00.01.H09",
        document_no="1",
        doc_type=0,
        status_code=None,
        version_no=1,
        refers_to=None,
        priority=0,
        lane=Lane.NORMAL,
        sha256=sha256,
        size=size,
        blob_id=UUID(int=7),
        dialect="qcvn-prefixed",
        needs_repair=False,
        rendition=None,
        attachments=(),
        indication=None,
        verified=True,
        body_kept=True,
        accepted_at=datetime(2026, 11, 2, tzinfo=UTC),
    )

"""Accepted documents: look-ups, reports, renditions, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from hub.domain.business import REQUEST_STATES
from hub.ports.records import DeliveryRecord, DocumentRecord, DocumentText, EvidenceRow, ReportRow
from hub.storage.connection import Connection
from hub.storage.rows import DELIVERY_COLUMNS, DOCUMENT_COLUMNS, TEXT_COLUMNS, delivery, document, text

GET = f"SELECT {DOCUMENT_COLUMNS} FROM document WHERE id = $1"
TEXT = f"SELECT {TEXT_COLUMNS} FROM document_text WHERE document_id = $1"
RECEIPT = "SELECT receipt FROM intake_key WHERE document_id = $1"
# document_key is small, unpartitioned and keyed by what a status or an update quotes.
FIND_REFERENCE = f"""
WITH referred AS (
    SELECT document_id FROM document_key k
    WHERE unit_id = ANY($1::text[]) AND document_no = ANY($2::text[]) AND change_kind <> 'revoke'
      AND ($3::text[] IS NULL OR EXISTS (
          SELECT FROM delivery d WHERE d.document_id = k.document_id AND d.unit_id = ANY($3)))
    ORDER BY ($4 AND EXISTS (
        SELECT FROM delivery d WHERE d.document_id = k.document_id AND d.unit_id = ANY($3)
                                 AND d.business_state = ANY($5))) DESC, accepted_at DESC LIMIT 1
)
SELECT {DELIVERY_COLUMNS} FROM delivery
WHERE document_id = (SELECT document_id FROM referred) AND id >= (SELECT document_id FROM referred)
ORDER BY id
"""
SET_REFERENCE = "UPDATE document SET refers_to = $2 WHERE id = $1"
SET_VERIFIED = "UPDATE document SET verified_at = hub_now(), indication = $2 WHERE id = $1"
ADD_REPORTS = """
INSERT INTO signature_report (document_id, position, sha256, indication, report, made_at)
SELECT $1, r.position, r.sha256, r.indication, r.report::jsonb, hub_now()
FROM unnest($2::integer[], $3::bytea[], $4::text[], $5::text[]) AS r(position, sha256, indication, report)
ON CONFLICT (document_id, position) DO UPDATE
SET indication = excluded.indication, report = excluded.report, made_at = excluded.made_at
"""
REPORTS = """
SELECT position, sha256, indication, report FROM signature_report WHERE document_id = $1 ORDER BY position
"""
EVIDENCE = """
INSERT INTO evidence (id, document_id, delivery_id, kind, body, made_at)
SELECT e.id, e.document_id, e.delivery_id, e.kind, e.body, hub_now()
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[])
     AS e(id, document_id, delivery_id, kind, body)
"""
EVIDENCE = """
SELECT id, document_id, delivery_id, kind, body FROM evidence WHERE document_id = $1 ORDER BY id
"""
FORGET = "UPDATE document SET body_state = 'secret', attachments = '[]'::jsonb WHERE id = $1"
FORGET_TEXT = "DELETE FROM document_text WHERE document_id = $1"
FORGET_REPORTS = "DELETE FROM signature_report WHERE document_id = $1"
KNOWN_BLOBS = """
SELECT blob_id AS id FROM document WHERE blob_id = ANY($1::uuid[]) AND body_state = 'kept'
UNION SELECT rendition_blob FROM document WHERE rendition_blob = ANY($1::uuid[]) AND body_state = 'kept'
UNION SELECT blob_id FROM relay_package WHERE blob_id = ANY($1::uuid[])
"""


class PgDocuments:
    """Implements `DocumentRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, document_id: UUID) -> DocumentRecord | None:
        """Return a document."""
        row = await self._connection.fetchrow(GET, document_id)
        return None if row is None else document(row)

    async def text(self, document_id: UUID) -> DocumentText | None:
        """Return the words of a document."""
        row = await self._connection.fetchrow(TEXT, document_id)
        return None if row is None else text(row)

    async def receipt(self, document_id: UUID) -> bytes | None:
        """Return the receipt of a document."""
        found: bytes | None = await self._connection.fetchval(RECEIPT, document_id)
        return found

    async def find_reference(
        self,
        from_units: Sequence[str],
        document_nos: Sequence[str],
        *,
        to_units: Sequence[str] | None = None,
        open_request: bool = False,
    ) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries of the newest document sent under one of these numbers."""
        rows = await self._connection.fetch(
            FIND_REFERENCE,
            list(from_units),
            list(document_nos),
            None if to_units is None else list(to_units),
            open_request,
            sorted(REQUEST_STATES),
        )
        return tuple(delivery(row) for row in rows)

    async def set_reference(self, document_id: UUID, refers_to: UUID) -> None:
        """Note which document a message that was parked refers to."""
        await self._connection.execute(SET_REFERENCE, document_id, refers_to)

    async def set_verified(self, document_id: UUID, indication: str, reports: Sequence[ReportRow]) -> None:
        """Store reports and the overall indication."""
        await self._connection.execute(SET_VERIFIED, document_id, indication)
        if reports:
            await self._connection.execute(
                ADD_REPORTS,
                document_id,
                [r.position for r in reports],
                [r.sha256 for r in reports],
                [r.indication for r in reports],
                [r.report_json.decode() for r in reports],
            )

    async def reports(self, document_id: UUID) -> tuple[ReportRow, ...]:
        """Return the stored reports."""
        rows = await self._connection.fetch(REPORTS, document_id)
        return tuple(
            ReportRow(
                position=row["position"],
                sha256=row["sha256"],
                indication=row["indication"],
                report_json=orjson.dumps(row["report"]),
            )
            for row in rows
        )

    async def evidence(self, document_id: UUID) -> tuple[EvidenceRow, ...]:
        """Return the statements about a document."""
        rows = await self._connection.fetch(EVIDENCE, document_id)
        return tuple(EvidenceRow(**dict(row)) for row in rows)

    async def forget_body(self, document_id: UUID) -> None:
        """Erase what a state secret must not leave behind."""
        await self._connection.execute(FORGET, document_id)
        await self._connection.execute(FORGET_TEXT, document_id)
        await self._connection.execute(FORGET_REPORTS, document_id)

    async def known_blobs(self, blob_ids: Sequence[UUID]) -> set[UUID]:
        """Return those blobs that a row refers to."""
        rows = await self._connection.fetch(KNOWN_BLOBS, list(blob_ids))
        return {row["id"] for row in rows}

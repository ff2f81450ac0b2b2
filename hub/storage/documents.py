"""Accepted documents: look-ups, reports, renditions, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson
from asyncpg import Record

from hub.domain.business import REQUEST_STATES
from hub.ports.records import (
    DeliveryRecord,
    DocumentLink,
    DocumentRecord,
    DocumentText,
    EvidenceRow,
    Family,
    FamilyDelivery,
    ReportRow,
    Version,
)
from hub.storage.connection import Connection
from hub.storage.rows import (
    DELIVERY_COLUMNS,
    DOCUMENT_COLUMNS,
    TEXT_COLUMNS,
    delivery,
    document,
    prefixed,
    text,
)

GET = f"SELECT {DOCUMENT_COLUMNS} FROM document WHERE id = $1"
TEXT = f"SELECT {TEXT_COLUMNS} FROM document_text WHERE document_id = $1"
RECEIPT = "SELECT body FROM receipt WHERE document_id = $1"
# document_key is small, unpartitioned and keyed by what a status or an update quotes. What a unit never saw
# comes last, and a document that only revokes another last of all: it mostly bears that one's number.
FIND_REFERENCE = f"""
WITH named AS (
    SELECT document_id, accepted_at, change_kind = 'revoke' AS revokes FROM document_key
    WHERE unit_id = ANY($1::text[]) AND document_no = $2
), candidates AS (
    SELECT d.id, n.accepted_at, n.revokes,
           $4 AND coalesce(d.business_state = ANY($5), false) AS open,
           d.lease_token > 0 AND d.state NOT IN ('withdrawn', 'refused', 'redirected') AS seen
    FROM named n JOIN delivery d ON d.document_id = n.document_id
    LEFT JOIN delivery o ON $6 AND o.id = d.redirected_from
    WHERE d.unit_id = ANY($3::text[]) OR o.unit_id = ANY($3)
    UNION ALL
    SELECT d.id, n.accepted_at, false, true, true
    FROM named n JOIN delivery d ON d.request_id = n.document_id
    WHERE $4 AND d.unit_id = ANY($3) AND d.business_state = ANY($5)
), picked AS (
    SELECT id FROM candidates ORDER BY open DESC, revokes, seen DESC, accepted_at DESC, id DESC LIMIT 1
), first AS (
    SELECT d.id, d.request_id, d.business_state FROM delivery d WHERE d.id = (SELECT id FROM picked)
)
SELECT {prefixed(DELIVERY_COLUMNS, "d")} FROM delivery d
WHERE d.id = (SELECT id FROM picked)
   OR ($4 AND d.request_id = (SELECT request_id FROM first WHERE business_state = ANY($5))
       AND d.unit_id = ANY($3) AND d.business_state = ANY($5))
ORDER BY d.id <> (SELECT id FROM picked), d.id
"""
# All versions of what is named: each family by its first number, with the numbers that led to it.
FAMILY = """
WITH families AS (
    SELECT unit_id, coalesce(family_no, document_no) AS family, array_agg(DISTINCT document_no) AS numbers
    FROM document_key
    WHERE unit_id = ANY($1::text[]) AND document_no = ANY($2::text[]) AND change_kind <> 'revoke'
    GROUP BY 1, 2
)
SELECT k.document_id, k.version_no, f.numbers, k.accepted_at
FROM families f
JOIN document_key k ON k.unit_id = f.unit_id AND coalesce(k.family_no, k.document_no) = f.family
WHERE k.change_kind <> 'revoke'
ORDER BY k.accepted_at DESC, k.version_no DESC
"""
FAMILY_DELIVERIES = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d")}, coalesce(o.unit_id, d.unit_id) AS meant
FROM delivery d LEFT JOIN delivery o ON o.id = d.redirected_from
WHERE d.document_id = ANY($1::uuid[]) AND coalesce(o.unit_id, d.unit_id) = ANY($2::text[])
  AND d.state NOT IN ('withdrawn', 'refused', 'redirected')
ORDER BY d.id
"""
OTHERS_NUMBER = """
SELECT EXISTS (
    SELECT FROM document_key k JOIN delivery d ON d.document_id = k.document_id
    WHERE k.document_no = ANY($2::text[]) AND k.unit_id <> ALL($1::text[]) AND d.unit_id = ANY($3::text[])
      AND k.change_kind <> 'revoke')
"""
LINKS = """
SELECT document_id, related_id, relation FROM document_link WHERE document_id = $1 OR related_id = $1
ORDER BY document_id, related_id
"""
SET_REFERENCE = "UPDATE document SET refers_to = $2 WHERE id = $1"
SET_VERIFIED = "UPDATE document SET verified_at = hub_now(), indication = $2 WHERE id = $1"
ADD_REPORTS = """
WITH given AS (
    SELECT r.position, r.sha256, r.indication, r.report::jsonb AS report, r.whole
    FROM unnest($2::integer[], $3::bytea[], $4::text[], $5::text[], $6::bytea[])
         AS r(position, sha256, indication, report, whole)
), replaced AS (
    INSERT INTO signature_report_earlier
        (document_id, position, version, sha256, indication, report, whole, made_at)
    SELECT s.document_id, s.position, s.version, s.sha256, s.indication, s.report, s.whole, s.made_at
    FROM signature_report s JOIN given g ON g.position = s.position
    WHERE s.document_id = $1 AND s.report - 'elapsed_ms' <> g.report - 'elapsed_ms'
)
INSERT INTO signature_report (document_id, position, sha256, indication, report, whole, made_at)
SELECT $1, position, sha256, indication, report, whole, hub_now() FROM given
ON CONFLICT (document_id, position) DO UPDATE
SET indication = excluded.indication, report = excluded.report, whole = excluded.whole,
    made_at = excluded.made_at, version = signature_report.version + 1
WHERE signature_report.report - 'elapsed_ms' <> excluded.report - 'elapsed_ms'
"""
_REPORT = "position, sha256, indication, report, whole, version, made_at"
REPORTS = f"SELECT {_REPORT} FROM signature_report WHERE document_id = $1 ORDER BY position"
EARLIER = f"""
SELECT {_REPORT} FROM signature_report_earlier WHERE document_id = $1 ORDER BY position, version
"""
EVIDENCE = """
SELECT id, document_id, delivery_id, kind, body FROM evidence WHERE document_id = $1 ORDER BY id
"""
FORGET = "UPDATE document SET body_state = 'secret', attachments = '[]'::jsonb WHERE id = $1"
FORGET_TEXT = "DELETE FROM document_text WHERE document_id = $1"
FORGET_REPORTS = "DELETE FROM signature_report WHERE document_id = $1"
FORGET_EARLIER = "DELETE FROM signature_report_earlier WHERE document_id = $1"
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
        owners: Sequence[str],
        document_no: str,
        *,
        to_units: Sequence[str],
        answer: bool = False,
        redirected: bool = False,
    ) -> tuple[DeliveryRecord, ...]:
        """Return the delivery that a status is about, and those that an answer settles with it."""
        rows = await self._connection.fetch(
            FIND_REFERENCE,
            list(owners),
            document_no,
            list(to_units),
            answer,
            sorted(REQUEST_STATES),
            redirected,
        )
        return tuple(delivery(row) for row in rows)

    async def find_family(
        self, owners: Sequence[str], document_nos: Sequence[str], *, to_units: Sequence[str]
    ) -> Family:
        """Return the documents that a changing one names, in all their versions, with their deliveries."""
        versions = await self._connection.fetch(FAMILY, list(owners), list(document_nos))
        if not versions:
            return Family()
        ids = [row["document_id"] for row in versions]
        rows = await self._connection.fetch(FAMILY_DELIVERIES, ids, list(to_units))
        return Family(
            versions=tuple(
                Version(
                    document_id=row["document_id"],
                    version_no=row["version_no"],
                    numbers=frozenset(row["numbers"]),
                    accepted_at=row["accepted_at"],
                )
                for row in versions
            ),
            deliveries=tuple(FamilyDelivery(delivery=delivery(row), meant=row["meant"]) for row in rows),
        )

    async def others_number(
        self, owners: Sequence[str], document_nos: Sequence[str], to_units: Sequence[str]
    ) -> bool:
        """Tell whether somebody else sent one of these numbers to one of these units."""
        found: bool = await self._connection.fetchval(
            OTHERS_NUMBER, list(owners), list(document_nos), list(to_units)
        )
        return found

    async def links(self, document_id: UUID) -> tuple[DocumentLink, ...]:
        """Return what a document does to others, and what others did to it."""
        return tuple(DocumentLink(**dict(row)) for row in await self._connection.fetch(LINKS, document_id))

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
                [r.whole for r in reports],
            )

    async def reports(self, document_id: UUID) -> tuple[ReportRow, ...]:
        """Return the newest reports."""
        return tuple(_report(row) for row in await self._connection.fetch(REPORTS, document_id))

    async def earlier_reports(self, document_id: UUID) -> tuple[ReportRow, ...]:
        """Return the versions before."""
        return tuple(_report(row) for row in await self._connection.fetch(EARLIER, document_id))

    async def evidence(self, document_id: UUID) -> tuple[EvidenceRow, ...]:
        """Return the statements about a document."""
        rows = await self._connection.fetch(EVIDENCE, document_id)
        return tuple(EvidenceRow(**dict(row)) for row in rows)

    async def forget_body(self, document_id: UUID) -> None:
        """Erase what a state secret must not leave behind."""
        await self._connection.execute(FORGET, document_id)
        await self._connection.execute(FORGET_TEXT, document_id)
        await self._connection.execute(FORGET_REPORTS, document_id)
        await self._connection.execute(FORGET_EARLIER, document_id)

    async def known_blobs(self, blob_ids: Sequence[UUID]) -> set[UUID]:
        """Return those blobs that a row refers to."""
        rows = await self._connection.fetch(KNOWN_BLOBS, list(blob_ids))
        return {row["id"] for row in rows}


def _report(row: Record) -> ReportRow:
    return ReportRow(
        position=row["position"],
        sha256=row["sha256"],
        indication=row["indication"],
        report_json=orjson.dumps(row["report"]),
        whole=row["whole"],
        version=row["version"],
        made_at=row["made_at"],
    )

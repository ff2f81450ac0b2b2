"""Submission keys, receipts and the set-based insert of an accepted message.

The three key tables decide what "the same submission" is (design section 2, invariant 3). Each
claim is an INSERT … ON CONFLICT DO NOTHING: the loser of a race waits until the winner has
committed or rolled back, so after a False the winner's receipt can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from hub.domain.submission import DocumentKey, SubmissionKey
from hub.ports.records import DeliveryRecord, DocumentLink, DocumentRecord, DocumentText
from hub.ports.unit_of_work import KeyClaim, KeysTaken, NextVersion
from hub.storage.connection import Connection
from hub.storage.rows import attachments_to_json

# The submission's own key first; where that has ended, the document's, which never does.
RECEIPT = """
SELECT r.body FROM receipt r WHERE r.document_id = coalesce(
    (SELECT document_id FROM intake_key
     WHERE system_id = $1 AND kind = $2 AND sha256 = $3 AND recipients_sha256 = $4),
    (SELECT k.document_id FROM document_key k JOIN document d ON d.id = k.document_id
     WHERE $2 = 'document' AND k.sha256 = $3 AND d.system_id = $1
       AND (k.recipients_sha256 IS NULL OR k.recipients_sha256 = $4)
     ORDER BY k.accepted_at LIMIT 1))
"""
IDEMPOTENCY = "SELECT sha256, recipients_sha256 FROM idempotency_key WHERE system_id = $1 AND key = $2"
# Returns whether the name is, or was, given to this very submission.
NAME = """
WITH named AS (
    INSERT INTO idempotency_key (system_id, key, sha256, recipients_sha256, accepted_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1
)
SELECT EXISTS (SELECT FROM named) OR EXISTS (
    SELECT FROM idempotency_key
    WHERE system_id = $1 AND key = $2 AND sha256 = $3 AND recipients_sha256 = $4)
"""
# An update may name another update: the family is counted from its first number.
NEXT_VERSION = """
WITH family AS (
    SELECT coalesce((SELECT coalesce(family_no, document_no) FROM document_key
                     WHERE unit_id = ANY($1::text[]) AND document_no = $2 AND change_kind <> 'revoke'
                     ORDER BY accepted_at LIMIT 1), $2) AS no
)
SELECT f.no, (SELECT coalesce(max(k.version_no), 0) + 1 FROM document_key k
              WHERE k.unit_id = ANY($1::text[]) AND coalesce(k.family_no, k.document_no) = f.no
                AND k.change_kind <> 'revoke') AS version_no
FROM family f
"""
CONFLICTING = """
SELECT sha256 FROM document_key
WHERE unit_id = $1 AND document_no = $2 AND change_kind = $3 AND version_no = 1
"""
# Each INSERT waits for a racing transaction on its key to end, then counts 1 (claimed) or 0 (taken).
RESERVE = """
WITH submission AS (
    INSERT INTO intake_key (system_id, kind, sha256, recipients_sha256, document_id, accepted_at)
    VALUES ($1, $2, $3, $4, $5, $7) ON CONFLICT DO NOTHING RETURNING 1
), given AS (
    INSERT INTO receipt (document_id, body, made_at) VALUES ($5, $6, $7)
), document AS (
    INSERT INTO document_key (unit_id, document_no, change_kind, version_no, sha256, document_id, accepted_at,
                              recipients_sha256, family_no)
    SELECT $8, $9, $10, $11, $3, $5, $7, $4, $13 WHERE $8::text IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1
), name AS (
    INSERT INTO idempotency_key (system_id, key, sha256, recipients_sha256, accepted_at)
    SELECT $1, $12, $3, $4, $7 WHERE $12::text IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1
)
SELECT NOT EXISTS (SELECT FROM submission) AS submission,
       $8::text IS NOT NULL AND NOT EXISTS (SELECT FROM document) AS document,
       $12::text IS NOT NULL AND NOT EXISTS (SELECT FROM name) AS idempotency
"""
# One statement, one round trip: the document, its words and all its deliveries.
INSERT = """
WITH d AS (
    INSERT INTO document (id, kind, system_id, from_unit, from_code, document_no, doc_type, status_code,
                          version_no, refers_to, priority, lane, sha256, size, blob_id, dialect, needs_repair,
                          attachments, accepted_at, rendition_blob, rendition_sha256, rendition_size)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $37, $38, $39)
), t AS (
    INSERT INTO document_text (document_id, salt, code, subject, from_name, promulgated, type_name,
                               description)
    VALUES ($1, $20, $21, $22, $23, $24, $25, $26)
), l AS (
    INSERT INTO document_link (document_id, related_id, relation)
    SELECT $1, n.related_id, n.relation FROM unnest($40::uuid[], $41::text[]) AS n(related_id, relation)
)
INSERT INTO delivery (id, document_id, kind, unit_id, system_id, addressed_as, state, lane, waits_for,
                      parked_until, created_at, alert_at, deadline_at, business_state)
SELECT n.id, $1, $2, n.unit_id, n.system_id, string_to_array(n.addressed, E'\\n'), n.state, $12, n.waits_for,
       n.parked_until, $19, n.alert_at, n.deadline_at, n.business_state
FROM unnest($27::uuid[], $28::text[], $29::uuid[], $30::text[], $31::text[], $32::uuid[], $33::timestamptz[],
            $34::timestamptz[], $35::timestamptz[], $36::text[])
     AS n(id, unit_id, system_id, addressed, state, waits_for, parked_until, alert_at, deadline_at,
          business_state)
"""
REFUSED = """
INSERT INTO refusal (id, system_id, code, from_code, sha256, field, at)
VALUES ($1, $2, $3, $4, $5, $6, hub_now())
"""


class PgIntake:
    """Implements `IntakeRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def now(self) -> datetime:
        """Return the hub's time."""
        moment: datetime = await self._connection.fetchval("SELECT hub_now()")
        return moment

    async def receipt(self, key: SubmissionKey) -> bytes | None:
        """Return the stored receipt of a submission."""
        found: bytes | None = await self._connection.fetchval(RECEIPT, *_key(key))
        return found

    async def idempotency(self, system_id: UUID, key: str) -> tuple[bytes, bytes] | None:
        """Return the digests under which an Idempotency-Key was used."""
        row = await self._connection.fetchrow(IDEMPOTENCY, system_id, key)
        return None if row is None else (row["sha256"], row["recipients_sha256"])

    async def next_version(self, units: Sequence[str], document_no: str) -> NextVersion:
        """Return what an update would be."""
        row = await self._connection.fetchrow(NEXT_VERSION, list(units), document_no)
        assert row is not None  # one family, one row
        return NextVersion(version_no=row["version_no"], family_no=row["no"])

    async def conflicting(self, key: DocumentKey) -> bytes | None:
        """Return the digest accepted under a document key."""
        found: bytes | None = await self._connection.fetchval(
            CONFLICTING, key.unit_id, key.document_no, key.change_kind
        )
        return found

    async def reserve(self, claim: KeyClaim) -> KeysTaken:
        """Claim all keys of a submission at once."""
        named = claim.document
        names = (None, None, None) if named is None else (named.unit_id, named.document_no, named.change_kind)
        row = await self._connection.fetchrow(
            RESERVE,
            *_key(claim.submission),
            claim.document_id,
            claim.receipt,
            claim.accepted_at,
            *names,
            claim.version_no,
            claim.idempotency_key,
            None if named is None or claim.family_no == named.document_no else claim.family_no,
        )
        assert row is not None  # a SELECT without FROM has one row
        return KeysTaken(
            submission=row["submission"], document=row["document"], idempotency=row["idempotency"]
        )

    async def name(self, submission: SubmissionKey, key: str, at: datetime) -> bool:
        """Note an Idempotency-Key for a submission that is known already; False if it names another."""
        named: bool = await self._connection.fetchval(
            NAME, submission.system_id, key, submission.sha256, submission.recipients_sha256, at
        )
        return named

    async def insert(
        self,
        document: DocumentRecord,
        text: DocumentText,
        deliveries: Sequence[DeliveryRecord],
        links: Sequence[DocumentLink] = (),
    ) -> None:
        """Insert a document with its deliveries and links in one round trip."""
        await self._connection.execute(
            INSERT,
            *_document(document),
            *_text(text),
            *_deliveries(deliveries),
            *_rendition(document),
            [link.related_id for link in links],
            [link.relation for link in links],
        )

    async def refused(
        self,
        refusal_id: UUID,
        *,
        system_id: UUID,
        code: str,
        from_code: str | None,
        sha256: bytes | None,
        field: str | None,
    ) -> None:
        """Keep the bare facts of a refusal."""
        await self._connection.execute(REFUSED, refusal_id, system_id, code, from_code, sha256, field)


def _key(key: SubmissionKey) -> tuple[object, ...]:
    return (key.system_id, key.kind, key.sha256, key.recipients_sha256)


def _document(d: DocumentRecord) -> tuple[object, ...]:
    return (
        d.id,
        d.kind,
        d.system_id,
        d.from_unit,
        d.from_code,
        d.document_no,
        d.doc_type,
        d.status_code,
        d.version_no,
        d.refers_to,
        d.priority,
        d.lane,
        d.sha256,
        d.size,
        d.blob_id,
        d.dialect,
        d.needs_repair,
        attachments_to_json(d.attachments),
        d.accepted_at,
    )


def _text(t: DocumentText) -> tuple[object, ...]:
    return (t.salt, t.code, t.subject, t.from_name, t.promulgated, t.type_name, t.description)


def _deliveries(rows: Sequence[DeliveryRecord]) -> tuple[list[object], ...]:
    return (
        [r.id for r in rows],
        [r.unit_id for r in rows],
        [r.system_id for r in rows],
        # Codes hold no line ends (normalised at reading), so one text per row carries the array.
        ["\n".join(r.addressed_as) for r in rows],
        [str(r.state) for r in rows],
        [r.waits_for for r in rows],
        [r.parked_until for r in rows],
        [r.alert_at for r in rows],
        [r.deadline_at for r in rows],
        [r.business_state for r in rows],
    )


def _rendition(d: DocumentRecord) -> tuple[object, ...]:
    r = d.rendition
    return (None, None, None) if r is None else (r.blob_id, r.sha256, r.size)

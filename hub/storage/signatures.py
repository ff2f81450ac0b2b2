"""Certificates of agencies, and the verdicts that nodes share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from hub.domain.signers import AgencyCertificate, CertificateState, SignerKind
from hub.ports.signatures import CertificateRow
from hub.storage.connection import Connection
from hub.storage.rows import count_of

_COLUMNS = """unit_id, fingerprint, kind, state, subject, valid_from, valid_to, document_id, changed_at,
              changed_by"""
KNOWN = f"SELECT {_COLUMNS} FROM agency_certificate WHERE fingerprint = ANY($1::bytea[]) ORDER BY unit_id"
PROPOSE = """
INSERT INTO agency_certificate
    (unit_id, fingerprint, kind, state, subject, valid_from, valid_to, document_id, changed_by)
SELECT r.unit_id, r.fingerprint, r.kind, 'proposed', r.subject, r.valid_from, r.valid_to, r.document_id, r.by
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::uuid[], $8::text[])
     AS r(unit_id, fingerprint, kind, subject, valid_from, valid_to, document_id, by)
ON CONFLICT (unit_id, fingerprint) DO NOTHING
"""
PUT = """
INSERT INTO agency_certificate
    (unit_id, fingerprint, kind, state, subject, valid_from, valid_to, document_id, changed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (unit_id, fingerprint) DO UPDATE
SET kind = excluded.kind, state = excluded.state, subject = excluded.subject,
    valid_from = excluded.valid_from, valid_to = excluded.valid_to,
    changed_at = hub_now(), changed_by = excluded.changed_by
"""
SET_STATE = f"""
UPDATE agency_certificate SET state = $3, changed_by = $4, changed_at = hub_now()
WHERE unit_id = $1 AND fingerprint = $2 RETURNING {_COLUMNS}
"""
LIST = f"""
SELECT {_COLUMNS} FROM agency_certificate
WHERE ($1::text IS NULL OR unit_id = $1) AND ($2::text IS NULL OR state = $2)
ORDER BY changed_at DESC, unit_id, fingerprint LIMIT $3
"""
FIND = """
SELECT report FROM signature_verdict
WHERE sha256 = $1 AND under = $2 AND made_at > hub_now() - $3::interval
"""
# Ids of documents are in the order of their acceptance: the first row is the earliest.
RECEIVED = """
SELECT least(
    (SELECT d.accepted_at FROM signature_report r JOIN document d ON d.id = r.document_id
     WHERE r.sha256 = $1 ORDER BY r.document_id LIMIT 1),
    (SELECT min(k.accepted_at) FROM document_key k WHERE k.sha256 = $1))
"""
KEEP = """
INSERT INTO signature_verdict (sha256, under, report) VALUES ($1, $2, $3)
ON CONFLICT (sha256, under) DO UPDATE SET report = excluded.report, made_at = excluded.made_at
"""
FORGET = "DELETE FROM signature_verdict WHERE sha256 = ANY($1::bytea[])"
EXPIRE = """
DELETE FROM signature_verdict WHERE (sha256, under) IN (
    SELECT sha256, under FROM signature_verdict WHERE made_at < hub_now() - $1::interval LIMIT $2)
"""


class PgCertificates:
    """Implements `CertificateRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def known(self, fingerprints: Collection[bytes]) -> tuple[AgencyCertificate, ...]:
        """Return all rows of these certificates."""
        if not fingerprints:
            return ()
        rows = await self._connection.fetch(KNOWN, list(fingerprints))
        return tuple(_row(row).certificate for row in rows)

    async def propose(self, rows: Sequence[CertificateRow]) -> int:
        """Add new rows as proposed."""
        if not rows:
            return 0
        status = await self._connection.execute(
            PROPOSE,
            [r.certificate.unit_id for r in rows],
            [r.certificate.fingerprint for r in rows],
            [r.certificate.kind.value for r in rows],
            [r.subject for r in rows],
            [r.certificate.valid_from for r in rows],
            [r.certificate.valid_to for r in rows],
            [r.document_id for r in rows],
            [r.changed_by for r in rows],
        )
        return count_of(status)

    async def put(self, row: CertificateRow) -> None:
        """Write a row."""
        one = row.certificate
        await self._connection.execute(
            PUT,
            one.unit_id,
            one.fingerprint,
            one.kind.value,
            one.state.value,
            row.subject,
            one.valid_from,
            one.valid_to,
            row.document_id,
            row.changed_by,
        )

    async def set_state(
        self, unit_id: str, fingerprint: bytes, state: CertificateState, *, by: str
    ) -> CertificateRow | None:
        """Change a row's state."""
        row = await self._connection.fetchrow(SET_STATE, unit_id, fingerprint, state.value, by)
        return None if row is None else _row(row)

    async def list(
        self, *, unit_id: str | None, state: CertificateState | None, limit: int
    ) -> tuple[CertificateRow, ...]:
        """Return rows, newest change first."""
        rows = await self._connection.fetch(LIST, unit_id, state.value if state else None, limit)
        return tuple(_row(row) for row in rows)


def _row(row: Record) -> CertificateRow:
    return CertificateRow(
        certificate=AgencyCertificate(
            unit_id=row["unit_id"],
            fingerprint=row["fingerprint"],
            kind=SignerKind(row["kind"]),
            state=CertificateState(row["state"]),
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
        ),
        subject=row["subject"],
        document_id=row["document_id"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


class PgVerdicts:
    """Implements `VerdictRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, sha256: bytes, under: str, *, younger_than: timedelta) -> bytes | None:
        """Return the report that was kept, or None."""
        found: bytes | None = await self._connection.fetchval(FIND, sha256, under, younger_than)
        return found

    async def received(self, sha256: bytes) -> datetime | None:
        """Return when these bytes were first accepted."""
        found: datetime | None = await self._connection.fetchval(RECEIVED, sha256)
        return found

    async def keep(self, sha256: bytes, under: str, report: bytes) -> None:
        """Keep a report in place of what was kept."""
        await self._connection.execute(KEEP, sha256, under, report)

    async def forget(self, digests: Collection[bytes]) -> None:
        """Delete what is kept about these bytes."""
        await self._connection.execute(FORGET, list(digests))

    async def expire(self, older_than: timedelta, limit: int) -> int:
        """Delete old rows."""
        return count_of(await self._connection.execute(EXPIRE, older_than, limit))

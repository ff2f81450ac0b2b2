"""Rows about signatures: whose certificates are whose, and verdicts that were given before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.domain.signers import AgencyCertificate, CertificateState


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """An agency's certificate in the directory, with how it came there."""

    certificate: AgencyCertificate
    subject: str
    document_id: UUID | None
    changed_at: datetime
    changed_by: str


class CertificateRepo(Protocol):
    """Certificates of agencies."""

    async def known(self, fingerprints: Collection[bytes]) -> tuple[AgencyCertificate, ...]:
        """Return all rows of these certificates, of any unit and state."""

    async def propose(self, rows: Sequence[CertificateRow]) -> int:
        """Add rows that are new as proposed; return how many were."""

    async def put(self, row: CertificateRow) -> None:
        """Write a row, new or not, with the state it says."""

    async def set_state(
        self, unit_id: str, fingerprint: bytes, state: CertificateState, *, by: str
    ) -> CertificateRow | None:
        """Change a row's state and return it; None if there is none."""

    async def list(
        self, *, unit_id: str | None, state: CertificateState | None, limit: int
    ) -> tuple[CertificateRow, ...]:
        """Return rows, newest change first."""


class VerdictRepo(Protocol):
    """Verdicts by what was judged and under what."""

    async def find(self, sha256: bytes, under: str, *, younger_than: timedelta) -> bytes | None:
        """Return the report that was kept, or None."""

    async def received(self, sha256: bytes) -> datetime | None:
        """Return when the first document that has these bytes, or is these bytes, was accepted; or None."""

    async def keep(self, sha256: bytes, under: str, report: bytes) -> None:
        """Keep a report in place of what was kept."""

    async def forget(self, digests: Collection[bytes]) -> None:
        """Delete what is kept about these bytes."""

    async def expire(self, older_than: timedelta, limit: int) -> int:
        """Delete old rows; return how many."""

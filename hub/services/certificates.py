"""What administrators decide about agencies' certificates: whose a certificate is, from when to when.

A confirmed row counts from the next document on; verdicts given before stay as they were given, on record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from hub.domain.directory_orders import OrderRefused
from hub.domain.ids import normalise_code
from hub.domain.signers import AgencyCertificate, CertificateState, SignerKind
from hub.ports.signatures import CertificateRow
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.registry_errors import RegistryError
from signing.report_json import mask_personal

LISTED_MOST: Final = 10_000
FILE_MOST: Final = 64 * 1024
SUBJECT_MOST: Final = 300
DIGITS_LEAST: Final = 8


class CertificateDesk:
    """Lists, confirms, refuses and adds certificates of agencies."""

    def __init__(self, uow: UnitOfWork, province_suffixes: frozenset[str]) -> None:
        self._uow, self._suffixes = uow, province_suffixes

    async def list(
        self, *, code: str | None = None, state: CertificateState | None = None
    ) -> tuple[CertificateRow, ...]:
        """Rows, newest change first. Raises OrderRefused `agency_unknown`."""
        async with self._uow.begin() as tx:
            unit = await self._unit(tx, code) if code is not None else None
            return await tx.certificates.list(unit_id=unit, state=state, limit=LISTED_MOST)

    async def decide(
        self, code: str, fingerprint: str, state: CertificateState, *, by: str
    ) -> CertificateRow:
        """Confirm or refuse a row. The fingerprint may be cut after 8 digits, if one row alone begins so.

        Raises:
            OrderRefused: `agency_unknown`.
            RegistryError: `certificate_unknown`, `certificate_ambiguous`.
        """
        wanted = fingerprint.replace(":", "").replace(" ", "").lower()
        async with self._uow.begin() as tx:
            unit = await self._unit(tx, code)
            rows = await tx.certificates.list(unit_id=unit, state=None, limit=LISTED_MOST)
            found = [r for r in rows if r.certificate.fingerprint.hex().startswith(wanted)]
            if not found or len(wanted) < DIGITS_LEAST:
                raise _unknown(fingerprint, code)
            if len(found) > 1:
                raise RegistryError(
                    "certificate_ambiguous",
                    f"Có {len(found)} chứng thư bắt đầu bằng {wanted}: hãy ghi đủ hơn.",
                    f"{len(found)} certificates begin with {wanted}: give more digits.",
                )
            made = await tx.certificates.set_state(unit, found[0].certificate.fingerprint, state, by=by)
        if made is None:
            raise _unknown(fingerprint, code)
        return made

    async def add(
        self,
        code: str,
        file: Path,
        *,
        kind: SignerKind,
        first: datetime | None,
        last: datetime | None,
        by: str,
    ) -> CertificateRow:
        """Add an agency's certificate from its file (PEM or DER), confirmed.

        Raises:
            OrderRefused: `agency_unknown`.
            RegistryError: `certificate_unreadable`.
        """
        certificate = _read(file)
        row = CertificateRow(
            certificate=AgencyCertificate(
                unit_id="",
                fingerprint=certificate.fingerprint(hashes.SHA256()),
                kind=kind,
                state=CertificateState.CONFIRMED,
                valid_from=first or certificate.not_valid_before_utc,
                valid_to=last or certificate.not_valid_after_utc,
            ),
            subject=mask_personal(certificate.subject.rfc4514_string())[:SUBJECT_MOST],
            document_id=None,
            changed_at=certificate.not_valid_before_utc,
            changed_by=by,
        )
        async with self._uow.begin() as tx:
            unit = await self._unit(tx, code)
            placed = _at(row, unit)
            await tx.certificates.put(placed)
        return placed

    async def _unit(self, tx: Transaction, code: str) -> str:
        directory = await tx.directory.load(self._suffixes)
        agency = directory.by_code(code)
        if agency is not None:
            return agency.unit_id
        outside = normalise_code(code)
        if not outside or directory.is_of_province(outside):
            raise OrderRefused("agency_unknown", code=code)
        return outside


def _at(row: CertificateRow, unit_id: str) -> CertificateRow:
    return replace(row, certificate=replace(row.certificate, unit_id=unit_id))


def _read(file: Path) -> x509.Certificate:
    try:
        data = file.read_bytes()[:FILE_MOST]
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (OSError, ValueError) as error:
        raise RegistryError(
            "certificate_unreadable",
            f"Tệp {file} không phải chứng thư số (PEM hoặc DER).",
            f"{file} is no certificate (PEM or DER).",
        ) from error


def _unknown(fingerprint: str, code: str) -> RegistryError:
    return RegistryError(
        "certificate_unknown",
        f"Cơ quan {code} không có chứng thư {fingerprint}. Xem `lienthong agency certificate list`.",
        f"Agency {code} has no certificate {fingerprint}: see `lienthong agency certificate list`.",
    )

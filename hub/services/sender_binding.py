"""Binds the signatures of a document to its sender, and learns what agencies sign with.

Verdicts on bytes are the same whoever sends them and are shared; whose signature it is depends on the message
and is decided here, when a document's reports are written. Another agency's signature ends as INDETERMINATE
(SIG_CONSTRAINTS_FAILURE) whatever its cryptography says. A valid certificate seen for the first time is
proposed to the administrator; it has no effect until it is confirmed (`lienthong agency certificate`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from hub.domain.directory import Directory
from hub.domain.signers import (
    AgencyCertificate,
    Binding,
    CertificateState,
    Sender,
    Signer,
    SignerBond,
    SignerKind,
    bind,
    plain_name,
)
from hub.ports.records import DocumentRecord
from hub.ports.signatures import CertificateRow
from hub.ports.unit_of_work import Transaction
from hub.services.directory_snapshot import DirectorySnapshot
from signing.judgement import Judgement
from signing.messages import Code
from signing.report import (
    CertificateKind,
    ChainStatus,
    FileReport,
    Indication,
    Role,
    SignatureReport,
    SubIndication,
    worst,
)
from signing.report_json import mask_personal

LEARNT: Final = "lienthong"
"""Who proposed a certificate that nobody was asked about."""
SUBJECT_MOST: Final = 300
_LEARNT_KINDS: Final = frozenset({SignerKind.PERSON, SignerKind.ORGANISATION})
_OF_NOBODY: Final = frozenset({Role.TIMESTAMP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Reports as they stand for this sender, and by place of file and signature whose signature it is."""

    reports: tuple[FileReport, ...]
    bonds: Mapping[tuple[int, int], SignerBond]
    learnt: tuple[CertificateRow, ...]


class _Names:
    """The names of a directory, ready to be compared."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.units: dict[str, list[str]] = defaultdict(list)
        self.heirs: dict[str, set[str]] = defaultdict(set)
        for agency in directory:
            self.units[plain_name(agency.name)].append(agency.unit_id)
            for heir in agency.successors:
                self.heirs[heir.unit_id].add(agency.unit_id)

    def sender(self, unit_id: str, claimed: str) -> Sender:
        """The sender; its own predecessors are it too. Outside the directory it has the name it gives."""
        agency = self.directory.unit(unit_id)
        if agency is None:
            return Sender(units=frozenset({unit_id}), names=(claimed,) if claimed else ())
        units, fresh = {unit_id}, {unit_id}
        while fresh:
            fresh = {before for unit in fresh for before in self.heirs.get(unit, ())} - units
            units |= fresh
        names = tuple(a.name for u in sorted(units) if (a := self.directory.unit(u)) is not None)
        return Sender(units=frozenset(units), names=names)


class SenderBinding:
    """Says of each signature whether it is the sender's."""

    def __init__(self, directory: DirectorySnapshot) -> None:
        self._snapshot = directory
        self._names: _Names | None = None

    async def prepare(self) -> None:
        """Read the directory, before a transaction is begun."""
        directory = await self._snapshot.current()
        if self._names is None or self._names.directory is not directory:
            self._names = _Names(directory)

    async def bind(
        self, tx: Transaction, document: DocumentRecord, reports: Sequence[FileReport], *, now: datetime
    ) -> Bound:
        """The reports with what is found about their signers. Call `prepare` before."""
        names = self._names
        signed = [s.signer.sha256 for r in reports for s in r.signatures if s.signer and s.signer.sha256]
        if names is None or not signed:
            return Bound(reports=tuple(reports), bonds={}, learnt=())
        rows = await tx.certificates.known({bytes.fromhex(digest) for digest in signed})
        text = await tx.documents.text(document.id)
        sender = names.sender(document.from_unit, text.from_name if text is not None else "")
        work = _Work(names, sender, rows, document, now)
        made = tuple(work.file(index, report) for index, report in enumerate(reports))
        return Bound(reports=made, bonds=work.bonds, learnt=tuple(work.learnt.values()))


class _Work:
    def __init__(
        self,
        names: _Names,
        sender: Sender,
        rows: Sequence[AgencyCertificate],
        document: DocumentRecord,
        now: datetime,
    ) -> None:
        self._names, self._sender, self._rows = names, sender, rows
        self._document, self._now = document, now
        self.bonds: dict[tuple[int, int], SignerBond] = {}
        self.learnt: dict[bytes, CertificateRow] = {}

    def file(self, index: int, report: FileReport) -> FileReport:
        made = []
        for number, signature in enumerate(report.signatures):
            binding = self._binding(signature)
            if binding is None:
                made.append(signature)
                continue
            self.bonds[index, number] = binding.bond
            self._learn(signature, binding)
            made.append(_told(signature, binding))
        changed = tuple(made)
        if changed == report.signatures:
            return report
        indication, sub = report.indication, report.sub_indication
        if indication is Indication.TOTAL_PASSED:
            indication, sub = worst(changed)
        return replace(report, signatures=changed, indication=indication, sub_indication=sub)

    def _binding(self, signature: SignatureReport) -> Binding | None:
        signer = signature.signer
        if signer is None or not signer.sha256 or signature.role in _OF_NOBODY:
            return None
        name = signer.common_name or signer.organisation
        asked = Signer(
            fingerprint=bytes.fromhex(signer.sha256),
            kind=SignerKind(signature.certificate_kind.value),
            names=(name,),
            at=signature.best_time or self._now,
        )
        plain = plain_name(name)
        agencies = [(unit, plain) for unit in self._names.units.get(plain, ())] if plain else []
        return bind(asked, self._sender, rows=self._rows, agencies=agencies)

    def _learn(self, signature: SignatureReport, binding: Binding) -> None:
        # Only what holds by itself may be proposed: a chain to a trusted root, nothing open.
        signer = signature.signer
        if (
            signer is None
            or signature.indication is not Indication.TOTAL_PASSED
            or signature.chain is not ChainStatus.TRUSTED
            or binding.bond in {SignerBond.SENDER, SignerBond.OTHER}
            or binding.kind not in _LEARNT_KINDS
        ):
            return
        fingerprint = bytes.fromhex(signer.sha256)
        self.learnt[fingerprint] = CertificateRow(
            certificate=AgencyCertificate(
                unit_id=self._document.from_unit,
                fingerprint=fingerprint,
                kind=binding.kind,
                state=CertificateState.PROPOSED,
                valid_from=signer.not_before,
                valid_to=signer.not_after,
            ),
            subject=mask_personal(signer.subject).replace("\x00", "")[:SUBJECT_MOST],
            document_id=self._document.id,
            changed_at=self._now,
            changed_by=LEARNT,
        )


def _told(signature: SignatureReport, binding: Binding) -> SignatureReport:
    """The report of a signature with what its binding means."""
    more, signer = Judgement(), signature.signer
    name = (signer.common_name or signer.organisation) if signer is not None else ""
    if binding.bond is SignerBond.OTHER:
        shown = f"{name}, {binding.unit_id}" if binding.unit_id else name
        more.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.SIGNER_NOT_SENDER, detail=mask_personal(shown))
    elif binding.bond is SignerBond.UNKNOWN:
        more.note(Code.SIGNER_UNKNOWN_AGENCY, detail=mask_personal(name))
    if binding.name_differs and binding.bond is SignerBond.SENDER:
        more.note(Code.SIGNER_NAME_DIFFERS, detail=mask_personal(name))
    kind, role, basis = CertificateKind(binding.kind.value), signature.role, signature.role_basis
    if kind is not signature.certificate_kind:
        basis = (*basis, f"directory:{kind.value}")
        if role is Role.UNKNOWN:
            role = Role.ORGANISATION if kind is CertificateKind.ORGANISATION else Role.SIGNER
    if not more.findings and kind is signature.certificate_kind:
        return signature
    both = Judgement.over(signature, more)
    return replace(
        signature,
        certificate_kind=kind,
        role=role,
        role_basis=basis,
        indication=both.indication,
        sub_indication=None if both.indication is Indication.TOTAL_PASSED else both.sub_indication,
        findings=both.findings,
    )

"""What a recipient's policy makes of the verdicts on a document's files.

Verdicts are facts [EN 319 102-1 §5.1]; this is the decision drawn from them, per delivery: deliver, deliver
with a warning, hold for a person, refuse. The default follows NĐ 30/2020 Đ.5 (a person's and the
organisation's signature make an original) and QĐ 28/2018 Đ.4.2 (what is unsigned is for reference only):

* the main file needs a person's and the organisation's signature, each other file the organisation's;
  editable copies (.doc, .xls …) need none; missing → deliver with a warning;
* a signature that counts as the signer's or the organisation's and is TOTAL-FAILED, or after which the
  content was changed in a way it forbids → hold;
* initials, number, date, arrival stamps and timestamps never block alone: they warn;
* INDETERMINATE never loses a document: deliver with a warning;
* another agency's signature is never taken for the sender's: on the main file it holds, elsewhere it warns;
  an organisation's of which nothing is known warns;
* a file that could not be examined because it is hostile or broken (TOTAL-FAILED without a signature) counts
  as failed.

A failed signature of unknown role might be the signer's: it blocks. The worst finding decides. Words of a
report that this module does not know are read on the side of caution (INDETERMINATE, unknown, suspicious).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hub.domain.acceptance_texts import TEXTS
from hub.domain.signers import SignerBond


class Verdict(StrEnum):
    """Indication of a file or signature, in the words of the report."""

    PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    FAILED = "TOTAL-FAILED"
    NO_SIGNATURE = "NO_SIGNATURE"

    @classmethod
    def _missing_(cls, _value: object) -> Verdict:
        return cls.INDETERMINATE


class SignatureRole(StrEnum):
    INITIALS = "initials"
    SIGNER = "signer"
    ORGANISATION = "organisation"
    NUMBER = "number"
    DATE = "date"
    INCOMING = "incoming"
    COPY = "copy"
    ANNEX = "annex"
    TIMESTAMP = "timestamp"
    COUNTER = "counter"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _value: object) -> SignatureRole:
        return cls.UNKNOWN


class CertificateKind(StrEnum):
    PERSON = "person"
    ORGANISATION = "organisation"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _value: object) -> CertificateKind:
        return cls.UNKNOWN


class Changes(StrEnum):
    NONE = "none"
    PERMITTED = "permitted"
    SUSPICIOUS = "suspicious"
    FORBIDDEN = "forbidden"

    @classmethod
    def _missing_(cls, _value: object) -> Changes:
        return cls.SUSPICIOUS


class FilePlace(StrEnum):
    """MAIN is the document itself, ANNEX any other file, EDITABLE a copy to work on."""

    MAIN = "main"
    ANNEX = "annex"
    EDITABLE = "editable"


class OnFailed(StrEnum):
    WARN = "warn"
    HOLD = "hold"
    REFUSE = "refuse"


class OnDoubt(StrEnum):
    """For missing and indeterminate signatures there is no refusal: a person decides at worst."""

    WARN = "warn"
    HOLD = "hold"


class Decision(StrEnum):
    DELIVER = "deliver"
    DELIVER_WITH_WARNING = "deliver_with_warning"
    HOLD = "hold"
    REFUSE = "refuse"


_SEVERITY = tuple(Decision)
_DECISIONS = {
    "warn": Decision.DELIVER_WITH_WARNING,
    "hold": Decision.HOLD,
    "refuse": Decision.REFUSE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFact:
    """One signature as far as a policy cares."""

    role: SignatureRole
    verdict: Verdict
    certificate_kind: CertificateKind = CertificateKind.UNKNOWN
    changes: Changes = Changes.NONE
    bond: SignerBond = SignerBond.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact:
    """One file: its place in the document, its verdict, all its signatures and timestamps."""

    name: str
    place: FilePlace
    verdict: Verdict
    signatures: tuple[SignatureFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceReason:
    """Why, in words for a clerk. ``code`` and ``decision`` may stand in events; the texts name the file."""

    code: str
    decision: Decision
    vi: str
    en: str
    file_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    decision: Decision
    reasons: tuple[AcceptanceReason, ...]


_BLOCKING_ROLES = frozenset(
    {
        SignatureRole.SIGNER,
        SignatureRole.ORGANISATION,
        SignatureRole.COPY,
        SignatureRole.ANNEX,
        SignatureRole.UNKNOWN,
    }
)
_ORGANISATION_ROLES = frozenset({SignatureRole.ORGANISATION, SignatureRole.COPY, SignatureRole.ANNEX})


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """A recipient system's rules. ``evaluate`` is the whole decision; it never raises."""

    on_failed: OnFailed = OnFailed.HOLD
    on_missing: OnDoubt = OnDoubt.WARN
    on_indeterminate: OnDoubt = OnDoubt.WARN
    on_other_signer: OnFailed = OnFailed.HOLD
    require_main: frozenset[SignatureRole] = frozenset({SignatureRole.SIGNER, SignatureRole.ORGANISATION})
    require_annex: frozenset[SignatureRole] = frozenset({SignatureRole.ORGANISATION})

    def evaluate(self, files: Sequence[FileFact]) -> Acceptance:
        """The decision over all files of a document, with every reason, the weightiest first."""
        reasons = [reason for index, file in enumerate(files) for reason in self._judge(index, file)]
        if self.require_main and not any(file.place is FilePlace.MAIN for file in files):
            reasons.append(_reason("no_document_file", _DECISIONS[self.on_missing]))
        reasons.sort(key=lambda reason: -_SEVERITY.index(reason.decision))
        decision = reasons[0].decision if reasons else Decision.DELIVER
        return Acceptance(decision=decision, reasons=tuple(reasons))

    def _judge(self, index: int, file: FileFact) -> Iterator[AcceptanceReason]:
        found = (*self._signature_findings(file), *self._signer_findings(file), *self._file_findings(file))
        for code, decision in dict.fromkeys(found):
            yield _reason(code, decision, index=index, file=file.name)

    def _signature_findings(self, file: FileFact) -> Iterator[tuple[str, Decision]]:
        failed, doubtful = _DECISIONS[self.on_failed], _DECISIONS[self.on_indeterminate]
        for signature in file.signatures:
            blocking = signature.role in _BLOCKING_ROLES
            if signature.changes is Changes.FORBIDDEN:
                code = "changed_after_signing"
                yield code, failed if blocking else Decision.DELIVER_WITH_WARNING
            elif signature.verdict is Verdict.FAILED:
                code = "signature_failed" if blocking else "minor_signature_failed"
                yield code, failed if blocking else Decision.DELIVER_WITH_WARNING
            elif signature.changes is Changes.SUSPICIOUS:
                yield "suspicious_changes", doubtful if blocking else Decision.DELIVER_WITH_WARNING
            elif signature.verdict is not Verdict.PASSED:
                code = "signature_indeterminate" if blocking else "minor_signature_indeterminate"
                yield code, doubtful if blocking else Decision.DELIVER_WITH_WARNING

    def _signer_findings(self, file: FileFact) -> Iterator[tuple[str, Decision]]:
        for signature in file.signatures:
            if signature.bond is SignerBond.OTHER:
                holds = file.place is FilePlace.MAIN and signature.role in _BLOCKING_ROLES
                decision = _DECISIONS[self.on_other_signer] if holds else Decision.DELIVER_WITH_WARNING
                yield "signer_not_sender", decision
            elif signature.bond is SignerBond.UNKNOWN:
                yield "signer_unknown_agency", Decision.DELIVER_WITH_WARNING

    def _file_findings(self, file: FileFact) -> Iterator[tuple[str, Decision]]:
        explained = {signature.verdict for signature in file.signatures}
        if file.verdict is Verdict.FAILED and Verdict.FAILED not in explained:
            yield "file_not_examinable", _DECISIONS[self.on_failed]
            return
        if file.verdict is Verdict.INDETERMINATE and explained <= {Verdict.PASSED}:
            yield "file_indeterminate", _DECISIONS[self.on_indeterminate]
            if not file.signatures:
                return  # a check that could not finish has not shown that signatures are missing
        required = {FilePlace.MAIN: self.require_main, FilePlace.ANNEX: self.require_annex}
        missing = required.get(file.place, frozenset()) - _present(file.signatures)
        if missing:
            yield _missing_code(file, missing), _DECISIONS[self.on_missing]


DEFAULT_POLICY = AcceptancePolicy()


def _present(signatures: Iterable[SignatureFact]) -> frozenset[SignatureRole]:
    """The roles that are filled. A failed signature is there, though bad: it is reported as such.

    A signature whose place tells nothing fills the role that its certificate names.
    """
    roles: set[SignatureRole] = set()
    for signature in signatures:
        roles.add(signature.role)
        if signature.role in _ORGANISATION_ROLES:
            roles.add(SignatureRole.ORGANISATION)
        elif signature.role is SignatureRole.UNKNOWN:
            if signature.certificate_kind is CertificateKind.PERSON:
                roles.add(SignatureRole.SIGNER)
            elif signature.certificate_kind is CertificateKind.ORGANISATION:
                roles.add(SignatureRole.ORGANISATION)
    return frozenset(roles)


def _missing_code(file: FileFact, missing: frozenset[SignatureRole]) -> str:
    if not file.signatures:
        return "unsigned"
    if any(s.role is SignatureRole.UNKNOWN for s in file.signatures):
        return "signer_unclear"
    if missing == {SignatureRole.SIGNER}:
        return "person_signature_missing"
    if missing == {SignatureRole.ORGANISATION}:
        return "organisation_signature_missing"
    return "required_signature_missing"


def _reason(code: str, decision: Decision, *, index: int | None = None, file: str = "") -> AcceptanceReason:
    vi, en = TEXTS[code]
    return AcceptanceReason(
        code=code,
        decision=decision,
        vi=vi.replace("{file}", file),
        en=en.replace("{file}", file),
        file_index=index,
    )


_EDITABLE = frozenset({"doc", "docx", "docm", "dot", "dotx", "rtf", "odt", "xls", "xlsx", "xlsm", "ods"})


def place_files(names: Sequence[str]) -> tuple[FilePlace, ...]:
    """Each file's place by its name: the first PDF is the document, else the first file not editable.

    The format does not say which attachment is the document; senders put it first.
    """
    suffixes = [name.strip().rpartition(".")[2].casefold() if "." in name else "" for name in names]
    places = [FilePlace.EDITABLE if suffix in _EDITABLE else FilePlace.ANNEX for suffix in suffixes]
    candidates = [index for index, place in enumerate(places) if place is FilePlace.ANNEX]
    main = next((index for index in candidates if suffixes[index] == "pdf"), None)
    if main is None and candidates:
        main = candidates[0]
    if main is not None:
        places[main] = FilePlace.MAIN
    return tuple(places)

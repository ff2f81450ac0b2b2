"""The result of a verification: values only, no behaviour beyond putting verdicts in order.

A file carries any number of signatures; each has a verdict of its own [EN 319 102-1 §5.1.3] and the file's
verdict is the worst of them. Everything here is frozen, slotted and picklable, for it crosses a process
boundary; personal numbers are kept whole here and masked where the report is written out
(`signing.report_json`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Indication(StrEnum):
    """Main status [EN 319 102-1 §5.1.3]; NO_SIGNATURE is ours, for a file that carries none."""

    TOTAL_PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL-FAILED"
    NO_SIGNATURE = "NO_SIGNATURE"


class SubIndication(StrEnum):
    """Why a verdict is not TOTAL-PASSED, in the standard's words [EN 319 102-1 §5.1.3, table 6]."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    CUSTOM = "CUSTOM"


class Severity(StrEnum):
    """error: a reason for TOTAL-FAILED; warning: a reason for INDETERMINATE; info: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class FileFormat(StrEnum):
    """What the bytes are, judged by the bytes and never by the name."""

    PDF = "pdf"
    XML = "xml"
    EDXML = "edxml"
    ASICE = "asice"
    ASICS = "asics"
    CMS = "cms"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a signature is for in a Vietnamese official document [NĐ 30/2020 Phụ lục I]."""

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


class CertificateKind(StrEnum):
    """Whose certificate it is."""

    PERSON = "person"
    ORGANISATION = "organisation"
    UNKNOWN = "unknown"


class TimeSource(StrEnum):
    """How the best signature time is known; a claimed time proves nothing."""

    CLAIMED = "claimed"
    TIMESTAMP = "timestamp"
    DOCUMENT_TIMESTAMP = "document-timestamp"
    RECEIPT = "receipt"


class Coverage(StrEnum):
    """How much of the file a signature's bytes take in."""

    WHOLE_FILE = "whole-file"
    REVISION = "revision"
    PARTIAL = "partial"
    UNCLEAR = "unclear"


class Changes(StrEnum):
    """What was done to the file after the signature, from harmless to forbidden."""

    NONE = "none"
    PERMITTED = "permitted"
    SUSPICIOUS = "suspicious"
    FORBIDDEN = "forbidden"


class ChainStatus(StrEnum):
    """Whether the certificate leads to an anchor of the trust store."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    NOT_CHECKED = "not-checked"


class Revocation(StrEnum):
    """What is known of the certificate's revocation at the time that counts."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation: a stable code and a sentence in both languages."""

    code: str
    severity: Severity
    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInfo:
    """The signer's certificate as people name it, and its SHA-256 (hex), which tells it from all others."""

    subject: str
    issuer: str
    serial: str
    not_before: datetime | None
    not_after: datetime | None
    sha256: str = ""
    common_name: str = ""
    organisation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampReport:
    """One timestamp token on a signature: its kind, its time, and whether it is about this signature."""

    type: str
    time: datetime | None
    imprint: str
    indication: Indication


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """Everything that is known of one signature; `attachment` names the file inside a message it is in."""

    id: str
    attachment: str | None = None
    field: str | None = None
    format: str = "unknown"
    role: Role = Role.UNKNOWN
    role_basis: tuple[str, ...] = ()
    certificate_kind: CertificateKind = CertificateKind.UNKNOWN
    signer: CertificateInfo | None = None
    signing_time: datetime | None = None
    best_time: datetime | None = None
    time_source: TimeSource | None = None
    timestamps: tuple[TimestampReport, ...] = ()
    revision: int | None = None
    page: int | None = None
    rect: tuple[float, float, float, float] | None = None
    docmdp: int | None = None
    reason: str | None = None
    location: str | None = None
    intact: bool = False
    covers: Coverage = Coverage.UNCLEAR
    scope: tuple[str, ...] = ()
    changes: Changes = Changes.NONE
    chain: ChainStatus = ChainStatus.NOT_CHECKED
    revocation: Revocation = Revocation.NOT_CHECKED
    algorithms: tuple[str, ...] = ()
    indication: Indication
    sub_indication: SubIndication | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The verdict on one file and on each of its signatures."""

    file: str
    format: FileFormat
    sha256: str
    indication: Indication
    sub_indication: SubIndication | None = None
    signatures: tuple[SignatureReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    elapsed_ms: float = 0.0


_ORDER = (Indication.TOTAL_PASSED, Indication.NO_SIGNATURE, Indication.INDETERMINATE, Indication.TOTAL_FAILED)


def rank(indication: Indication) -> int:
    """Place of a verdict between best (0) and worst."""
    return _ORDER.index(indication)


def worst(signatures: tuple[SignatureReport, ...]) -> tuple[Indication, SubIndication | None]:
    """The file's verdict: that of its worst signature, the first of them if several are equally bad."""
    if not signatures:
        return Indication.NO_SIGNATURE, None
    bad = max(signatures, key=lambda s: rank(s.indication))
    return bad.indication, bad.sub_indication

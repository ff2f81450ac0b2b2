"""The report as JSON, the stable shape that programs read (`lienthong verify --json`).

Key order and names are an interface. Texts are in one language, chosen by the caller; times are RFC 3339 in
UTC. Citizen and tax numbers (`UID=CCCD:…`, `UID=MST:…` and kin in subject names) are masked but for their
last three digits unless `show_personal` is set.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from signing.report import CertificateInfo, FileReport, Finding, SignatureReport

_NUMBER = re.compile(
    r"((?:CCCD|CMND|CMTND|HC|HCH|MST|MNS|BHXH|PNO|IDC|PAS|TIN|VAT|NTR)[A-Z]{0,4}\s*[:\-]\s*|"
    r"(?:UID|SERIALNUMBER|OID\.2\.5\.4\.97|organizationIdentifier)=(?:[A-Z]{2,6}[:\-])?)([0-9A-Z][0-9A-Z.\-]{3,})",
    re.IGNORECASE,
)
_KEPT_DIGITS = 3


def mask_personal(text: str) -> str:
    """Hide citizen and tax numbers in a name: `UID=CCCD:079123456789` → `UID=CCCD:*********789`."""

    def hidden(match: re.Match[str]) -> str:
        number = match.group(2)
        return match.group(1) + "*" * (len(number) - _KEPT_DIGITS) + number[-_KEPT_DIGITS:]

    return _NUMBER.sub(hidden, text)


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z; a time without zone is taken as UTC."""
    if moment is None:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def to_json(report: FileReport, *, show_personal: bool = False, language: str = "vi") -> dict[str, Any]:
    """The file's object in the array that `verify --json` prints."""
    return {
        "file": report.file,
        "format": report.format.value,
        "sha256": report.sha256,
        "indication": report.indication.value,
        "sub_indication": report.sub_indication.value if report.sub_indication else None,
        "signatures": [
            _signature(s, show_personal=show_personal, language=language) for s in report.signatures
        ],
        "findings": [_finding(f, show_personal=show_personal, language=language) for f in report.findings],
        "elapsed_ms": round(report.elapsed_ms, 1),
    }


def _signature(sig: SignatureReport, *, show_personal: bool, language: str) -> dict[str, Any]:
    placed = {} if sig.attachment is None else {"attachment": sig.attachment}
    return {
        "id": sig.id,
        **placed,
        "field": sig.field if show_personal or sig.field is None else mask_personal(sig.field),
        "format": sig.format,
        "role": sig.role.value,
        "role_basis": list(sig.role_basis),
        "certificate_kind": sig.certificate_kind.value,
        "signer": _certificate(sig.signer, show_personal=show_personal),
        "signing_time": instant(sig.signing_time),
        "best_time": instant(sig.best_time),
        "time_source": sig.time_source.value if sig.time_source else None,
        "timestamps": [
            {"type": t.type, "time": instant(t.time), "imprint": t.imprint, "indication": t.indication.value}
            for t in sig.timestamps
        ],
        "revision": sig.revision,
        "page": sig.page,
        "rect": list(sig.rect) if sig.rect is not None else None,
        "docmdp": sig.docmdp,
        "reason": sig.reason,
        "location": sig.location,
        "intact": sig.intact,
        "covers": sig.covers.value,
        "scope": list(sig.scope),
        "changes": sig.changes.value,
        "chain": sig.chain.value,
        "revocation": sig.revocation.value,
        "algorithms": list(sig.algorithms),
        "indication": sig.indication.value,
        "sub_indication": sig.sub_indication.value if sig.sub_indication else None,
        "findings": [_finding(f, show_personal=show_personal, language=language) for f in sig.findings],
    }


def _certificate(info: CertificateInfo | None, *, show_personal: bool) -> dict[str, Any] | None:
    if info is None:
        return None
    return {
        "subject": info.subject if show_personal else mask_personal(info.subject),
        "issuer": info.issuer if show_personal else mask_personal(info.issuer),
        "serial": info.serial,
        "not_before": instant(info.not_before),
        "not_after": instant(info.not_after),
    }


def _finding(finding: Finding, *, show_personal: bool, language: str) -> dict[str, Any]:
    text = finding.vi if language == "vi" else finding.en
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "text": text if show_personal else mask_personal(text),
    }

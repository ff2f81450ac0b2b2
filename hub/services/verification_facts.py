"""From signature reports to the facts on which an acceptance policy decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson

from hub.domain.acceptance import (
    AcceptancePolicy,
    CertificateKind,
    Changes,
    FileFact,
    OnDoubt,
    OnFailed,
    SignatureFact,
    SignatureRole,
    Verdict,
    place_files,
)
from hub.domain.signers import SignerBond
from hub.ports.records import AttachmentRecord, ReportRow, SystemRecord
from signing.messages import Code
from signing.report import FileReport, Indication, rank
from signing.report_codec import encode
from signing.report_json import to_json

REPLACEMENT: Final = "\ufffd"
_UNFINISHED: Final = frozenset(
    {Code.VERIFICATION_CRASHED.value, Code.VERIFICATION_TIMED_OUT.value, Code.INTERNAL_ERROR.value}
    | {Code.LIMIT_EXCEEDED.value, Code.FILE_UNREADABLE.value}
)
# What somebody's answer, or a file that an administrator adds, may settle later.
_WAITING: Final = frozenset(
    {Code.REVOCATION_UNKNOWN.value, Code.CERTIFICATE_ON_HOLD.value, Code.CHAIN_INTERMEDIATE_MISSING.value}
)


def file_facts(
    names: Sequence[str],
    reports: Sequence[FileReport],
    bonds: Mapping[tuple[int, int], SignerBond] = MappingProxyType({}),
) -> tuple[FileFact, ...]:
    """Return one fact per file, in order; `names` and `reports` have the same length.

    `bonds` say by place of file and signature what a signature has to do with the sender.
    """
    return tuple(
        FileFact(
            name=name,
            place=place,
            verdict=Verdict(report.indication.value),
            signatures=tuple(
                SignatureFact(
                    role=SignatureRole(s.role.value),
                    verdict=Verdict(s.indication.value),
                    certificate_kind=CertificateKind(s.certificate_kind.value),
                    changes=Changes(s.changes.value),
                    bond=bonds.get((index, number), SignerBond.OPEN),
                )
                for number, s in enumerate(report.signatures)
            ),
        )
        for index, (name, place, report) in enumerate(zip(names, place_files(names), reports, strict=True))
    )


def overall(reports: Sequence[FileReport]) -> Indication:
    """Return the verdict of a document: the worst of its signed files, or NO_SIGNATURE."""
    return overall_of([r.indication for r in reports])


def overall_of(indications: Sequence[Indication]) -> Indication:
    """Return the worst of these that is about a signature, or NO_SIGNATURE."""
    signed = [each for each in indications if each is not Indication.NO_SIGNATURE]
    return max(signed, key=rank) if signed else Indication.NO_SIGNATURE


def is_unfinished(report: FileReport) -> bool:
    """Whether the verification did not come to its end: no statement about the file."""
    return bool(_codes(report) & _UNFINISHED)


def waits(report: FileReport) -> bool:
    """Whether a signature's verdict is open for want of an answer that may still come."""
    return any(
        s.indication is not Indication.TOTAL_FAILED and {f.code for f in s.findings} & _WAITING
        for s in report.signatures
    )


def _codes(report: FileReport) -> set[str]:
    return {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}


def policy_of(system: SystemRecord | None) -> AcceptancePolicy:
    """Return the acceptance policy of a recipient system; what it does not set is the default."""
    return parse_policy(system.policy) if system is not None else AcceptancePolicy()


def parse_policy(settings: Sequence[tuple[str, str]]) -> AcceptancePolicy:
    """Return the policy that a system's settings name.

    Raises:
        ValueError: a name or word that no policy has. The registry lets none in; one found in the
            database all the same must stop the decision, not loosen it.
    """
    given = dict(settings)
    default = AcceptancePolicy()
    policy = AcceptancePolicy(
        on_failed=OnFailed(given.pop("on_failed", default.on_failed)),
        on_missing=OnDoubt(given.pop("on_missing", default.on_missing)),
        on_indeterminate=OnDoubt(given.pop("on_indeterminate", default.on_indeterminate)),
        on_other_signer=OnFailed(given.pop("on_other_signer", default.on_other_signer)),
    )
    if given:
        raise ValueError(f"unknown policy settings: {', '.join(sorted(given))}")
    return policy


def report_rows(files: Sequence[AttachmentRecord], reports: Sequence[FileReport]) -> list[ReportRow]:
    """Return the rows of reports, one per file, in order; both have the same length."""
    return [
        ReportRow(
            position=file.index,
            sha256=file.sha256,
            indication=report.indication.value,
            report_json=report_bytes(report),
            whole=encode(report),
        )
        for file, report in zip(files, reports, strict=True)
    ]


def report_bytes(report: FileReport) -> bytes:
    """Return a report as the JSON that is stored, without what a database's text cannot hold.

    Names and reasons in a signed file are its signer's to choose: a NUL or half a surrogate in them must
    not keep a verdict from being written.
    """
    return orjson.dumps(_storable(to_json(report)))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", REPLACEMENT).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {str(_storable(name)): _storable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value

"""From signature reports to the facts on which an acceptance policy decides."""

from __future__ import annotations

from collections.abc import Sequence

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
from hub.ports.records import SystemRecord
from signing.report import FileReport, Indication, rank


def file_facts(names: Sequence[str], reports: Sequence[FileReport]) -> tuple[FileFact, ...]:
    """Return one fact per file, in order; `names` and `reports` have the same length."""
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
                )
                for s in report.signatures
            ),
        )
        for name, place, report in zip(names, place_files(names), reports, strict=True)
    )


def overall(reports: Sequence[FileReport]) -> Indication:
    """Return the verdict of a document: the worst of its signed files, or NO_SIGNATURE."""
    signed = [r.indication for r in reports if r.indication is not Indication.NO_SIGNATURE]
    return max(signed, key=rank) if signed else Indication.NO_SIGNATURE


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
    )
    if given:
        raise ValueError(f"unknown policy settings: {', '.join(sorted(given))}")
    return policy

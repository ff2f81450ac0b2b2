"""Gathers what the checks find about one signature and draws its verdict.

Checks never decide alone: each says how bad its finding is (`fail`: TOTAL-FAILED, `doubt`: INDETERMINATE,
`note`: no effect) and the worst wins; among equals the first, so checks run in the standard's order:
format, certificate identification, integrity, then constraints [EN 319 102-1 §5.3]. The reason for the
verdict stands first in the list.
"""

from __future__ import annotations

from signing.messages import Code, finding
from signing.report import Finding, Indication, Severity, SignatureReport, SubIndication


class Judgement:
    """Findings of one signature, in the making."""

    def __init__(self) -> None:
        self._failed: SubIndication | None = None
        self._doubts: list[tuple[SubIndication, Finding]] = []
        self._kept_doubt: SubIndication | None = None
        self._findings: list[Finding] = []

    @classmethod
    def over(cls, report: SignatureReport, more: Judgement) -> Judgement:
        """The verdict of a finished report together with more findings."""
        both = cls()
        both._failed = report.sub_indication if report.indication is Indication.TOTAL_FAILED else None
        kept = report.sub_indication if report.indication is Indication.INDETERMINATE else None
        both._failed = both._failed or more._failed
        both._kept_doubt, both._doubts = kept or more._kept_doubt, list(more._doubts)
        for item in (*more.findings, *report.findings):
            both._add(item)
        return both

    def fail(self, sub: SubIndication, code: Code, /, **values: object) -> None:
        """The signature does not hold."""
        self._failed = self._failed or sub
        self._add(finding(code, Severity.ERROR, **values))

    def doubt(self, sub: SubIndication, code: Code, /, **values: object) -> None:
        """Nothing is proven wrong, but a pass cannot be given."""
        item = finding(code, Severity.WARNING, **values)
        self._doubts.append((sub, item))
        self._add(item)

    def note(self, code: Code, /, **values: object) -> None:
        """Worth knowing; no effect on the verdict."""
        self._add(finding(code, Severity.INFO, **values))

    def settle(self, code: Code, /, **values: object) -> None:
        """A doubt that a proof has removed: its finding stays, as a note."""
        settled = finding(code, Severity.WARNING, **values)
        self._doubts = [(sub, item) for sub, item in self._doubts if item != settled]
        if settled in self._findings:
            self._findings[self._findings.index(settled)] = finding(code, Severity.INFO, **values)

    def _add(self, item: Finding) -> None:
        if item not in self._findings:
            self._findings.append(item)

    @property
    def _doubted(self) -> SubIndication | None:
        return self._kept_doubt or (self._doubts[0][0] if self._doubts else None)

    @property
    def indication(self) -> Indication:
        """The verdict so far."""
        if self._failed:
            return Indication.TOTAL_FAILED
        return Indication.INDETERMINATE if self._doubted else Indication.TOTAL_PASSED

    @property
    def sub_indication(self) -> SubIndication | None:
        """The reason for the verdict so far."""
        return self._failed or self._doubted

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, gravest first, otherwise in the order of the checks."""
        grave = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
        return tuple(sorted(self._findings, key=lambda f: grave[f.severity]))

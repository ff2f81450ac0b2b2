"""From reports to facts and policies."""

from __future__ import annotations

import pytest

from hub.domain.acceptance import AcceptancePolicy
from hub.services.verification_facts import file_facts, overall, policy_of
from signing.report import FileReport, Indication
from tests.support.hub import DOUBTFUL, FAILED, PASSED, UNSIGNED


@pytest.mark.parametrize(
    ("reports", "verdict"),
    [
        ([], Indication.NO_SIGNATURE),
        ([UNSIGNED], Indication.NO_SIGNATURE),
        ([PASSED, UNSIGNED], Indication.TOTAL_PASSED),
        ([PASSED, DOUBTFUL], Indication.INDETERMINATE),
        ([PASSED, DOUBTFUL, FAILED, UNSIGNED], Indication.TOTAL_FAILED),
    ],
)
def test_the_verdict_of_a_document_is_that_of_its_worst_signed_file(
    reports: list[FileReport], verdict: Indication
) -> None:
    assert overall(reports) is verdict


def test_there_is_one_fact_for_each_file_in_order() -> None:
    names = ["cong-van.pdf", "phu-luc.pdf", "du-thao.docx"]
    facts = file_facts(names, [PASSED, FAILED, UNSIGNED])
    assert [fact.name for fact in facts] == names
    assert [len(fact.signatures) for fact in facts] == [2, 2, 0]


def test_files_and_reports_must_match() -> None:
    with pytest.raises(ValueError, match="shorter"):
        file_facts(["a.pdf", "b.pdf"], [PASSED])


def test_what_a_system_does_not_set_is_the_default() -> None:
    assert policy_of(None) == AcceptancePolicy()

"""The reference page lists what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.edxml.dialect import Dialect
from schemas.edxml.model import STATUS_CODES
from schemas.messages import CATALOGUE

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "edxml-format.md").read_text(
    encoding="utf-8"
)
REFUSALS, WARNINGS = PAGE[PAGE.index("## Refusals") :].split("## Warnings")


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_finding_is_listed_with_both_its_sentences(code: str) -> None:
    message = CATALOGUE[code]
    part = REFUSALS if message.severity == "error" else WARNINGS
    assert f"| `{code}` | {message.vi} | {message.en} |" in part


def test_no_finding_is_listed_that_there_is_not() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", REFUSALS + WARNINGS, re.MULTILINE)) == set(CATALOGUE)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_is_described(dialect: Dialect) -> None:
    assert f"| `{dialect}` |" in PAGE


@pytest.mark.parametrize("code", sorted(STATUS_CODES))
def test_every_status_is_described(code: str) -> None:
    assert f"\n| {code} | " in PAGE

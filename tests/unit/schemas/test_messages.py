"""The catalogue of findings."""

from __future__ import annotations

import pickle  # noqa: TID251 - our own bytes
import string

import pytest

from schemas.issues import EdxmlRefused
from schemas.messages import CATALOGUE, issue, refusal, shown

REQUIRED = (
    "not_xml doctype_forbidden namespace_wrong from_missing to_missing response_for_missing "
    "document_id_missing code_missing status_code_unknown business_type_unknown base64_invalid "
    "archive_unsafe attachment_shape_unknown attachment_too_large too_many_attachments too_many_recipients "
    "too_deep skeleton_too_large too_many_elements encoding_unsupported message_kind_unknown"
)


@pytest.mark.parametrize("code", REQUIRED.split())
def test_every_code_the_hub_depends_on_is_an_error_of_the_catalogue(code: str) -> None:
    assert CATALOGUE[code].severity == "error"


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_both_languages_say_the_same_things(code: str) -> None:
    names = [
        {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        for text in (CATALOGUE[code].vi, CATALOGUE[code].en)
    ]
    assert names[0] == names[1] <= {"value", "detail", "limit"}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_sentence_tells_what_to_do(code: str) -> None:
    made = issue(code, "X", value="v", detail="d", limit=1)
    assert made.vi.endswith(".")
    assert made.en.endswith(".")
    assert made.vi != made.en


def test_what_a_message_says_cannot_disturb_a_terminal() -> None:
    assert shown("a\x1b[31m\u202eb\u200bc\nd") == "a[31mbc d"


def test_a_long_value_is_shortened() -> None:
    assert len(shown("x" * 10_000)) == 160


def test_braces_in_a_value_are_text() -> None:
    assert "{limit}" in issue("status_code_unknown", value="{limit}").en


def test_a_pair_fills_each_language_with_its_own_text() -> None:
    made = issue("not_xml", detail=("tiếng Việt", "English"))
    assert "tiếng Việt" in made.vi
    assert "English" in made.en


def test_a_refusal_survives_the_way_between_processes() -> None:
    first = refusal("to_missing", "MessageHeader/To")
    second = pickle.loads(pickle.dumps(first))
    assert isinstance(second, EdxmlRefused)
    assert second.issues == first.issues
    assert second.code == "to_missing"


def test_a_refusal_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        EdxmlRefused()


def test_an_issue_speaks_the_language_asked_for() -> None:
    made = issue("to_missing")
    assert made.text("vi") == made.vi
    assert made.text("en") == made.en

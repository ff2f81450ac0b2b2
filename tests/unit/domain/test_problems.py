from __future__ import annotations

import re
import string
import unicodedata

import pytest

from hub.domain.problems import PROBLEMS, HubError, Refusal, markdown_table
from hub.domain.problems_access import ACCESS_PROBLEMS
from hub.domain.problems_content import CONTENT_PROBLEMS
from hub.domain.problems_exchange import EXCHANGE_PROBLEMS
from hub.domain.problems_relay import RELAY_PROBLEMS
from hub.domain.problems_signing import SIGNING_PROBLEMS
from schemas.messages import CATALOGUE

# Codes that others depend on, with their HTTP status: a change here breaks clients.
STATUSES = {
    400: "not_xml encoding_unsupported body_cut body_empty bad_request",
    401: "unauthenticated key_expired",
    403: (
        "binding_refused channel_not_bound forbidden sender_not_allowed status_not_allowed "
        "change_not_allowed relay_sender_is_ours signing_forbidden"
    ),
    404: "document_unknown delivery_unknown not_found",
    405: "method_not_allowed",
    408: "head_too_slow body_too_slow",
    409: (
        "document_conflict idempotency_conflict lease_held lease_lost delivery_not_open delivery_ended "
        "redirect_pointless package_not_fetched relay_loop delivery_not_confirmed"
    ),
    410: "content_erased",
    413: "body_too_large message_too_large",
    415: "media_type_unsupported",
    422: (
        "doctype_forbidden namespace_wrong from_missing to_missing response_for_missing document_id_missing "
        "code_missing status_code_unknown business_type_unknown base64_invalid archive_unsafe "
        "attachment_shape_unknown attachment_too_large too_many_attachments too_many_recipients "
        "skeleton_too_large too_deep too_many_elements message_kind_unknown parts_invalid secrecy_mark "
        "digest_mismatch reason_missing status_document_unknown directory_invalid no_relay recipient_unknown "
        "recipient_locked recipient_retired recipient_has_no_system successor_loop successor_ambiguous "
        "message_kind_other recipient_not_in_message relay_unreadable signing_refused"
    ),
    429: "system_busy rate_limited",
    431: "head_too_large",
    500: "internal_error blob_missing blob_damaged",
    503: (
        "storage_unavailable database_unavailable intake_busy backlog_full hub_stopping disk_low "
        "verification_crashed verification_timed_out verification_busy signing_key_unusable "
        "signing_unfinished signing_busy"
    ),
}


def test_the_catalogue_is_exactly_the_promised_one() -> None:
    promised = {code: status for status, codes in STATUSES.items() for code in codes.split()}
    assert {code: problem.status for code, problem in PROBLEMS.items()} == promised


def test_every_refusal_of_the_format_is_a_problem_of_the_hub() -> None:
    # A file that cannot be opened is met by the command line alone.
    refusals = {code for code, message in CATALOGUE.items() if message.severity == "error"} - {
        "file_unreadable"
    }
    assert refusals <= set(PROBLEMS)


def test_no_code_stands_twice() -> None:
    groups = (CONTENT_PROBLEMS, EXCHANGE_PROBLEMS, RELAY_PROBLEMS, ACCESS_PROBLEMS, SIGNING_PROBLEMS)
    listed = [p.code for group in groups for p in group]
    assert len(listed) == len(set(listed)) == len(PROBLEMS)


def test_each_problem_says_in_two_languages_what_happened_and_what_to_do() -> None:
    for problem in PROBLEMS.values():
        texts = (problem.vi, problem.en, problem.action_vi, problem.action_en)
        assert len(set(texts)) == 4, problem.code
        for text in texts:
            assert text == unicodedata.normalize("NFC", text), problem.code
            assert text[-1] in ".…", problem.code
            assert len(text) >= 15, problem.code


def test_codes_are_words_and_vietnamese_sentences_have_their_accents() -> None:
    accents = re.compile("[àáảãạăắằẳẵặâấầẩẫậđèéẻẽẹêếềểễệìíỉĩịòóỏõọôốồổỗộơớờởỡợùúủũụưứừửữựỳýỷỹỵ]")
    assert [code for code in PROBLEMS if not re.fullmatch(r"[a-z][a-z0-9_]{2,40}", code)] == []
    assert [p.code for p in PROBLEMS.values() if not accents.search(p.vi)] == []
    assert [p.code for p in PROBLEMS.values() if not accents.search(p.action_vi)] == []


def test_both_languages_fill_in_the_same_values() -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}

    assert [p.code for p in PROBLEMS.values() if names(p.vi) != names(p.en)] == []
    filled = {
        p.code: p.text("vi") + p.text("en") + p.action("vi") + p.action("en") for p in PROBLEMS.values()
    }
    assert [code for code, text in filled.items() if "{" in text] == []


def test_what_the_server_lacks_may_be_tried_again() -> None:
    passing = {408, 429, 503}
    assert [p.code for p in PROBLEMS.values() if p.status in passing and not p.retryable] == []


def test_an_error_knows_its_problem_and_its_values() -> None:
    error = Refusal("recipient_unknown", params={"agency": "000.00.99.H09"})
    assert error.code == "recipient_unknown"
    assert error.problem.status == 422
    assert "000.00.99.H09" in error.text("vi")
    assert "000.00.99.H09" in str(error)
    assert error.retry_after is None
    assert not error.retryable
    assert isinstance(error, HubError)


def test_an_error_may_say_when_to_come_back() -> None:
    error = HubError("intake_busy", retry_after=5)
    assert error.retryable
    assert error.retry_after == 5


def test_a_value_that_was_not_given_reads_as_an_ellipsis() -> None:
    assert "…" in Refusal("recipient_unknown").text("en")


def test_a_callers_own_text_is_cut_and_never_interpreted() -> None:
    error = Refusal("recipient_unknown", params={"agency": "{limit}{0.__class__}" + "x" * 500})
    assert "{limit}{0.__class__}" in error.text("en")
    assert len(error.text("en")) < 200


def test_a_code_outside_the_catalogue_is_a_bug() -> None:
    with pytest.raises(KeyError):
        HubError("recipient_unknwon")


def test_parameters_cannot_be_changed_afterwards() -> None:
    with pytest.raises(TypeError):
        Refusal("body_too_large", params={"limit": 32}).params["limit"] = 1  # type: ignore[index]


def test_the_table_for_the_reference_lists_every_code_once() -> None:
    rows = markdown_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == sorted(PROBLEMS)

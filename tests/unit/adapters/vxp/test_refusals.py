"""Every problem of the hub has a code of the national exchange, and the text of a refusal can be read."""

from __future__ import annotations

import pytest

from adapters.vxp.refusals import _CODE_OF, TEXT_MAX, code_of, refused
from adapters.vxp.wire import ErrorCode
from hub.domain.problems import PROBLEMS, HubError
from hub.services.receive import MessageRefused
from schemas.issues import Issue

OUR_TROUBLE = frozenset(
    code
    for code, problem in PROBLEMS.items()
    if problem.status >= 500 or problem.status in {405, 415, 429, 431}
) | {"not_found", "lease_held", "directory_invalid", "redirect_pointless", "head_too_slow"}


def test_the_table_names_no_problem_that_does_not_exist() -> None:
    assert set(_CODE_OF) <= set(PROBLEMS)


def test_what_is_not_in_the_table_is_our_own_trouble_and_nothing_else() -> None:
    assert set(PROBLEMS) - set(_CODE_OF) == OUR_TROUBLE - set(_CODE_OF)


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_refusal_is_short_ascii_with_a_status_that_clients_parse(code: str) -> None:
    told = refused(HubError(code, params={"agency": "Đơn vị" * 50, "field": "x", "kind": "y"}))
    assert told.text.isascii()
    assert 0 < len(told.text) <= TEXT_MAX
    assert told.status == 200 or 400 <= told.status < 600
    assert told.status != 401


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ("recipient_unknown", ErrorCode.UNKNOWN_RECIPIENT),
        ("recipient_locked", ErrorCode.LOCKED_RECIPIENT),
        ("sender_not_allowed", ErrorCode.UNREGISTERED_SENDER),
        ("not_xml", ErrorCode.WRONG_EDXML),
        ("base64_invalid", ErrorCode.FILE_PROCESSING),
        ("digest_mismatch", ErrorCode.INVALID_FILE),
        ("binding_refused", ErrorCode.WRONG_CREDENTIALS),
        ("disk_low", ErrorCode.SYSTEM_ERROR),
    ],
)
def test_problems_have_the_codes_that_clients_know(problem: str, code: ErrorCode) -> None:
    assert code_of(HubError(problem)) is code


def test_a_format_that_is_refused_says_where() -> None:
    told = refused(
        MessageRefused(
            (
                Issue(
                    code="to_missing",
                    severity="error",
                    path="MessageHeader/To",
                    vi="Thiếu nơi nhận",
                    en="No recipient",
                ),
            )
        )
    )
    assert told.code is ErrorCode.WRONG_EDXML
    assert told.text.endswith("(MessageHeader/To)")

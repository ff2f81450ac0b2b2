from __future__ import annotations

import hashlib
import random
import unicodedata
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.ids import normalise_code
from hub.domain.submission import (
    DOCUMENT_NO_MAX,
    ChangeKind,
    DocumentKey,
    MessageKind,
    SubmissionKey,
    change_kind,
    document_key_for,
    effective_document_no,
    recipients_digest,
)

BODY = hashlib.sha256(b"body").digest()


def number(
    *,
    document_id: str | None = None,
    code_number: str | None = "125",
    code_notation: str | None = "STN1-VP",
    promulgation_date: date | None = date(2025, 10, 13),
) -> str:
    return effective_document_no(
        document_id=document_id,
        organ_id="000.00.02.h99",
        code_number=code_number,
        code_notation=code_notation,
        promulgation_date=promulgation_date,
        sha256=BODY,
    )


@given(st.lists(st.text(max_size=10), max_size=8), st.randoms(use_true_random=False))
def test_order_and_repetition_of_recipients_do_not_count(codes: list[str], chance: random.Random) -> None:
    shuffled = [*codes, *codes[:2]]
    chance.shuffle(shuffled)
    assert recipients_digest(shuffled) == recipients_digest(codes)


@given(st.lists(st.text(max_size=6), max_size=5), st.lists(st.text(max_size=6), max_size=5))
def test_different_sets_of_recipients_have_different_digests(one: list[str], other: list[str]) -> None:
    same = {normalise_code(c) for c in one} == {normalise_code(c) for c in other}
    assert (recipients_digest(one) == recipients_digest(other)) == same


def test_codes_that_only_run_together_are_told_apart() -> None:
    assert recipients_digest(["AB", "C"]) != recipients_digest(["A", "BC"])
    assert recipients_digest(["A", ""]) != recipients_digest(["A"])


def test_the_digest_of_recipients_is_stable_over_releases() -> None:
    assert (
        recipients_digest(["G12", "000.00.02.H09"])
        == hashlib.sha256(b"\0\0\0\x0d000.00.02.H09" + b"\0\0\0\x03G12").digest()
    )


def test_new_revoking_and_replacing_documents_have_a_key_each_of_their_own() -> None:
    keys = {document_key_for(t, unit_id="U", document_no="N") for t in (0, 1, 3)}
    assert keys == {
        DocumentKey(unit_id="U", document_no="N", change_kind=kind)
        for kind in (ChangeKind.NEW, ChangeKind.REVOKE, ChangeKind.REPLACE)
    }


def test_an_update_is_never_a_conflict() -> None:
    assert document_key_for(2, unit_id="U", document_no="N") is None


@pytest.mark.parametrize("doc_type", [-1, 4])
def test_an_unknown_type_has_no_kind(doc_type: int) -> None:
    with pytest.raises(ValueError, match="BussinessDocType"):
        change_kind(doc_type)


def test_a_submission_key_takes_whole_digests_only() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SubmissionKey(system_id=UUID(int=1), kind=MessageKind.DOCUMENT, sha256=b"x", recipients_sha256=BODY)


def test_a_stated_document_id_is_kept_as_it_is() -> None:
    assert number(document_id=" 000.00.02.H99,2025/10/13,125/STN1-VP\n") == (
        "000.00.02.H99,2025/10/13,125/STN1-VP"
    )


def test_a_document_id_keeps_its_case() -> None:
    assert number(document_id="Gw-1") != number(document_id="GW-1")


def test_composed_and_decomposed_ids_are_one() -> None:
    stated = "1/TTĐT-Ộ"
    assert number(document_id=unicodedata.normalize("NFD", stated)) == number(document_id=stated)


@pytest.mark.parametrize("empty", [None, "", "  ", "\u200b", "null", "N/A", "None"])
def test_without_a_document_id_the_canonical_form_is_built(empty: str | None) -> None:
    assert number(document_id=empty) == "000.00.02.H99,2025/10/13,125/STN1-VP"


def test_without_number_or_believable_date_the_body_names_the_document() -> None:
    by_body = f"sha256:{BODY.hex()}"
    assert number(code_number="") == by_body
    assert number(code_notation=None) == by_body
    assert number(promulgation_date=None) == by_body
    assert number(promulgation_date=date(1900, 1, 1)) == by_body


def test_an_endless_number_is_named_by_its_digest_and_stays_the_same() -> None:
    long_id = "X" * (DOCUMENT_NO_MAX + 1)
    assert number(document_id=long_id) == number(document_id=f" {long_id} ")
    assert number(document_id=long_id).startswith("sha256:")
    assert number(document_id=long_id + "Y") != number(document_id=long_id)


@given(st.text(max_size=400))
def test_a_number_always_fits_and_is_never_empty(document_id: str) -> None:
    assert 0 < len(number(document_id=document_id)) <= DOCUMENT_NO_MAX

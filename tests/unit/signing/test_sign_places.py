"""Where a signature stands when nobody says where."""

from __future__ import annotations

import pytest

from signing.appearance import Appearance, Place, above_name, below_authority
from signing.errors import DocumentRefused
from signing.pades import sign_pdf
from signing.report import Role
from signing.roles import Look
from signing.sign_look import LookRequest, appearance
from tests.support.papers import small_letter
from tests.unit.signing.conftest import NOW, SIGNER, Office


def _overlap(one: Place, other: Place) -> bool:
    apart = one.right <= other.left or other.right <= one.left
    return not (apart or one.top <= other.bottom or other.top <= one.bottom)


@pytest.mark.parametrize(
    "authority", ["TM. Ủy ban nhân dân", "KT. Chủ tịch", "TUQ. Chủ tịch", "TL. Chủ tịch"]
)
def test_without_the_name_the_signature_goes_below_the_line_of_authority(authority: str) -> None:
    pdf = small_letter(SIGNER, authority=authority)
    asked = appearance(pdf, LookRequest(look=Look.SIGNER), holder="Người Khác", now=NOW)
    assert asked.place == below_authority(pdf)
    assert asked.place.page == above_name(pdf, SIGNER).page
    assert _overlap(asked.place, above_name(pdf, SIGNER))


def test_the_name_in_other_capitals_is_found(office: Office) -> None:
    named = appearance(office.letter, LookRequest(look=Look.SIGNER), holder=SIGNER.upper(), now=NOW)
    assert named.place == above_name(office.letter, SIGNER)


@pytest.mark.parametrize("anchor", ["TM.", "tm", "KT."])
def test_an_authority_may_be_named_as_the_anchor(office: Office, anchor: str) -> None:
    asked = LookRequest(look=Look.SIGNER, anchor=anchor)
    assert appearance(office.letter, asked, holder=SIGNER, now=NOW).place == below_authority(office.letter)


def test_other_words_given_as_anchor_must_be_there(office: Office) -> None:
    asked = LookRequest(look=Look.SIGNER, anchor="Không có dòng này")
    with pytest.raises(DocumentRefused) as refusal:
        appearance(office.letter, asked, holder=SIGNER, now=NOW)
    assert refusal.value.code == "anchor_not_found"


@pytest.mark.parametrize("role", [Role.COPY, Role.ANNEX, Role.INCOMING])
@pytest.mark.parametrize("text", ["SAO Y; UBND", "Sao lục; UBND", "TRÍCH SAO; UBND"])
def test_a_copy_mark_on_a_signed_file_is_refused_whatever_its_role(
    office: Office, role: Role, text: str
) -> None:
    look = Appearance(role=role, place=Place(page=0, left=400, bottom=800, right=560, top=814), text=text)
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(office.signed, office.organisation, now=NOW, appearance=look)
    assert refusal.value.code == "copy_of_signed"

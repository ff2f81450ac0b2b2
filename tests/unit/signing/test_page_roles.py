"""Roles by place: fields drawn where the decree puts them, and where it does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pypdfium2
import pytest

from signing.appearance import Appearance, Place, above_name, beside_last_line, over_left_third, top_right
from signing.credentials import Credential
from signing.pades import sign_pdf
from signing.page_places import read_places
from signing.page_roles import placed
from signing.report import FileReport, Indication, Role, SignatureReport
from tests.unit.signing.conftest import NOW, SIGNER, Office

Judged = Callable[[bytes], FileReport]


def at_label(pdf: bytes, label: str, *, shift: int = 0) -> Place:
    """A small field right at the words of page 1."""
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    index, _ = text.search(label).get_next()
    left, bottom, right, _ = text.get_charbox(index + len(label) - 1)
    del left
    return Place(
        page=0,
        left=int(right) + shift,
        bottom=int(bottom),
        right=int(right) + shift + 36,
        top=int(bottom) + 13,
    )


def roles(report: FileReport) -> list[tuple[Role, str]]:
    return [(s.role, s.role_basis[-1]) for s in report.signatures]


def signed(pdf: bytes, who: Credential, role: Role, place: Place, text: str = "x") -> bytes:
    return sign_pdf(pdf, who, now=NOW, appearance=Appearance(role=role, place=place, text=text))


def test_a_whole_letter_has_the_roles_of_its_places(office: Office, judged: Judged) -> None:
    person = above_name(office.letter, SIGNER)
    pdf = signed(office.letter, office.person, Role.INITIALS, beside_last_line(office.letter, "Lưu"))
    pdf = signed(pdf, office.person, Role.SIGNER, person, SIGNER)
    pdf = signed(pdf, office.organisation, Role.NUMBER, at_label(office.letter, "Số:", shift=4), "9")
    pdf = signed(pdf, office.organisation, Role.DATE, at_label(office.letter, "ngày", shift=2), "9")
    pdf = signed(pdf, office.organisation, Role.ORGANISATION, over_left_third(person), "UBND")
    report = judged(pdf)
    assert roles(report) == [
        (Role.INITIALS, "field:beside-last-line"),
        (Role.SIGNER, "certificate:person"),
        (Role.NUMBER, "page:number-slot"),
        (Role.DATE, "page:date-slot"),
        (Role.ORGANISATION, "field:square-over-signature"),
    ]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("SAO Y; UBND phường X; 05/01/2026; 15:30:45 +07:00", Role.COPY),
        ("Số: 123/UBND-VX; 05/01/2026; 15:30:45 +07:00", Role.ANNEX),
        ("ĐẾN SỐ: 7; 05/01/2026", Role.INCOMING),
    ],
)
def test_a_line_at_the_top_right_is_what_its_words_say(
    office: Office, judged: Judged, text: str, role: Role
) -> None:
    place = top_right(office.letter, text)
    report = judged(signed(office.letter, office.organisation, Role.ANNEX, place, text))
    assert report.signatures[0].role is role


def test_a_place_changes_no_verdict_and_a_broken_file_no_role(office: Office, judged: Judged) -> None:
    report = judged(office.signed)
    assert report.indication is Indication.TOTAL_PASSED
    odd = SignatureReport(
        id="S1", page=7, rect=(0, 0, 1, 1), role=Role.SIGNER, indication=Indication.TOTAL_PASSED
    )
    for data in (office.signed, b"%PDF-1.7 nothing"):
        assert placed(partial(read_places, data), [odd]) == (odd,)

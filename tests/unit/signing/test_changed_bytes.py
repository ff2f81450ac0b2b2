"""One changed byte of what is signed: never a pass, and a failure wherever the signature is still found."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.appearance import Appearance, above_name
from signing.options import VerifyOptions
from signing.pades import sign_pdf
from signing.report import FileReport, Indication, Role
from signing.verify import verify_bytes
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml
from tests.unit.signing.conftest import NOW, SIGNER, Office

OPTIONS = VerifyOptions(no_trust=True, compare_pages=False)
LETTER = "<thư số='1' xmlns='urn:x'><đầu>Số: 123/UBND</đầu><thân lớp=\"a\">Nội dung &amp; chữ</thân></thư>"


@pytest.fixture(scope="module")
def pdf(office: Office) -> bytes:
    look = Appearance(role=Role.SIGNER, place=above_name(office.letter, SIGNER), text=SIGNER)
    return sign_pdf(office.letter, office.person, now=NOW, appearance=look)


@pytest.fixture(scope="module")
def ranges(pdf: bytes) -> tuple[range, range]:
    found = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", pdf)
    first, length, second, rest = map(int, found[-1])
    assert (first, second + rest) == (0, len(pdf))
    return range(first, length), range(second, len(pdf))


def _judged(data: bytes) -> FileReport:
    return verify_bytes(data, name="f", options=OPTIONS)


def _never_passes(report: FileReport) -> None:
    assert report.indication is not Indication.TOTAL_PASSED
    assert not any(s.intact for s in report.signatures)
    assert {s.indication for s in report.signatures} <= {Indication.TOTAL_FAILED}


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=250, deadline=None)
def test_any_byte_of_a_pdfs_byte_range(
    pdf: bytes, ranges: tuple[range, range], data: st.DataObject, flip: int
) -> None:
    place = data.draw(st.one_of(*(st.sampled_from(r) for r in ranges)))
    changed = bytearray(pdf)
    changed[place] ^= flip
    _never_passes(_judged(bytes(changed)))


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_any_byte_of_what_the_signature_itself_added(
    office: Office, pdf: bytes, ranges: tuple[range, range], data: st.DataObject, flip: int
) -> None:
    # The appended part is small: drawn from the whole file, it would hardly ever be hit.
    start = len(office.letter)
    places = [p for r in ranges for p in r if p >= start]
    changed = bytearray(pdf)
    changed[data.draw(st.sampled_from(places))] ^= flip
    _never_passes(_judged(bytes(changed)))


@pytest.fixture(scope="module")
def xml(office: Office) -> bytes:
    return sign_xml(LETTER.encode(), office.person, now=NOW)


_TOKENS = ["123/UBND", "Nội dung", "chữ", "'1'", '"a"', "thân", "đầu", "lớp", "số=", "urn:x"]


@given(token=st.sampled_from(_TOKENS), place=st.integers(0, 20), letter=st.characters(codec="utf-8"))
@settings(max_examples=250, deadline=None)
def test_any_character_of_covered_text_attributes_and_names(
    xml: bytes, token: str, place: int, letter: str
) -> None:
    text = xml.decode()
    at = text.index(token) + place % len(token)
    if text[at] == letter or (text[at] in "'\"" and letter in "'\""):
        return
    report = _judged((text[:at] + letter + text[at + 1 :]).encode("utf-8", "surrogatepass"))
    assert report.indication is not Indication.TOTAL_PASSED
    assert {s.indication for s in report.signatures} <= {Indication.TOTAL_FAILED}


@pytest.fixture(scope="module")
def enveloping(office: Office) -> bytes:
    options = XmlSignatureOptions(packaging=Packaging.ENVELOPING)
    return sign_xml(LETTER.encode(), office.person, now=NOW, options=options)


def _content(data: bytes) -> str | None:
    """What is in the data object, as an application takes it out: base64 without blanks."""
    found = etree.fromstring(data).find("{*}Object[@Encoding]")
    return None if found is None else "".join((found.text or "").split())


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=250, deadline=None)
def test_any_byte_of_an_enveloping_signature(enveloping: bytes, data: st.DataObject, flip: int) -> None:
    """Blanks inside tags and in base64 may change, and what nobody signs; what was signed may not."""
    changed = bytearray(enveloping)
    changed[data.draw(st.integers(0, len(enveloping) - 1))] ^= flip
    if _judged(bytes(changed)).indication is Indication.TOTAL_PASSED:
        assert _content(bytes(changed)) == _content(enveloping)


@given(data=st.data(), letter=st.sampled_from(string.ascii_letters + string.digits + "+/"))
@settings(max_examples=150, deadline=None)
def test_any_character_of_the_content_in_an_enveloping_signature(
    enveloping: bytes, data: st.DataObject, letter: str
) -> None:
    content = (_content(enveloping) or "").encode()
    start = enveloping.index(content[:60])
    place = data.draw(st.integers(start, start + 59))
    if enveloping[place] == ord(letter):
        return
    changed = enveloping[:place] + letter.encode() + enveloping[place + 1 :]
    _never_passes(_judged(changed))

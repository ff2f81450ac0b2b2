"""What a signature adds to a PDF/A keeps to PDF/A, as far as its structure tells."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.appearance import Appearance, Place
from signing.errors import DocumentRefused
from signing.options import VerifyOptions
from signing.pades import sign_pdf
from signing.pdf_archival import on_white, pdfa_part
from signing.pdf_writer import AppendOnlyWriter
from signing.report import Indication, Role
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, SIGNER, Office

PLACE = Place(page=0, left=100, bottom=100, right=220, top=150)


def _claiming(pdf: bytes, part: int, *, as_attribute: bool = False) -> bytes:
    writer = AppendOnlyWriter(io.BytesIO(pdf))
    said = f'pdfaid:part="{part}"/>' if as_attribute else f"><pdfaid:part>{part}</pdfaid:part></x>"
    stream = generic.StreamObject(
        {generic.pdf_name("/Type"): generic.pdf_name("/Metadata")}, stream_data=f"<x {said}".encode()
    )
    writer.root[generic.pdf_name("/Metadata")] = writer.add_object(stream)
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _picture() -> bytes:
    out = io.BytesIO()
    picture = Image.new("RGBA", (40, 20), (0, 0, 200, 0))
    picture.putpixel((5, 5), (0, 0, 200, 128))
    picture.save(out, "PNG")
    return out.getvalue()


def _added(before: bytes, after: bytes) -> Iterator[generic.DictionaryObject]:
    """The objects of the last revision, dictionaries and streams."""
    old, new = PdfFileReader(io.BytesIO(before)), PdfFileReader(io.BytesIO(after))
    first = old.xrefs.total_revisions
    for revision in range(first, new.xrefs.total_revisions):
        for reference in new.xrefs.explicit_refs_in_revision(revision):
            found = generic.Reference(reference.idnum, reference.generation, new).get_object()
            if isinstance(found, generic.DictionaryObject):
                yield found


def _sign(office: Office, pdf: bytes, appearance: Appearance) -> bytes:
    made = sign_pdf(pdf, office.person, now=NOW, appearance=appearance)
    report = verify_bytes(made, name="f", options=VerifyOptions(no_trust=True))
    assert report.indication is Indication.TOTAL_PASSED
    return made


@pytest.mark.parametrize(("part", "attribute"), [(1, False), (1, True), (2, False), (3, True)])
def test_the_part_that_a_file_claims_is_read(office: Office, part: int, attribute: bool) -> None:
    pdf = _claiming(office.letter, part, as_attribute=attribute)
    assert pdfa_part(PdfFileReader(io.BytesIO(pdf))) == part
    assert pdfa_part(PdfFileReader(io.BytesIO(office.letter))) is None


@pytest.mark.parametrize("look", [Role.SIGNER, Role.ORGANISATION, Role.NUMBER])
def test_every_font_that_is_added_is_embedded(office: Office, look: Role) -> None:
    pdf = _claiming(office.letter, 1)
    made = _sign(office, pdf, Appearance(role=look, place=PLACE, text=SIGNER))
    descriptors = [d for d in _added(pdf, made) if d.get("/Type") == "/FontDescriptor"]
    assert descriptors
    assert all("/FontFile2" in d or "/FontFile3" in d for d in descriptors)


@pytest.mark.parametrize(("part", "transparent"), [(1, False), (2, True)])
def test_only_pdfa_1_gets_pictures_without_transparency(office: Office, part: int, transparent: bool) -> None:
    pdf = _claiming(office.letter, part)
    made = _sign(office, pdf, Appearance(role=Role.SIGNER, place=PLACE, picture=_picture()))
    added = list(_added(pdf, made))
    assert any("/SMask" in d and d["/SMask"] != "/None" for d in added) is transparent


@pytest.mark.parametrize("picture", [True, False], ids=["picture", "drawn"])
def test_nothing_that_is_added_to_a_pdfa_1_is_see_through(office: Office, picture: bool) -> None:
    pdf = _claiming(office.letter, 1)
    look = Appearance(role=Role.SIGNER, place=PLACE, text=SIGNER, picture=_picture() if picture else None)
    for added in _added(pdf, _sign(office, pdf, look)):
        assert added.get("/S") != "/Transparency"
        assert "/Transparency" not in str(added.get("/Group", ""))
        assert float(added.get("/CA", 1)) == float(added.get("/ca", 1)) == 1.0


def test_a_widget_that_is_added_is_printed_and_not_hidden(office: Office) -> None:
    pdf = _claiming(office.letter, 1)
    made = _sign(office, pdf, Appearance(role=Role.SIGNER, place=PLACE, text=SIGNER))
    (widget,) = [d for d in _added(pdf, made) if d.get("/Subtype") == "/Widget"]
    flags = int(widget["/F"])
    assert (flags & 4, flags & (1 | 2 | 32)) == (4, 0)


def test_metadata_and_identifier_stay_as_they_are(office: Office) -> None:
    pdf = _claiming(office.letter, 1)
    made = _sign(office, pdf, Appearance(role=Role.SIGNER, place=PLACE, text=SIGNER))
    old, new = PdfFileReader(io.BytesIO(pdf)), PdfFileReader(io.BytesIO(made))
    assert new.root["/Metadata"].data == old.root["/Metadata"].data
    assert [bytes(p.original_bytes) for p in new.trailer["/ID"]] == [
        bytes(p.original_bytes) for p in old.trailer["/ID"]
    ]


@pytest.mark.parametrize("junk", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(junk: bytes) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        on_white(junk)
    assert refusal.value.code == "picture_unreadable"

"""Changes to a signed letter that must not pass, and the odd forms that must."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from reportlab.lib.utils import ImageReader

from signing.appearance import Appearance, Place
from signing.pades import SignatureOptions, sign_pdf
from signing.report import Changes, FileReport, Indication, Role
from tests.unit.signing.conftest import NOW, Office

Judged = Callable[[bytes], FileReport]


def _updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _page(writer: IncrementalPdfFileWriter) -> Any:
    return writer.root["/Pages"]["/Kids"][0].get_object()


def _stream(writer: IncrementalPdfFileWriter, content: bytes) -> Any:
    return writer.add_object(generic.StreamObject(stream_data=content))


def _overlay(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    old = page.raw_get("/Contents")
    page[pdf_name("/Contents")] = generic.ArrayObject(
        [old, _stream(writer, b"q 1 1 1 rg 100 300 300 200 re f Q")]
    )
    writer.update_container(page)


def _annotation(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    look = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 300, 200)),
        },
        stream_data=b"1 1 1 rg 0 0 300 200 re f",
    )
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Stamp"),
            pdf_name("/F"): generic.NumberObject(4),
            pdf_name("/Rect"): generic.ArrayObject(generic.NumberObject(n) for n in (100, 300, 400, 500)),
            pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)}),
        }
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def _new_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"].append(pages.raw_get("/Kids")[0])
    pages[pdf_name("/Count")] = generic.NumberObject(2)
    writer.update_container(pages)


def _open_action(writer: IncrementalPdfFileWriter) -> None:
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.TextStringObject("app.alert(1)")}
    )
    writer.update_root()


@pytest.mark.parametrize("attack", [_overlay, _annotation, _new_page, _open_action])
def test_an_update_that_changes_the_document_is_not_a_pass(
    office: Office, judged: Judged, attack: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    report = judged(_updated(office.signed, attack))
    assert report.indication is not Indication.TOTAL_PASSED
    assert {s.changes for s in report.signatures} <= {Changes.SUSPICIOUS, Changes.FORBIDDEN}
    assert all(s.intact for s in report.signatures)


def test_an_opaque_signature_over_text_is_suspicious(
    office: Office, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever does this has no second engine that looks before the file is handed out.
    monkeypatch.setattr("signing.pades.look_again", lambda *_, **__: None)
    white = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(white, "PNG")
    assert ImageReader(io.BytesIO(white.getvalue())).getSize() == (300, 200)
    cover = Place(page=0, left=90, bottom=500, right=520, top=700)
    over = Appearance(role=Role.SIGNER, place=cover, picture=white.getvalue())
    report = judged(sign_pdf(office.signed, office.organisation, now=NOW, appearance=over))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "APPEARANCE_COVERS_TEXT" in {f.code for s in report.signatures for f in s.findings}


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_stamp_on_a_rotated_page_is_no_change(office: Office, judged: Judged, rotation: int) -> None:
    def turn(writer: IncrementalPdfFileWriter) -> None:
        page = _page(writer)
        page[pdf_name("/Rotate")] = generic.NumberObject(rotation)
        writer.update_container(page)

    pdf = sign_pdf(_updated(office.letter, turn), office.person, now=NOW)
    place = Place(page=0, left=60, bottom=500, right=160, top=600)
    stamp = Appearance(role=Role.ORGANISATION, place=place, text="UBND phường Thới Hòa")
    report = judged(sign_pdf(pdf, office.organisation, now=NOW, appearance=stamp))
    assert report.indication is Indication.TOTAL_PASSED


def _freeing(pdf: bytes, number: int, generation: int = 65534) -> bytes:
    """An update that only marks an object number as free, as iText's append mode does with unused ones."""
    reader = PdfFileReader(io.BytesIO(pdf))
    root, size = reader.trailer.raw_get("/Root").idnum, int(reader.trailer["/Size"])
    previous = pdf.rindex(b"startxref") + len(b"startxref")
    start = int(pdf[previous : pdf.index(b"%%EOF", previous)])
    table = f"xref\n{number} 1\n0000000000 {generation:05d} f \ntrailer\n"
    trailer = f"<< /Size {max(size, number + 1)} /Root {root} 0 R /Prev {start} >>\n"
    return pdf + f"{table}{trailer}startxref\n{len(pdf)}\n%%EOF\n".encode()


def test_a_freed_number_that_nothing_uses_is_no_change(office: Office, judged: Judged) -> None:
    report = judged(_freeing(office.signed, 990))
    assert report.indication is Indication.TOTAL_PASSED
    assert "FREED_OBJECTS_UNUSED" in {f.code for s in report.signatures for f in s.findings}


@pytest.mark.parametrize("generation", [0, 1, 65534, 65535])
def test_freeing_what_a_page_shows_is_not_a_pass(office: Office, judged: Judged, generation: int) -> None:
    page = PdfFileReader(io.BytesIO(office.signed)).root["/Pages"]["/Kids"][0].get_object()
    report = judged(_freeing(office.signed, page.raw_get("/Contents").idnum, generation))
    assert report.indication is not Indication.TOTAL_PASSED


def test_metadata_and_document_information_may_change(office: Office, judged: Judged) -> None:
    def change(writer: IncrementalPdfFileWriter) -> None:
        information = writer.trailer["/Info"]
        information[pdf_name("/Producer")] = generic.TextStringObject("another tool")
        writer.update_container(information)

    report = judged(_updated(office.signed, change))
    assert report.indication is Indication.TOTAL_PASSED


def test_a_broken_signature_leaves_its_neighbours_alone(office: Office, judged: Judged) -> None:
    first = judged(office.signed).signatures[0]
    hole = office.signed.index(b"/Contents <") + len(b"/Contents <")
    broken = bytearray(office.signed)
    # The value's last digits belong to its RSA number.
    place = hole + len(office.signed[hole : office.signed.index(b">", hole)].rstrip(b"0")) - 40
    broken[place] = ord("1") if broken[place] == ord("0") else ord("0")
    revision = bytes(broken[: int(first.scope[0].split("-")[1])])
    second = sign_pdf(revision, office.organisation, now=NOW, options=SignatureOptions(force=True))
    verdicts = [s.indication for s in judged(second).signatures]
    assert verdicts[0] is not Indication.TOTAL_PASSED
    assert verdicts[1] is Indication.TOTAL_PASSED


def test_an_empty_value_is_a_verdict_of_its_own(office: Office, judged: Judged) -> None:
    hole = office.signed.rindex(b"/Contents <") + len(b"/Contents <")
    end = office.signed.index(b">", hole)
    report = judged(office.signed[:hole] + b"0" * (end - hole) + office.signed[end:])
    assert report.signatures[-1].indication is Indication.TOTAL_FAILED
    assert report.signatures[-1].findings[0].code == "CONTENTS_EMPTY"
    assert report.signatures[0].intact


def test_damaged_files_never_raise(office: Office, judged: Judged) -> None:
    generator = random.Random(11)
    for _ in range(60):
        broken = bytearray(office.signed)
        for _ in range(generator.choice((1, 5, 40))):
            broken[generator.randrange(len(broken))] = generator.randrange(256)
        cut = generator.choice((len(broken), generator.randrange(len(broken))))
        report = judged(bytes(broken[:cut]))
        codes = {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}
        assert "INTERNAL_ERROR" not in codes

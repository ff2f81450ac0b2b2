"""Updates that leave the look of the pages alone, or that hide from one reader what another shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from reportlab.pdfgen.canvas import Canvas

from signing.options import VerifyOptions
from signing.pades import _KeySigner as KeySigner
from signing.pades import sign_pdf
from signing.report import Changes, FileReport, Indication
from signing.verify import verify_bytes
from tests.support.raw_pdf import appended, packed, repacked
from tests.unit.signing.conftest import NOW, Office

Change = Callable[[IncrementalPdfFileWriter], None]


def _judged(data: bytes) -> FileReport:
    return verify_bytes(data, name="f", options=VerifyOptions(no_trust=True))


def _reasons(report: FileReport) -> str:
    return "; ".join(f.en for s in report.signatures for f in s.findings)


def _updated(pdf: bytes, change: Change) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def form(office: Office) -> bytes:
    """A page with a text field that shows `100`, signed."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(400, 300), invariant=1)
    canvas.drawString(20, 250, "Tong so tien")
    canvas.acroForm.textfield(name="amount", value="100", x=150, y=240, width=100, height=20)
    canvas.save()
    return sign_pdf(out.getvalue(), office.person, now=NOW)


def _amount(writer: IncrementalPdfFileWriter) -> Any:
    return next(
        f.get_object() for f in writer.root["/AcroForm"]["/Fields"] if f.get_object()["/T"] == "amount"
    )


def test_objects_in_a_stream_that_is_written_again_have_changed(office: Office) -> None:
    letter = packed(office.letter)
    signed = sign_pdf(letter.data, office.person, now=NOW)
    assert _judged(signed).indication is Indication.TOTAL_PASSED
    # The author shows in no page, so the rendered pages are the same.
    body = letter.body.replace(b"/PageMode /UseNone", b"/PageMode /UseOC  ")
    assert body != letter.body
    report = _judged(repacked(signed, letter, body))
    assert report.indication is not Indication.TOTAL_PASSED
    assert report.signatures[0].changes is Changes.SUSPICIOUS
    assert report.signatures[0].intact


@pytest.mark.parametrize("generation", [1, 5])
def test_an_object_under_another_generation_is_a_change(office: Office, generation: int) -> None:
    signed = sign_pdf(office.letter, office.person, now=NOW)
    reader = PdfFileReader(io.BytesIO(signed))
    page = reader.root["/Pages"]["/Kids"][0].get_object()
    fonts = page["/Resources"].raw_get("/Font")
    same = io.BytesIO()
    fonts.get_object().write_to_stream(same, None)
    report = _judged(appended(signed, {(fonts.idnum, generation): same.getvalue()}))
    assert report.indication is not Indication.TOTAL_PASSED


def test_what_a_signature_forbids_holds_also_if_its_field_is_out_of_reach(
    office: Office, form: bytes
) -> None:
    meta = signers.PdfSignatureMetadata(
        field_name="Leader", md_algorithm="sha256", certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES
    )
    unsigned = IncrementalPdfFileWriter(io.BytesIO(form[: form.index(b"%%EOF") + 6]))
    locked = signers.sign_pdf(unsigned, meta, signer=KeySigner(office.person)).getvalue()

    def bury(update: IncrementalPdfFileWriter) -> None:
        empty = {pdf_name("/FT"): pdf_name("/Sig"), pdf_name("/Type"): pdf_name("/Annot")}
        listed = update.root["/AcroForm"]["/Fields"]
        for number in range(5_001):
            name = {pdf_name("/T"): generic.TextStringObject(f"x{number}")}
            listed.insert(0, update.add_object(generic.DictionaryObject({**empty, **name})))
        update.update_container(listed)
        field = _amount(update)
        field[pdf_name("/DA")] = generic.TextStringObject("/Helv 1 Tf 0 g")
        update.update_container(field)

    report = _judged(_updated(locked, bury))
    assert report.indication is not Indication.TOTAL_PASSED
    assert len(report.signatures) == 1


def test_a_value_that_the_field_does_not_show_is_not_a_pass(form: bytes) -> None:
    def change(writer: IncrementalPdfFileWriter) -> None:
        field = _amount(writer)
        field[pdf_name("/V")] = generic.TextStringObject("900")
        writer.update_container(field)

    report = _judged(_updated(form, change))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "another value" in _reasons(report)


def _new_field(extra: dict[Any, Any]) -> Change:
    def change(writer: IncrementalPdfFileWriter) -> None:
        fields.append_signature_field(writer, fields.SigFieldSpec("Stamp", box=(20, 20, 120, 80), on_page=0))
        field = writer.root["/AcroForm"]["/Fields"][-1]
        field.update(extra)
        writer.update_container(field)

    return change


def test_a_new_empty_field_is_permitted(form: bytes) -> None:
    assert _judged(_updated(form, _new_field({}))).indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize("key", ["/A", "/AA"])
def test_a_new_field_with_an_action_is_not_a_pass(form: bytes, key: str) -> None:
    script = {
        pdf_name("/S"): pdf_name("/JavaScript"),
        pdf_name("/JS"): generic.TextStringObject("app.alert(1)"),
    }
    action = generic.DictionaryObject(script)
    value = action if key == "/A" else generic.DictionaryObject({pdf_name("/PO"): action})
    report = _judged(_updated(form, _new_field({pdf_name(key): value})))
    assert report.indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize("flags", [36, 260])
def test_a_new_field_that_shows_in_print_only_is_not_a_pass(form: bytes, flags: int) -> None:
    report = _judged(_updated(form, _new_field({pdf_name("/F"): generic.NumberObject(flags)})))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "print only" in _reasons(report)


@pytest.mark.parametrize(
    "gone",
    [("/Contents",), ("/ByteRange",), ("/Contents", "/ByteRange"), ("/Contents", "/ByteRange", "/SubFilter")],
)
def test_a_signature_stripped_of_its_parts_is_listed(form: bytes, gone: tuple[str, ...]) -> None:
    def strip(writer: IncrementalPdfFileWriter) -> None:
        value = writer.root["/AcroForm"]["/Fields"][-1]["/V"]
        for key in gone:
            del value[pdf_name(key)]
        writer.update_container(value)

    report = _judged(_updated(form, strip))
    assert report.indication is Indication.TOTAL_FAILED
    assert "Signature1" in {s.field for s in report.signatures}


def test_annotations_in_another_order_are_looked_at(form: bytes) -> None:
    def turn(writer: IncrementalPdfFileWriter) -> None:
        page = writer.root["/Pages"]["/Kids"][0].get_object()
        listed = page["/Annots"]
        page[pdf_name("/Annots")] = generic.ArrayObject(
            listed.raw_get(n) for n in reversed(range(len(listed)))
        )
        writer.update_container(page)

    unseen = VerifyOptions(no_trust=True, render_seconds=-1)
    report = verify_bytes(_updated(form, turn), name="f", options=unseen)
    assert report.indication is Indication.INDETERMINATE


@pytest.mark.parametrize(
    "middle",
    [
        b"",
        b"%d 0 obj\n<< /Length 4 >>\nstream\nq Q \nendstream\nendobj\n",
        b"trailer\n<< /Size 90 /Root 9 0 R >>\n",
    ],
)
def test_an_update_without_cross_references_is_not_a_pass(office: Office, middle: bytes) -> None:
    """Incremental saving attack: the old pointer once more, behind objects that some readers find."""
    signed = sign_pdf(office.letter, office.person, now=NOW)
    page = PdfFileReader(io.BytesIO(signed)).root["/Pages"]["/Kids"][0].get_object()
    objects = middle % page.raw_get("/Contents").idnum if b"%d" in middle else middle
    for data in (signed, sign_pdf(signed, office.organisation, now=NOW)):
        report = _judged(data + objects + data[data.rindex(b"startxref") :])
        assert report.indication is not Indication.TOTAL_PASSED
        assert all(s.intact for s in report.signatures)


def test_a_second_field_that_borrows_a_signature_is_not_a_pass(form: bytes) -> None:
    def borrow(writer: IncrementalPdfFileWriter) -> None:
        listed = writer.root["/AcroForm"]["/Fields"]
        entries = {pdf_name("/FT"): pdf_name("/Sig"), pdf_name("/T"): generic.TextStringObject("Other")}
        entries[pdf_name("/V")] = listed[-1].raw_get("/V")
        listed.append(writer.add_object(generic.DictionaryObject(entries)))
        writer.update_container(listed)

    report = _judged(_updated(form, borrow))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "was there before" in _reasons(report)

"""The published families of attacks on signed PDFs, byte by byte, and their variants.

Universal signature forgery: a signature that cannot be computed. Signature wrapping: the hole or the signed
bytes moved. Incremental saving: updates with faulty or without cross-references. Hidden or borrowed objects:
cross-references that readers read differently.
"""

from __future__ import annotations

import re

import pytest

from signing.report import FileReport, Indication
from tests.support.raw_form import CATALOG, OBJECTS, PAGE, PAGES, TEXT, body_of, raw_form, stream, text
from tests.support.raw_pdf import appended
from tests.unit.signing.conftest import judged_form

SIGNATURE = 28
"""The number that the signature's dictionary gets."""
OTHER = stream(b"", text(b"Pay 900 dollars", 20, 250))
OTHER_OBJECT = b"\n%d 0 obj\n%b\nendobj\n" % (TEXT, OTHER)


def _refused(data: bytes) -> FileReport:
    report = judged_form(data)
    assert report.indication in {Indication.INDETERMINATE, Indication.TOTAL_FAILED}
    codes = {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}
    assert "INTERNAL_ERROR" not in codes
    return report


def _range(pdf: bytes) -> re.Match[bytes]:
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", pdf)
    assert found is not None
    return found


def _hole(pdf: bytes) -> tuple[int, int]:
    """Where the value's digits begin and end."""
    start = int(_range(pdf)[2]) + 1
    return start, pdf.index(b">", start)


@pytest.mark.parametrize(
    "entry",
    [
        b"/XyteRange []",
        b"/ByteRange null",
        b"/ByteRange []",
        b"/ByteRange [0 0 0 0]",
        b"/ByteRange [-1 5 10 -5]",
        b"/ByteRange [0 99999999999 9 9]",
        b"/ByteRange [(0) (1)]",
        b"/ByteRange [0 400]",
        b"/ByteRange [0 5 6 7 8 9]",
        b"/ByteRange [0 9 5 9]",
        b"/ByteRange 4 0 R",
    ],
)
def test_a_byte_range_that_is_none(signed_form: bytes, entry: bytes) -> None:
    found = _range(signed_form)
    report = _refused(signed_form.replace(found[0], entry.ljust(len(found[0])), 1))
    assert report.indication is Indication.TOTAL_FAILED
    # And the same in an update, beside a signed revision that is whole.
    body = signed_form[
        signed_form.rindex(b"obj", 0, found.start()) + 3 : signed_form.index(b"endobj", found.end())
    ]
    for more in ({}, {(TEXT, 0): OTHER}):
        _refused(appended(signed_form, {(SIGNATURE, 0): body.replace(found[0], entry), **more}))


@pytest.mark.parametrize("value", [b"<>", b"null", b"()", b"<00>", b"<30820>", b"<zz>", b"4 0 R"])
def test_a_value_that_is_none(signed_form: bytes, value: bytes) -> None:
    start, end = _hole(signed_form)
    report = _refused(signed_form[: start - 1] + value.ljust(end + 2 - start) + signed_form[end + 1 :])
    assert report.indication is Indication.TOTAL_FAILED


@pytest.mark.parametrize(
    "more",
    [
        b"/ByteRange [0 %d %d %d]",
        b"/SubFilter /adbe.x509.rsa_sha1 /Cert <30> /N [%d %d %d]",
        b"/V [%d %d %d]",
    ],
)
def test_entries_written_into_the_hole(signed_form: bytes, more: bytes) -> None:
    start, end = _hole(signed_form)
    digits = signed_form[start:end].rstrip(b"0") + b"00"
    digits += b"0" * (len(digits) % 2)
    entry = b"> %b /Other <" % (more % tuple(int(_range(signed_form)[n]) for n in (2, 3, 4)))
    _refused(signed_form[:start] + digits + entry.ljust(end - start - len(digits), b"0") + signed_form[end:])


@pytest.mark.parametrize("is_told", [False, True])
def test_something_put_in_between_the_signed_bytes(signed_form: bytes, is_told: bool) -> None:
    found, (_, end) = _range(signed_form), _hole(signed_form)
    moved = b"/ByteRange [0 %b %d %b]" % (found[2], int(found[3]) + len(OTHER_OBJECT), found[4])
    told = signed_form.replace(found[0], moved, 1) if is_told else signed_form
    _refused(told[: end + 1] + OTHER_OBJECT + told[end + 1 :])


def _pointer(pdf: bytes) -> int:
    return int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0])


def _with_table(pdf: bytes, objects: bytes, lines: bytes, trailer: bytes = b"") -> bytes:
    """An update with these lines for its table; `%d` in them is where its objects begin."""
    places = lines.count(b"%010d")
    table = b"xref\n%btrailer\n<</Size 200/Root 1 0 R/Prev %d%b>>\n" % (
        lines % ((len(pdf) + 1,) * places),
        _pointer(pdf),
        trailer,
    )
    return pdf + objects + table + b"startxref\n%d\n%%%%EOF\n" % (len(pdf) + len(objects))


@pytest.mark.parametrize(
    "lines",
    [
        b"4 1\n%010d 00000 n \n",
        b"4 1\n%010d 00001 n \n",
        b"4 1\n0000000000 00001 f \n",
        b"4 1\n0000000000 00001 f \n4 1\n%010d 00000 n \n",
        b"4 1\n%010d 00000 n \n4 1\n0000000000 00001 f \n",
        b"4 1\n0000000099 00000 n \n",
        b"1 1\n%010d 00000 n \n",
    ],
)
def test_cross_references_to_another_text(signed_form: bytes, lines: bytes) -> None:
    _refused(_with_table(signed_form, OTHER_OBJECT, lines))


@pytest.mark.parametrize("is_first", [False, True])
def test_a_number_listed_at_two_places(signed_form: bytes, is_first: bool) -> None:
    """Some readers take the first line, some the last."""
    true = b"%010d 00000 n \n" % (signed_form.index(b"\n4 0 obj") + 1)
    both = [b"4 1\n%010d 00000 n \n", b"4 1\n" + true]
    report = _refused(_with_table(signed_form, OTHER_OBJECT, b"".join(both if is_first else both[::-1])))
    assert "several places" in report.signatures[0].findings[0].en


@pytest.mark.parametrize("size", [b"0", b"5", b"17"])
def test_objects_that_the_update_says_are_not_there(signed_form: bytes, size: bytes) -> None:
    """Readers that keep to /Size show a page without them."""
    update = _with_table(signed_form, b"", b"0 0\n").replace(b"/Size 200", b"/Size " + size)
    report = _refused(update)
    assert "said not to be there" in report.signatures[0].findings[0].en


@pytest.mark.parametrize(
    "page",
    [
        b"/Contents 17 0 R/Contents 4 0 R",
        b"/Contents 4 0 R/Contents 17 0 R",
        b"/Contents 17 0 R/#43ontents 4 0 R",
        b"/Contents 17 0 R/LastModified(\\()/Tabs/S/Tabs/R",
        b"/Contents 17 0 R/PieceInfo<</x<</y 1/y 2>>>>",
    ],
)
def test_an_entry_that_stands_twice(signed_form: bytes, page: bytes) -> None:
    """Some readers take the first, some the last."""
    _refused(appended(signed_form, {(16, 0): b"<</Type/Page/Parent 2 0 R%b>>" % page}))


@pytest.mark.parametrize(
    "more", [b"/Root 1 0 R/Root 100 0 R", b"/Root 100 0 R/Root 1 0 R", b"/Root 1 0 R/#52oot 1 0 R"]
)
def test_a_trailer_with_an_entry_twice(signed_form: bytes, more: bytes) -> None:
    catalog = body_of(signed_form, CATALOG).rstrip()[:-2] + b"/OpenAction<</S/JavaScript/JS(x)>> >>"
    update = appended(signed_form, {(100, 0): catalog})
    start = update.rindex(b"/Root 1 0 R")
    _refused(update[:start] + more + update[start + len(b"/Root 1 0 R") :])


def _reference_stream(number: int, places: dict[int, int], trailer: bytes) -> bytes:
    index = b" ".join(b"%d 1" % n for n in places)
    rows = b"".join(b"\1" + place.to_bytes(4, "big") + b"\0\0" for place in places.values())
    entries = b"/Type/XRef/Size 200/W[1 4 2]/Root 1 0 R/Index[%b]%b" % (index, trailer)
    return b"%d 0 obj\n%b\nendobj\n" % (number, stream(entries, rows))


def test_a_hidden_section_beside_the_table(signed_form: bytes) -> None:
    """Hybrid files: what the stream lists is seen by readers that know streams [ISO 32000-2 §7.5.8.4]."""
    place = len(signed_form) + len(OTHER_OBJECT)
    beside = _reference_stream(150, {TEXT: len(signed_form) + 1, 150: place}, b"")
    for lines in (b"0 0\n", b"4 1\n%010d 00000 n \n" % (signed_form.index(b"\n4 0 obj") + 1)):
        _refused(_with_table(signed_form, OTHER_OBJECT + beside, lines, b"/XRefStm %d" % place))


def test_an_update_behind_a_reference_stream(signed_form: bytes) -> None:
    place = len(signed_form) + len(OTHER_OBJECT)
    section = _reference_stream(
        150, {TEXT: len(signed_form) + 1, 150: place}, b"/Prev %d" % _pointer(signed_form)
    )
    _refused(signed_form + OTHER_OBJECT + section + b"startxref\n%d\n%%%%EOF\n" % place)


@pytest.mark.parametrize(
    "tail",
    [
        OTHER_OBJECT,
        OTHER_OBJECT + b"%%EOF\n",
        OTHER_OBJECT + b"trailer\n<</Size 30/Root 1 0 R>>\n%%EOF\n",
        OTHER_OBJECT + b"trailer\n<</Size 30/Root 1 0 R>>\nstartxref\n0\n%%EOF\n",
        b"%%EOF\n%%EOF\n",
        b"% a comment\n",
        b"%x\n%%EOF",
        b"junk",
        b"\0" * 40 + b"junk",
    ],
)
def test_bytes_after_the_end_that_are_no_update(signed_form: bytes, tail: bytes) -> None:
    _refused(signed_form + tail)


@pytest.mark.parametrize("head", [b"% a comment\n", b"%PDF-1.4\n", b" ", raw_form()])
def test_bytes_before_the_beginning(signed_form: bytes, head: bytes) -> None:
    assert _refused(head + signed_form).indication is Indication.TOTAL_FAILED


def test_another_document_after_the_end(signed_form: bytes) -> None:
    _refused(signed_form + raw_form())


def _other_tree() -> dict[tuple[int, int], bytes]:
    return {
        (100, 0): OBJECTS[CATALOG].replace(b"/Pages 2 0 R", b"/Pages 101 0 R"),
        (101, 0): OBJECTS[PAGES].replace(b"3 0 R", b"102 0 R"),
        (102, 0): OBJECTS[PAGE].replace(b"4 0 R 17", b"103 0 R 17"),
        (103, 0): OTHER,
    }


def test_another_catalog_under_an_update(signed_form: bytes) -> None:
    update = appended(signed_form, _other_tree())
    start = update.rindex(b"/Root 1 0 R")
    assert judged_form(update).indication is Indication.TOTAL_PASSED  # written, and shown by nothing
    _refused(update[:start] + b"/Root 100 0 R" + update[start + len(b"/Root 1 0 R") :])


def test_a_newest_section_that_knows_no_earlier_one(signed_form: bytes) -> None:
    update = appended(signed_form, _other_tree())
    start = update.rindex(b"/Prev")
    end = update.index(b">>", start)
    _refused(update[:start] + b" " * (end - start) + update[end:])
    _refused(update[:start] + b"/Prev %d " % update.rindex(b"xref\n100") + update[end:])


def test_a_copied_signature_over_a_changed_text(signed_form: bytes) -> None:
    start = signed_form.rindex(b"%d 0 obj" % SIGNATURE)
    body = signed_form[signed_form.index(b"obj", start) + 3 : signed_form.index(b"endobj", start)]
    _refused(appended(signed_form, {(TEXT, 0): OTHER, (SIGNATURE, 0): body}))

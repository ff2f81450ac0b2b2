"""Updates that swap one object of a signed file: what is shown, said, drawn again or attached must stay.

Each is green as signed; the lists are what was tried on this and other verifiers, and what honest programs
write (iText's append mode above all).
"""

from __future__ import annotations

import pytest

from signing.report import Changes, Indication
from tests.support.raw_form import (
    AMOUNT,
    ATTACHED,
    CATALOG,
    DRAWING,
    FILE,
    FONT,
    FORM,
    HIDDEN_LAYER,
    IMAGE,
    LAYER,
    LINK,
    LOOK,
    METADATA,
    NEW,
    NOTE,
    OBJECTS,
    OUTLINE,
    PAGE,
    PAGES,
    PARENT,
    SECOND_PAGE,
    SECOND_TEXT,
    STATE,
    TEXT,
    TICK,
    UNICODE,
    stream,
    swapped,
    text,
    written,
)
from tests.unit.signing.conftest import judged_form

SCRIPT = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"
COURIER = b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"
WHITE = stream(b"/Type/XObject/Subtype/Form/BBox[0 0 100 30]", b"1 g 0 0 100 30 re f")
FIELD = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(n)/F 132/P 3 0 R/Rect[20 240 120 270]%b>>"
SIGNATURE = 27
"""The number that the signature's field gets."""


def _refused(data: bytes) -> None:
    report = judged_form(data)
    assert report.indication is not Indication.TOTAL_PASSED
    assert report.signatures[0].intact
    assert report.signatures[0].changes in {Changes.SUSPICIOUS, Changes.FORBIDDEN}
    assert "INTERNAL_ERROR" not in {f.code for s in report.signatures for f in s.findings}


@pytest.mark.parametrize(
    ("number", "content"),
    [
        (TEXT, text(b"Pay 900 dollars", 20, 250)),
        (IMAGE, b"\xff\0\0\xff"),
        (DRAWING, text(b"drawn 6", 20, 200)),
        (UNICODE, b"begincmap 1 beginbfchar <31> <0039> endbfchar endcmap"),
        (LOOK, text(b"900", 2, 5)),
        (SECOND_TEXT, text(b"second strean", 20, 50)),
        (FILE, b"attached 900"),
    ],
)
def test_a_stream_with_other_content(signed_form: bytes, number: int, content: bytes) -> None:
    _refused(written(signed_form, number, content))


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (PAGES, b"0 0 400 300", b"0 0 400 290"),
        (PAGES, b"3 0 R 16 0 R", b"16 0 R 3 0 R"),
        (PAGES, b"/F1 5 0 R", b"/F1 8 0 R"),
        (PAGE, b"4 0 R 17 0 R", b"17 0 R 4 0 R"),
        (PAGE, b"4 0 R 17 0 R", b"17 0 R"),
        (FONT, b"Helvetica", b"Courier"),
        (FONT, b"WinAnsiEncoding", b"MacRomanEncoding"),
        (FONT, b"/ToUnicode 8 0 R", b""),
        (LINK, b"a.vn", b"b.vn"),
        (LINK, b"100 265", b"399 265"),
        (LAYER, b"(A)", b"(C)"),
        (HIDDEN_LAYER, b"(B)", b"(B)/Usage<</View<</ViewState/ON>>>>"),
        (CATALOG, b"/OFF", b"/XX"),
        (ATTACHED, b"21 0 R", b"8 0 R"),
        (ATTACHED, b"/UF(a.txt)", b"/UF(b.exe)"),
        (NOTE, b"note 1", b"note 9"),
        (NOTE, b"/F 4", b"/F 2"),
        (STATE, b"/ca 1", b"/ca 0"),
        (OUTLINE, b"/Count 0", b"/Count 1"),
        (CATALOG, b"/Metadata", b"/OpenAction%b/Metadata" % SCRIPT),
        (CATALOG, b"/Metadata", b"/AA<</WC%b>>/Metadata" % SCRIPT),
        (CATALOG, b"/Metadata", b"/Requirements[]/Metadata"),
        (CATALOG, b"/Metadata", b"/Collection<</View/D>>/Metadata"),
    ],
)
def test_an_object_that_shows_leads_or_acts_otherwise(
    signed_form: bytes, number: int, old: bytes, new: bytes
) -> None:
    _refused(swapped(signed_form, number, old, new))


@pytest.mark.parametrize(
    "entry",
    [
        b"/Rotate 90",
        b"/CropBox[0 0 100 100]",
        b"/MediaBox[0 0 399 300]",
        b"/UserUnit 2",
        b"/AA<</O%b>>" % SCRIPT,
        b"/Resources<</Font<</F1 5 0 R>>>>",
        b"/Annots[19 0 R]",
        b"/AF[14 0 R]",
        b"/Trans<</S/Wipe>>",
    ],
)
def test_a_page_with_another_entry(signed_form: bytes, entry: bytes) -> None:
    _refused(swapped(signed_form, SECOND_PAGE, b"/Contents", entry + b"/Contents"))


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (AMOUNT, b"(100)", b"(900)"),
        (AMOUNT, b"/F 4", b"/F 4/RV(<p>900</p>)"),
        (AMOUNT, b"/F 4", b"/F 4/MK<</BG[1 0 0]>>"),
        (AMOUNT, b"12 Tf 0 g", b"12 Tf 1 g"),
        (AMOUNT, b"/F 4", b"/F 4/MaxLen 1"),
        (AMOUNT, b"/N 15 0 R", b"/N 15 0 R/R 7 0 R"),
        (AMOUNT, b"/F 4", b"/F 4/AA<</K%b>>" % SCRIPT),
        (PARENT, b"(7)", b"(8)"),
        (PARENT, b"12 Tf 0 g", b"12 Tf 1 g"),
        (TICK, b"/V/Off", b"/V/Yes"),
        (TICK, b"/AS/Off", b"/AS/Yes"),
        (TICK, b"/V/Off/AS/Off", b"/V/Yes/AS/Yes"),
        (FORM, b"0 Tf 0 g", b"0 Tf 1 g"),
        (FORM, b"/Helv 5 0 R", b"/Helv 60 0 R"),
        (FORM, b"/SigFlags 3", b"/SigFlags 3/NeedAppearances true"),
        (FORM, b"/SigFlags 3", b"/SigFlags 3/XFA(x)"),
        (FORM, b"/SigFlags 3", b"/SigFlags 3/CO[10 0 R]"),
        (FORM, b"24 0 R", b""),
    ],
)
def test_a_form_that_says_something_else_than_it_shows(
    signed_form: bytes, number: int, old: bytes, new: bytes
) -> None:
    _refused(swapped(signed_form, number, old, new, {NEW: COURIER}))


@pytest.mark.parametrize(
    "entries",
    [
        b"/AP<</N 61 0 R>>",
        b"/AP<</N 61 0 R/R 61 0 R>>",
        b"/AP<</N 61 0 R/D 61 0 R>>",
        b"/AP<</N 61 0 R>>/OC 13 0 R",
        b"/MK<</BG[1 1 1]>>",
        b"/AA<</E%b>>" % SCRIPT,
    ],
)
def test_a_new_field_that_covers_or_acts_before_anybody_has_signed_it(
    signed_form: bytes, entries: bytes
) -> None:
    listed = swapped(
        signed_form, FORM, b"27 0 R ]", b"27 0 R 60 0 R ]", {NEW: FIELD % entries, NEW + 1: WHITE}
    )
    _refused(swapped(listed, PAGE, b"27 0 R ]", b"27 0 R 60 0 R ]"))


@pytest.mark.parametrize(
    "kind", [b"FreeText", b"Stamp", b"Redact", b"Highlight", b"Ink", b"Watermark", b"FileAttachment", b"Foo"]
)
def test_a_new_annotation(signed_form: bytes, kind: bytes) -> None:
    note = b"<</Type/Annot/Subtype/%b/F 4/Rect[20 240 120 270]/Contents(x)/AP<</N 61 0 R>>>>" % kind
    _refused(swapped(signed_form, PAGE, b"27 0 R ]", b"27 0 R 60 0 R ]", {NEW: note, NEW + 1: WHITE}))


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (METADATA, b"x:xmpmeta", b"y:xmpmeta"),
        (FORM, b"/Helv 5 0 R", b"/Helv 5 0 R/Cour 60 0 R"),
        (FORM, b"10 0 R 18 0 R", b"18 0 R 10 0 R"),
        (PAGES, b"/Count 2", b"/Count 2"),
        (SIGNATURE, b"/FT", b"/FT"),
        (SECOND_PAGE, b"/Contents", b"/Annots[]/Tabs/S/LastModified(D:2026)/PieceInfo<</x 1>>/Contents"),
        (CATALOG, b"/Metadata", b"/Version/2.0/DSS<<>>/MarkInfo<</Marked true>>/Metadata"),
    ],
)
def test_what_honest_programs_write_anew(signed_form: bytes, number: int, old: bytes, new: bytes) -> None:
    assert (
        judged_form(swapped(signed_form, number, old, new, {NEW: COURIER})).indication
        is Indication.TOTAL_PASSED
    )


def test_a_page_that_now_has_its_ancestors_entries_itself(signed_form: bytes) -> None:
    """iText's append mode writes a page with what it inherits."""
    inherited = OBJECTS[PAGES][OBJECTS[PAGES].index(b"/MediaBox") : -2]
    made = swapped(signed_form, SECOND_PAGE, b"/Contents", inherited + b"/Contents")
    assert judged_form(made).indication is Indication.TOTAL_PASSED
    made = swapped(
        signed_form, SECOND_PAGE, b"/Contents", inherited.replace(b"7 0 R", b"6 0 R") + b"/Contents"
    )
    _refused(made)

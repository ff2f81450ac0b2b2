"""A small PDF with a form, layers, annotations and an attached file, object by object, so that tests may swap
any of them in an update.
"""

from __future__ import annotations

import io
import re

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from tests.support.raw_pdf import appended, with_objects

CATALOG, PAGES, PAGE, TEXT, FONT, IMAGE, DRAWING, UNICODE, FORM, AMOUNT = range(1, 11)
LINK, LAYER, HIDDEN_LAYER, ATTACHED, LOOK, SECOND_PAGE, SECOND_TEXT, TICK, NOTE, STATE = range(11, 21)
FILE, OUTLINE, METADATA, PARENT, KID = range(21, 26)
NEW = 60
"""A number that nothing has yet."""


def stream(entries: bytes, content: bytes) -> bytes:
    """A stream with its length."""
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def text(words: bytes, x: int, y: int) -> bytes:
    """Content that writes one line."""
    return b"BT /F1 14 Tf %d %d Td (%b) Tj ET" % (x, y, words)


LAYERS = (
    b" /OC /A BDC " + text(b"shown layer", 20, 150) + b" EMC /OC /B BDC " + text(b"hidden", 20, 130) + b" EMC"
)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
WIDGET = b"/Type/Annot/Subtype/Widget/F 4/P 3 0 R"
OBJECTS: dict[int, bytes] = {
    CATALOG: b"<</Type/Catalog/Pages 2 0 R/AcroForm 9 0 R/OCProperties<</OCGs[12 0 R 13 0 R]/D<</ON[12 0 R]"
    b"/OFF[13 0 R]>>>>/Names<</EmbeddedFiles<</Names[(a.txt)14 0 R]>>>>/Outlines 22 0 R/Metadata 23 0 R>>",
    PAGES: b"<</Type/Pages/Kids[3 0 R 16 0 R]/Count 2/MediaBox[0 0 400 300]/Resources<</Font<</F1 5 0 R>>"
    b"/XObject<</I 6 0 R/X 7 0 R>>/Properties<</A 12 0 R/B 13 0 R>>/ExtGState<</G 20 0 R>>>>>>",
    PAGE: b"<</Type/Page/Parent 2 0 R/Contents[4 0 R 17 0 R]/Annots[10 0 R 11 0 R 18 0 R 19 0 R 25 0 R]>>",
    TEXT: stream(
        b"", text(b"Pay 100 dollars", 20, 250) + b" q 40 0 0 40 300 20 cm /I Do Q /G gs /X Do" + LAYERS
    ),
    FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding/ToUnicode 8 0 R>>",
    IMAGE: stream(
        b"/Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace/DeviceGray",
        b"\0\xff\xff\0",
    ),
    DRAWING: stream(b"/Type/XObject/Subtype/Form/BBox[0 0 400 300]", text(b"drawn 5", 20, 200)),
    UNICODE: stream(b"", b"begincmap 1 beginbfchar <31> <0031> endbfchar endcmap"),
    FORM: b"<</Fields[10 0 R 18 0 R 24 0 R]/DA(/Helv 0 Tf 0 g)/DR<</Font<</Helv 5 0 R>>>>>>",
    AMOUNT: b"<<%b/FT/Tx/T(amount)/V(100)/Rect[200 100 300 120]/DA(/Helv 12 Tf 0 g)/AP<</N 15 0 R>>>>"
    % WIDGET,
    LINK: b"<</Type/Annot/Subtype/Link/Rect[20 245 100 265]/Border[0 0 0]/A<</S/URI/URI(http://a.vn/)>>>>",
    LAYER: b"<</Type/OCG/Name(A)>>",
    HIDDEN_LAYER: b"<</Type/OCG/Name(B)>>",
    ATTACHED: b"<</Type/Filespec/F(a.txt)/UF(a.txt)/EF<</F 21 0 R>>>>",
    LOOK: stream(
        b"/Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F1 5 0 R>>>>", text(b"100", 2, 5)
    ),
    SECOND_PAGE: b"<</Type/Page/Parent 2 0 R/Contents 17 0 R>>",
    SECOND_TEXT: stream(b"", text(b"second stream", 20, 50)),
    TICK: b"<<%b/FT/Btn/T(agree)/V/Off/AS/Off/Rect[320 100 335 115]/AP<</N<</Yes 15 0 R/Off 7 0 R>>>>>>"
    % WIDGET,
    NOTE: b"<</Type/Annot/Subtype/FreeText/Rect[20 60 120 80]/F 4/Contents(note 1)/AP<</N 15 0 R>>>>",
    STATE: b"<</Type/ExtGState/ca 1>>",
    FILE: stream(b"/Type/EmbeddedFile", b"attached 100"),
    OUTLINE: b"<</Type/Outlines/Count 0>>",
    METADATA: stream(b"/Type/Metadata/Subtype/XML", XMP),
    PARENT: b"<</FT/Tx/T(parent)/Kids[25 0 R]/V(7)/DA(/Helv 12 Tf 0 g)>>",
    KID: b"<<%b/Parent 24 0 R/Rect[200 60 300 80]/AP<</N 15 0 R>>>>" % WIDGET,
}


def raw_form() -> bytes:
    """The file, not signed."""
    return with_objects(*(OBJECTS[number] for number in sorted(OBJECTS)))


def body_of(pdf: bytes, number: int) -> bytes:
    """An object as it is now, blanks made single."""
    reader, out = PdfFileReader(io.BytesIO(pdf)), io.BytesIO()
    reader.get_object(generic.Reference(number, 0, reader)).write_to_stream(out, None)
    return re.sub(rb"\s+", b" ", out.getvalue())


def swapped(pdf: bytes, number: int, old: bytes, new: bytes, more: dict[int, bytes] | None = None) -> bytes:
    """An update in which an object has other bytes in one place; `more` are objects written beside it."""
    body = body_of(pdf, number)
    body = body if old in body else OBJECTS[number]
    assert old in body, (number, body)
    objects = {number: body.replace(old, new, 1), **(more or {})}
    return appended(pdf, {(n, 0): b for n, b in objects.items()})


def written(pdf: bytes, number: int, content: bytes) -> bytes:
    """An update in which a stream holds something else."""
    entries = OBJECTS[number][2 : OBJECTS[number].index(b"/Length")]
    return appended(pdf, {(number, 0): stream(entries, content)})

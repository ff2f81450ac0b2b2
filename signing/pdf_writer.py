"""Writing one more revision of a PDF: nothing that is there changes [ISO 32000-2 §7.5.6].

The library's incremental writer would renew dates, /ID and the encoding of texts; a signature must not. What
is drawn for a signature is a small PDF of its own that is imported as a form, fonts included.
"""

from __future__ import annotations

import io

from pyhanko.pdf_utils import generic, layout
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.stamp import StaticStampStyle

from signing.appearance import Appearance, draw


class AppendOnlyWriter(IncrementalPdfFileWriter):
    """Incremental writer that leaves document metadata and /ID as they are."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> generic.ArrayObject:
        try:
            kept = prev.trailer["/ID"]
        except KeyError:
            made: generic.ArrayObject = super()._handle_id(prev)  # type: ignore[no-untyped-call]
            return made
        return generic.ArrayObject(generic.ByteStringObject(part.original_bytes) for part in kept)

    def _update_meta(self) -> None:
        """Signing changes nothing about the document, its dates included."""
        # Called before objects are written. Texts that go out again keep the encoding they came in.
        for written in list(self.objects.values()):
            _keep_encodings(written)


def _keep_encodings(thing: object) -> None:
    if isinstance(thing, generic.TextStringObject):
        thing.force_output_encoding = thing.force_output_encoding or thing.autodetected_encoding
    elif isinstance(thing, generic.DictionaryObject):
        for key in thing:
            _keep_encodings(thing.raw_get(key))
    elif isinstance(thing, generic.ArrayObject):
        for place in range(len(thing)):
            _keep_encodings(thing.raw_get(place))


class _Drawing(PdfContent):
    """A one-page PDF made by `signing.appearance`, imported as a form."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        writer = self._ensure_writer
        form = writer.import_page_as_xobject(PdfFileReader(io.BytesIO(self._pdf)), page_ix=0)
        self.resources.xobject["/Drawing"] = form
        left, bottom, right, top = form.get_object()["/BBox"]
        self.box = layout.BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/Drawing Do"


def stamp_style(appearance: Appearance) -> StaticStampStyle:
    """What fills the field, edge to edge."""
    edge_to_edge = layout.SimpleBoxLayoutRule(
        x_align=layout.AxisAlignment.ALIGN_MID,
        y_align=layout.AxisAlignment.ALIGN_MID,
        margins=layout.Margins(),
    )
    return StaticStampStyle(
        border_width=0,
        background=_Drawing(draw(appearance)),
        background_opacity=1.0,
        background_layout=edge_to_edge,
    )

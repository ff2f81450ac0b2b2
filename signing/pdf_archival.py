"""PDF/A that is signed stays PDF/A [ISO 19005-1 §6.4, -2 §6.2].

What a signature adds has its fonts embedded and colours as the page has them, and only appends; what is left
is transparency, which PDF/A-1 forbids: there pictures are laid on white.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace

from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.appearance import Appearance
from signing.errors import DocumentRefused
from signing.pdf_structure import BROKEN_PDF

MAX_METADATA = 4 * 1024 * 1024
MAX_PIXELS = 20_000_000
_PART = re.compile(rb"pdfaid:part(?:>|\s*=\s*[\"'])\s*(\d)")


def pdfa_part(reader: PdfFileReader) -> int | None:
    """The part of PDF/A that the file claims to keep to; None for any other PDF."""
    try:
        metadata = bytes(reader.root["/Metadata"].data)
    except BROKEN_PDF:
        return None
    found = _PART.search(metadata[:MAX_METADATA])
    return int(found[1]) if found is not None else None


def fitted(appearance: Appearance, reader: PdfFileReader) -> Appearance:
    """The appearance as this file may carry it."""
    if appearance.picture is None or pdfa_part(reader) != 1:
        return appearance
    return replace(appearance, picture=on_white(appearance.picture))


def on_white(png: bytes) -> bytes:
    """The picture without transparency."""
    try:
        with Image.open(io.BytesIO(png)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise DocumentRefused("the picture is too large", code="picture_unreadable")
            picture = opened.convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DocumentRefused("the picture cannot be read", code="picture_unreadable") from error
    paper = Image.new("RGB", picture.size, (255, 255, 255))
    paper.paste(picture, mask=picture.getchannel("A"))
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()

"""The typeface of everything we draw: Liberation Serif, with Times New Roman's widths and every Vietnamese
letter.

Times New Roman, which [NĐ 30/2020] prescribes, is not free; these four files (OFL-1.1, `OFL.txt`, digests
in `SHA256SUMS.txt`) lay text out identically. Fonts are subset and embedded by reportlab; a text that needs
a glyph which the font lacks is an error, never a box on an official document.

reportlab's faces are of the process and hold the state of the subset that is being made: two threads that
draw at once mix their glyphs up, or fail. Whoever draws does so in a function marked as `drawing`.
"""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from signing.alone import Alone
from signing.errors import DocumentRefused

drawing: Final = Alone()

REGULAR, BOLD, ITALIC, BOLD_ITALIC = (
    "LiberationSerif",
    "LiberationSerif-Bold",
    "LiberationSerif-Italic",
    "LiberationSerif-BoldItalic",
)
_FILES = {
    REGULAR: "LiberationSerif-Regular.ttf",
    BOLD: "LiberationSerif-Bold.ttf",
    ITALIC: "LiberationSerif-Italic.ttf",
    BOLD_ITALIC: "LiberationSerif-BoldItalic.ttf",
}


@functools.cache
def register() -> None:
    """Make the four faces known to reportlab, once per process."""
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(Path(__file__).parent / file)))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=ITALIC, boldItalic=BOLD_ITALIC)


def prepared(text: str) -> str:
    """The text in NFC; refused if a glyph is missing."""
    register()
    composed = unicodedata.normalize("NFC", text)
    glyphs = pdfmetrics.getFont(REGULAR).face.charToGlyph
    missing = sorted({c for c in composed if ord(c) not in glyphs and not c.isspace()})
    if missing:
        raise DocumentRefused(f"the typeface has no glyph for {' '.join(missing)}", code="glyph_missing")
    return composed


def width(text: str, face: str, size: float) -> float:
    """Width of a line in points."""
    register()
    return float(pdfmetrics.stringWidth(text, face, size))

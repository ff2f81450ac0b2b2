"""What the first page of a PDF says, line by line, for the search for marks of state secrecy.

Lines are those of the text layer, as PDFium orders it; a scan has none. An encrypted or broken file has
no lines: what its signatures are worth is the verifier's business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pypdfium2

from signing.pdfium_alone import alone

CHARACTERS_MOST: Final = 20_000


@alone
def first_page_lines(path: Path) -> tuple[str, ...]:
    """The non-empty lines of text on page 1."""
    try:
        document = pypdfium2.PdfDocument(path)
        try:
            text = document[0].get_textpage().get_text_bounded()
        finally:
            document.close()
    except (pypdfium2.PdfiumError, IndexError, ValueError, OSError):
        return ()
    lines = (line.strip() for line in text[:CHARACTERS_MOST].splitlines())
    return tuple(line for line in lines if line)

"""What a page of a PDF says of places: the lines of text that mark one, and what is drawn in fields."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pypdfium2

from signing.pdfium_alone import alone

PAGES_MOST, FIELDS_MOST = 4, 50
TEXT_MOST = 20_000
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlaces:
    """What a page says of places: lines of text that mark one, and what is drawn in fields."""

    number: int
    width: float
    height: float
    labels: tuple[tuple[str, Rectangle], ...]
    last_line: Rectangle | None
    written: dict[Rectangle, str]


@alone
def read_places(data: bytes, fields: Mapping[int, Sequence[Rectangle]]) -> dict[int, PagePlaces]:
    """Places of the first pages that have `fields`, by page number from 1; nothing of what cannot be read."""
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            document.init_forms()
            numbers = sorted(n for n in fields if 0 < n <= len(document))[:PAGES_MOST]
            return {n: _page(document, n, fields[n]) for n in numbers}
        finally:
            document.close()
    except (pypdfium2.PdfiumError, ValueError, IndexError, MemoryError, OSError):
        return {}


def _page(document: pypdfium2.PdfDocument, number: int, fields: Sequence[Rectangle]) -> PagePlaces:
    page = document[number - 1]
    text = page.get_textpage()
    width, height = page.get_size()
    lines = [text.get_rect(index) for index in range(min(text.count_rects(), 400))]
    labels: list[tuple[str, Rectangle]] = []
    lowest: Rectangle | None = None
    for box in lines:
        said = plain(text.get_text_bounded(*box)[:TEXT_MOST])
        for name, mark in (("number", "số:"), ("date", "tháng"), ("recipients", "nơi nhận")):
            if mark in said:
                labels.append((name, box))
        if said and (lowest is None or box[1] < lowest[1]):
            lowest = box
    text.close()
    # What fields show is text of the page only once they are flattened into it, in this copy.
    page.flatten()
    drawn = document[number - 1].get_textpage()
    written = {field: plain(drawn.get_text_bounded(*field)[:TEXT_MOST]) for field in fields[:FIELDS_MOST]}
    return PagePlaces(
        number=number, width=width, height=height, labels=tuple(labels), last_line=lowest, written=written
    )


def plain(text: str) -> str:
    """Text as it is compared: composed, without case, with single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())

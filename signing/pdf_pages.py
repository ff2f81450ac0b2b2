"""What the pages looked like when signed, and what they look like now.

An update may leave every signed object alone and still change what people read. So the signed revision and
the newest one are both rendered (PDFium, annotations included) and compared page by page, without the
rectangles of later intact signatures: pictures belong there. Work is bounded by pixels; what could not be
compared is said, never assumed equal.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import pypdfium2
from PIL import Image, ImageChops

from signing.pdf_cover import blank, hides_ink
from signing.pdfium_alone import alone

SCALE, CLOSE_SCALE = 1.0, 2.0
"""Pixels per point: of the comparison, and of the closer look at what a picture may hide."""
SHRUNK = 0.0
"""In place of a scale: the closer look, made half as large."""
MAX_PIXELS = 4_000_000
THRESHOLD = 48
MASK_MARGIN = 2.0
MASK_SHARE = 0.4
"""Of a page: a field that is larger is no place for a signature; nothing in it is expected."""
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMask:
    """A rectangle on a page (counted from 1) in which a difference is expected."""

    page: int
    rect: Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class PageComparison:
    """Pages that look different, and why the comparison stopped if it did."""

    different: tuple[int, ...] = ()
    covered: tuple[int, ...] = ()
    incomplete: str | None = None
    """What was not compared, for the report; the pages asked for were, unless `missed`."""
    missed: bool = False


class PageViewer:
    """Renders revisions of one file; every page of a revision once."""

    def __init__(self, data: bytes, *, seconds: float) -> None:
        self._data = data
        self._seconds_left = seconds
        self._documents: dict[int, pypdfium2.PdfDocument] = {}
        self._images: dict[tuple[int, int, float], Image.Image] = {}

    @alone
    def close(self) -> None:
        """Let go of PDFium's documents."""
        for document in self._documents.values():
            document.close()
        self._documents.clear()
        self._images.clear()

    @alone
    def picture(self, end: int, number: int) -> Image.Image | None:
        """A page (from 1) of the revision that ends at `end`, in colour; None if there is no such page."""
        document = self._document(end)
        if not 0 < number <= len(document):
            return None
        picture: Image.Image = self._bitmap(document[number - 1], SCALE).to_pil().convert("RGB")
        return picture

    @alone
    def compare(
        self,
        end: int,
        masks: Iterable[PageMask],
        drawn: Iterable[PageMask] = (),
        first: frozenset[int] | None = None,
    ) -> PageComparison:
        """The revision that ends at `end` against the whole file.

        Within `masks` (pictures of later signatures) anything may be new, but nothing that was printed may
        vanish, except in `drawn`, the pictures of the earlier signatures themselves. `first` are the pages
        that must be looked at (None: all of them); the others follow while time is left.
        """
        started = time.monotonic()
        try:
            before, after = self._document(end), self._document(len(self._data))
            if len(before) != len(after):
                common = min(len(before), len(after))
                return PageComparison(different=tuple(range(common + 1, max(len(before), len(after)) + 1)))
            count = len(before)
            wanted = frozenset(range(1, count + 1)) if first is None else first
            order = sorted(range(1, count + 1), key=lambda n: (n not in wanted, n))
            return self._compare_pages(end, order, wanted, list(masks), list(drawn))
        except (pypdfium2.PdfiumError, ValueError, MemoryError, OSError) as error:
            return PageComparison(incomplete=str(error)[:80] or type(error).__name__, missed=True)
        finally:
            self._seconds_left -= time.monotonic() - started

    def _compare_pages(
        self,
        end: int,
        order: list[int],
        wanted: frozenset[int],
        masks: list[PageMask],
        drawn: list[PageMask],
    ) -> PageComparison:
        different: list[int] = []
        covered: list[int] = []
        deadline = time.monotonic() + self._seconds_left
        for done, number in enumerate(order):
            if time.monotonic() > deadline:
                return PageComparison(
                    different=tuple(different),
                    covered=tuple(covered),
                    incomplete=f"{done}/{len(order)}",
                    missed=number in wanted,
                )
            # A page with new pictures is looked at closely: its smaller look is made of the closer one.
            scale = SHRUNK if any(m.page == number for m in masks) else SCALE
            before, after = self._image(end, number, scale), self._image(len(self._data), number, scale)
            if before.size != after.size:
                different.append(number)
                continue
            delta = ImageChops.difference(before, after).point(lambda v: 255 if v > THRESHOLD else 0)
            if delta.getbbox() is None:
                continue
            sheet = _sheet(self._document(end)[number - 1])
            here, below = sheet.places(masks, number), sheet.places(drawn, number)
            changed = [m for m in here if delta.crop(_pixels(m, delta.size)).getbbox() is not None]
            if changed and self._is_covered(end, number, changed, below):
                covered.append(number)
            for rectangle in here:
                blank(delta, _pixels(rectangle, delta.size))
            if delta.getbbox() is not None:
                different.append(number)
        return PageComparison(different=tuple(different), covered=tuple(covered))

    def _is_covered(self, end: int, number: int, masks: list[Rectangle], drawn: list[Rectangle]) -> bool:
        before = self._image(end, number, CLOSE_SCALE)
        after = self._image(len(self._data), number, CLOSE_SCALE)
        size = before.size
        return hides_ink(before, after, [_pixels(m, size) for m in masks], [_pixels(d, size) for d in drawn])

    def _document(self, end: int) -> pypdfium2.PdfDocument:
        if end not in self._documents:
            # The library keeps the buffer; a revision is the file's beginning, cut at its end.
            document = pypdfium2.PdfDocument(self._data[:end])
            document.init_forms()
            self._documents[end] = document
        return self._documents[end]

    def _image(self, end: int, number: int, scale: float) -> Image.Image:
        """A page (from 1) in grey."""
        key = (end, number, scale)
        if key not in self._images and scale == SHRUNK:
            self._images[key] = self._image(end, number, CLOSE_SCALE).reduce(2)
        elif key not in self._images:
            # Four octets to a pixel: PIL then reads the library's memory where it is.
            page = self._document(end)[number - 1]
            bitmap = self._bitmap(page, scale, prefer_bgrx=True, rev_byteorder=True)
            self._images[key] = bitmap.to_pil().convert("L")
        return self._images[key]

    @staticmethod
    def _bitmap(page: pypdfium2.PdfPage, scale: float, **form: bool) -> pypdfium2.PdfBitmap:
        width, height = page.get_size()
        bounded = min(scale, (MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
        bitmap = page.render(scale=bounded, may_draw_forms=True, **form)
        page.close()
        return bitmap


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """How a page lies on the screen: visible box in user space, and its rotation."""

    left: float
    bottom: float
    width: float
    height: float
    rotation: int

    def places(self, masks: list[PageMask], number: int) -> list[Rectangle]:
        """The masks of that page as shares of the picture; oversized ones are none."""
        largest = MASK_SHARE * self.width * self.height
        return [
            self.seen(m.rect)
            for m in masks
            if m.page == number and (m.rect[2] - m.rect[0]) * (m.rect[3] - m.rect[1]) <= largest
        ]

    def seen(self, rect: Rectangle) -> Rectangle:
        """A rectangle of user space as shares of the picture: left, top, right, bottom."""
        left, right = rect[0] - self.left - MASK_MARGIN, rect[2] - self.left + MASK_MARGIN
        bottom, top = rect[1] - self.bottom - MASK_MARGIN, rect[3] - self.bottom + MASK_MARGIN
        wide, high = self.width or 1.0, self.height or 1.0
        upright = (left / wide, 1 - top / high, right / wide, 1 - bottom / high)
        if self.rotation == 90:
            return bottom / high, left / wide, top / high, right / wide
        if self.rotation == 180:
            return 1 - upright[2], 1 - upright[3], 1 - upright[0], 1 - upright[1]
        if self.rotation == 270:
            return 1 - top / high, 1 - right / wide, 1 - bottom / high, 1 - left / wide
        return upright


def _sheet(page: pypdfium2.PdfPage) -> _Sheet:
    left, bottom, right, top = page.get_bbox()
    return _Sheet(
        left=left, bottom=bottom, width=right - left, height=top - bottom, rotation=page.get_rotation()
    )


def _pixels(rectangle: Rectangle, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = rectangle
    wide, high = size
    first = (min(max(int(left * wide), 0), wide), min(max(int(top * high), 0), high))
    last = (min(int(right * wide) + 1, wide), min(int(bottom * high) + 1, high))
    return *first, max(last[0], first[0]), max(last[1], first[1])

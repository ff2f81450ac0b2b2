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
from PIL import Image, ImageChops, ImageDraw

SCALE = 1.0
MAX_PIXELS = 4_000_000
THRESHOLD = 48
MASK_MARGIN = 2.0
DARK, LIGHT = 110, 190
VANISHED_PIXELS, VANISHED_SHARE = 12, 0.15
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
        self._images: dict[tuple[int, int], Image.Image] = {}

    def close(self) -> None:
        """Let go of PDFium's documents."""
        for document in self._documents.values():
            document.close()
        self._documents.clear()
        self._images.clear()

    def picture(self, end: int, number: int) -> Image.Image | None:
        """A page (from 1) of the revision that ends at `end`, in colour; None if there is no such page."""
        document = self._document(end)
        return self._drawn(document[number - 1]) if 0 < number <= len(document) else None

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
            before, after = self._image(end, number), self._image(len(self._data), number)
            if before.size != after.size:
                different.append(number)
                continue
            delta = ImageChops.difference(before, after).point(lambda v: 255 if v > THRESHOLD else 0)
            if delta.getbbox() is None:
                continue
            sheet = _sheet(self._document(end)[number - 1])
            here = [sheet.seen(m.rect) for m in masks if m.page == number]
            if _hides_ink(before, after, here, [sheet.seen(m.rect) for m in drawn if m.page == number]):
                covered.append(number)
            _blank(delta, here)
            if delta.getbbox() is not None:
                different.append(number)
        return PageComparison(different=tuple(different), covered=tuple(covered))

    def _document(self, end: int) -> pypdfium2.PdfDocument:
        if end not in self._documents:
            # The library keeps the buffer; a revision is the file's beginning, cut at its end.
            document = pypdfium2.PdfDocument(self._data[:end])
            document.init_forms()
            self._documents[end] = document
        return self._documents[end]

    def _image(self, end: int, number: int) -> Image.Image:
        if (end, number) not in self._images:
            self._images[(end, number)] = self._drawn(self._document(end)[number - 1]).convert("L")
        return self._images[(end, number)]

    @staticmethod
    def _drawn(page: pypdfium2.PdfPage) -> Image.Image:
        width, height = page.get_size()
        scale = min(SCALE, (MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=False, may_draw_forms=True)
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        page.close()
        return picture


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """How a page lies on the screen: visible box in user space, and its rotation."""

    left: float
    bottom: float
    width: float
    height: float
    rotation: int

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


def _hides_ink(
    before: Image.Image, after: Image.Image, masks: list[Rectangle], drawn: list[Rectangle]
) -> bool:
    """Whether dark marks of the signed page are light now, inside the pictures of later signatures."""
    dark = before.point(lambda v: 255 if v < DARK else 0)
    gone = ImageChops.multiply(dark, after.point(lambda v: 255 if v > LIGHT else 0))
    _blank(gone, drawn)
    for rectangle in masks:
        box = _pixels(rectangle, before.size)
        inside = gone.crop(box).histogram()[255]
        printed = dark.crop(box).histogram()[255]
        if inside >= VANISHED_PIXELS and inside > printed * VANISHED_SHARE:
            return True
    return False


def _pixels(rectangle: Rectangle, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = rectangle
    wide, high = size
    first = (min(max(int(left * wide), 0), wide), min(max(int(top * high), 0), high))
    last = (min(int(right * wide) + 1, wide), min(int(bottom * high) + 1, high))
    return *first, max(last[0], first[0]), max(last[1], first[1])


def _blank(picture: Image.Image, rectangles: list[Rectangle]) -> None:
    pencil = ImageDraw.Draw(picture)
    for rectangle in rectangles:
        left, top, right, bottom = _pixels(rectangle, picture.size)
        if right > left and bottom > top:
            pencil.rectangle((left, top, right - 1, bottom - 1), fill=0)

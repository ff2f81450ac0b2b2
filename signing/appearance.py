"""How a signature looks on the page [NĐ 30/2020 Phụ lục I], drawn as vectors into a small PDF of its own.

person        blue, the hand signature's picture or, without one, a written name with a flourish
organisation  red round stamp, 35 mm, laid over the left third of the person's picture, never stretched
text          one line, Times New Roman upright, size 10, black: number, date, annex, copy
initials      blue, small, beside the last line

Sizes are those measured on real documents: 120 x 50 pt, 100 x 100 pt with 40 pt of overlap, 30 x 22 pt.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pypdfium2
from reportlab.lib.colors import Color
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from signing import fonts
from signing.errors import DocumentRefused
from signing.pdfium_alone import alone
from signing.report import Role

BLUE, RED, BLACK = Color(0.05, 0.15, 0.65), Color(0.85, 0.07, 0.1), Color(0, 0, 0)
PERSON_SIZE, STAMP_SIZE, INITIALS_SIZE = (120, 50), (100, 100), (30, 22)
STAMP_OVERLAP = PERSON_SIZE[0] // 3
TEXT_SIZE, TEXT_HEIGHT = 10, 14
PAGE_EDGE = 14
# The line of the title stands between authority and signature.
TITLE_ROOM = 30
# At the beginning of a line, its words up to the line's end [NĐ 30/2020 Phụ lục I, II.7].
_AUTHORITY = re.compile(r"(?:^|[\r\n])[ \t]*((?:TM|KT|TL|TUQ|Q)\.[^\r\n]{2,80})")
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A rectangle on a page, in points from the lower left corner; pages count from 0."""

    page: int
    left: int
    bottom: int
    right: int
    top: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.top - self.bottom

    @property
    def box(self) -> tuple[int, int, int, int]:
        """As PDF writes a rectangle."""
        return self.left, self.bottom, self.right, self.top


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """What is drawn and where; `picture` is a PNG with transparency, kept in its proportions."""

    role: Role
    place: Place
    text: str = ""
    picture: bytes | None = None


def above_name(pdf: bytes, name: str) -> Place:
    """Room for a hand signature above the last line that reads `name`."""
    page, (left, _, right, top) = _last_occurrence(pdf, name)
    middle, bottom = (left + right) / 2, top + 8
    width, height = PERSON_SIZE
    corner = int(middle - width / 2)
    return Place(page=page, left=corner, bottom=int(bottom), right=corner + width, top=int(bottom) + height)


def over_left_third(person: Place) -> Place:
    """The stamp's place: over the left third of the person's picture, centred on its height."""
    width, height = STAMP_SIZE
    overlap = person.size[0] * STAMP_OVERLAP // PERSON_SIZE[0]
    right, middle = person.left + overlap, (person.bottom + person.top) // 2
    bottom = middle - height // 2
    return Place(page=person.page, left=right - width, bottom=bottom, right=right, top=bottom + height)


def beside_last_line(pdf: bytes, anchor: str) -> Place:
    """Initials: to the right of the last line that reads `anchor` (the last words, or *Nơi nhận*)."""
    page, (_, bottom, right, _) = _last_occurrence(pdf, anchor)
    width, height = INITIALS_SIZE
    return Place(
        page=page, left=int(right) + 4, bottom=int(bottom) - 4, right=int(right) + 4 + width,
        top=int(bottom) - 4 + height,
    )  # fmt: skip


@alone
def top_right(pdf: bytes, text: str) -> Place:
    """One line in the top right corner of page 1, as annexes and copies carry it."""
    with _opened(pdf) as document:
        width, height = document[0].get_size()
    needed = math.ceil(fonts.width(fonts.prepared(text), fonts.REGULAR, TEXT_SIZE)) + 4
    right, top = int(width) - PAGE_EDGE, int(height) - PAGE_EDGE
    return Place(page=0, left=right - needed, bottom=top - TEXT_HEIGHT, right=right, top=top)


def decree_time(moment: datetime) -> str:
    """Time as the decree's forms print it: `05/01/2026; 15:30:45 +07:00`."""
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y; %H:%M:%S +07:00")


class _opened:  # noqa: N801 - a context manager that reads like a function
    def __init__(self, pdf: bytes) -> None:
        try:
            self._document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError as error:
            raise DocumentRefused("the file cannot be opened as a PDF", code="not_a_pdf") from error

    def __enter__(self) -> pypdfium2.PdfDocument:
        return self._document

    def __exit__(self, *_: object) -> None:
        self._document.close()


_Box = tuple[float, float, float, float]


@alone
def _last_occurrence(pdf: bytes, words: str) -> tuple[int, _Box]:
    """Page and bounds of the last place where the words stand; in other capitals if nowhere as given."""
    prepared = fonts.prepared(words)
    with _opened(pdf) as document:
        for match_case in (True, False):
            for number in reversed(range(len(document))):
                text = document[number].get_textpage()
                last = _last_hit(text, prepared, match_case=match_case)
                if last is not None:
                    return number, _bounds(text, last[0], last[0] + last[1])
    raise DocumentRefused(f"the words {words!r} are not on any page", code="anchor_not_found")


def _last_hit(text: pypdfium2.PdfTextPage, words: str, *, match_case: bool) -> tuple[int, int] | None:
    searcher = text.search(words, match_case=match_case)
    last: tuple[int, int] | None = None
    while (hit := searcher.get_next()) is not None:
        last = hit
    return last


def _bounds(text: pypdfium2.PdfTextPage, start: int, end: int) -> _Box:
    boxes = [text.get_charbox(i) for i in range(start, end)]
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


@alone
def below_authority(pdf: bytes) -> Place:
    """Room for a hand signature below the last line that begins with an authority to sign (`TM.`, `KT.` …)
    and below the title under it.
    """
    with _opened(pdf) as document:
        for number in reversed(range(len(document))):
            text = document[number].get_textpage()
            content = text.get_text_range()
            hits = list(_AUTHORITY.finditer(content))
            if not hits:
                continue
            left, bottom, right, _ = _bounds(text, hits[-1].start(1), hits[-1].end(1))
            width, height = PERSON_SIZE
            corner = max(int((left + right) / 2 - width / 2), PAGE_EDGE)
            top = max(int(bottom) - TITLE_ROOM, height + PAGE_EDGE)
            return Place(page=number, left=corner, bottom=top - height, right=corner + width, top=top)
    raise DocumentRefused("no line of authority on any page", code="anchor_not_found")


@fonts.drawing
def draw(appearance: Appearance) -> bytes:
    """The appearance as a one-page PDF of exactly the place's size, fonts embedded."""
    fonts.register()
    width, height = appearance.place.size
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(width, height), invariant=1, pageCompression=1)
    if appearance.picture is not None:
        _picture(canvas, appearance.picture, width, height)
    elif appearance.role is Role.ORGANISATION:
        _stamp(canvas, fonts.prepared(appearance.text), min(width, height))
    elif appearance.role in {Role.SIGNER, Role.INITIALS}:
        _handwriting(canvas, fonts.prepared(appearance.text), width, height)
    else:
        _line(canvas, fonts.prepared(appearance.text))
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _picture(canvas: Canvas, png: bytes, width: float, height: float) -> None:
    try:
        image = ImageReader(io.BytesIO(png))
    except OSError as error:
        raise DocumentRefused("the picture cannot be read", code="picture_unreadable") from error
    canvas.drawImage(image, 0, 0, width, height, mask="auto", preserveAspectRatio=True, anchor="c")


def _line(canvas: Canvas, text: str) -> None:
    canvas.setFillColor(BLACK)
    canvas.setFont(fonts.REGULAR, TEXT_SIZE)
    canvas.drawString(2, 4, text)


def _handwriting(canvas: Canvas, name: str, width: float, height: float) -> None:
    canvas.setStrokeColor(BLUE)
    canvas.setFillColor(BLUE)
    size = min(height * 0.42, width * 0.9 * 10 / max(fonts.width(name, fonts.BOLD_ITALIC, 10), 1))
    canvas.setFont(fonts.BOLD_ITALIC, size)
    canvas.drawCentredString(width / 2, height * 0.42, name)
    canvas.setLineWidth(max(height / 45, 0.5))
    path = canvas.beginPath()
    path.moveTo(width * 0.08, height * 0.3)
    path.curveTo(width * 0.35, height * 0.02, width * 0.5, height * 0.55, width * 0.72, height * 0.2)
    path.curveTo(width * 0.8, height * 0.1, width * 0.88, height * 0.22, width * 0.95, height * 0.34)
    canvas.drawPath(path)


def _stamp(canvas: Canvas, name: str, side: float) -> None:
    centre = side / 2
    canvas.setStrokeColor(RED)
    canvas.setFillColor(RED)
    for radius, weight in ((0.48, 1.6), (0.45, 0.6), (0.28, 0.6)):
        canvas.setLineWidth(weight * side / 100)
        canvas.circle(centre, centre, radius * side)
    _star(canvas, centre, side * 0.16)
    _around(canvas, name.upper(), side)


def _star(canvas: Canvas, centre: float, radius: float) -> None:
    path = canvas.beginPath()
    for corner in range(10):
        reach = radius if corner % 2 == 0 else radius * 0.382
        angle = math.pi / 2 + corner * math.pi / 5
        point = centre + reach * math.cos(angle), centre + reach * math.sin(angle)
        (path.moveTo if corner == 0 else path.lineTo)(*point)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def _around(canvas: Canvas, text: str, side: float) -> None:
    """Letters on the ring, clockwise, centred at the top; smaller where the name is long."""
    radius, size = side * 0.325, side * 0.085
    room = 2 * math.pi * radius * 0.92
    size *= min(1.0, room / max(fonts.width(text, fonts.BOLD, size), 1))
    canvas.setFont(fonts.BOLD, size)
    angle = fonts.width(text, fonts.BOLD, size) / radius / 2
    for letter in text:
        half = fonts.width(letter, fonts.BOLD, size) / radius / 2
        angle -= half
        canvas.saveState()
        canvas.translate(side / 2 - radius * math.sin(angle), side / 2 + radius * math.cos(angle))
        canvas.rotate(math.degrees(angle))
        canvas.drawCentredString(0, 0, letter)
        canvas.restoreState()
        angle -= half

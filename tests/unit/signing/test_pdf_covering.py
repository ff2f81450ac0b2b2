"""Later pictures that hide what was signed, however small the part or large the picture; and stamps."""

from __future__ import annotations

import io
from collections.abc import Callable

import pypdfium2
import pytest
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

from signing.appearance import Appearance, Place
from signing.options import VerifyOptions
from signing.pades import sign_pdf
from signing.pdf_cover import hides_ink
from signing.report import Indication, Role
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, Office

WIDTH, HEIGHT = 595, 842
Paint = Callable[[ImageDraw.ImageDraw], None]


@pytest.fixture(scope="module")
def bill(office: Office) -> bytes:
    """A signed page with an amount at (100, 600)."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1)
    for line in range(20):
        canvas.drawString(60, 640 - 20 * line, "Tong so tien: 100 000 dong, bang chu: mot tram nghin dong")
    canvas.save()
    return sign_pdf(out.getvalue(), office.person, now=NOW)


@pytest.fixture
def signed_over(
    office: Office, bill: bytes, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Place, Paint], tuple[Indication, set[str]]]:
    """Another signature with a transparent picture in which `paint` has drawn, four pixels per point."""
    # Whoever does this has no second engine that looks before the file is handed out.
    monkeypatch.setattr("signing.pades.look_again", lambda *_, **__: None)

    def run(place: Place, paint: Paint) -> tuple[Indication, set[str]]:
        size = int(place.right - place.left) * 4, int(place.top - place.bottom) * 4
        picture = Image.new("RGBA", size, (0, 0, 0, 0))
        paint(ImageDraw.Draw(picture))
        out = io.BytesIO()
        picture.save(out, "PNG")
        look = Appearance(role=Role.ORGANISATION, place=place, picture=out.getvalue())
        made = sign_pdf(bill, office.organisation, now=NOW, appearance=look)
        report = verify_bytes(made, name="f", options=VerifyOptions(no_trust=True))
        assert all(s.intact for s in report.signatures)
        return report.indication, {f.code for s in report.signatures for f in s.findings}

    return run


def _amount(bill: bytes) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of the first digit of the first amount."""
    document = pypdfium2.PdfDocument(bill)
    text = document[0].get_textpage()
    place, _ = text.search("100").get_next()
    box: tuple[float, float, float, float] = text.get_charbox(place)
    document.close()
    return box


def _patch(bill: bytes, place: Place) -> Paint:
    left, bottom, right, top = _amount(bill)

    def paint(pencil: ImageDraw.ImageDraw) -> None:
        corners = (left - 1 - place.left, place.top - top - 1, right + 1 - place.left, place.top - bottom + 1)
        pencil.rectangle([4 * c for c in corners], fill=(255, 255, 255, 255))
        pencil.line(
            [4 * corners[0] + 4, 4 * corners[3] - 8, 4 * corners[2] - 4, 4 * corners[3] - 8], fill="black"
        )

    return paint


@pytest.mark.parametrize("around", [5, 40, 100])
def test_one_digit_under_a_mostly_transparent_picture_is_missed(
    bill: bytes, signed_over: Callable[[Place, Paint], tuple[Indication, set[str]]], around: int
) -> None:
    left, bottom, right, top = _amount(bill)
    corners = (left - around, bottom - around, right + around, top + around)
    place = Place(page=0, **dict(zip(("left", "bottom", "right", "top"), map(int, corners), strict=True)))
    indication, codes = signed_over(place, _patch(bill, place))
    assert indication is not Indication.TOTAL_PASSED
    assert "APPEARANCE_COVERS_TEXT" in codes


def test_a_picture_as_large_as_the_page_excuses_no_difference(
    bill: bytes, signed_over: Callable[[Place, Paint], tuple[Indication, set[str]]]
) -> None:
    place = Place(page=0, left=0, bottom=0, right=WIDTH, top=HEIGHT)
    indication, codes = signed_over(place, _patch(bill, place))
    assert indication is not Indication.TOTAL_PASSED
    assert "PAGE_LOOKS_DIFFERENT" in codes


@pytest.mark.parametrize("colour", ["white", "navy", "lightyellow", "red"])
def test_text_under_one_flat_colour_is_missed(
    signed_over: Callable[[Place, Paint], tuple[Indication, set[str]]], colour: str
) -> None:
    place = Place(page=0, left=50, bottom=400, right=350, top=500)
    indication, codes = signed_over(place, lambda pencil: pencil.rectangle((0, 0, 1200, 400), fill=colour))
    assert indication is not Indication.TOTAL_PASSED
    assert "APPEARANCE_COVERS_TEXT" in codes


def test_a_stamp_through_which_the_text_shows_hides_nothing(
    signed_over: Callable[[Place, Paint], tuple[Indication, set[str]]],
) -> None:
    def stamp(pencil: ImageDraw.ImageDraw) -> None:
        pencil.ellipse((8, 8, 392, 392), outline=(200, 0, 0, 180), width=12)
        pencil.ellipse((80, 80, 320, 320), outline=(200, 0, 0, 180), width=6)
        pencil.polygon([(200, 150), (250, 250), (150, 250)], fill=(200, 0, 0, 150))

    indication, _ = signed_over(Place(page=0, left=80, bottom=420, right=180, top=520), stamp)
    assert indication is Indication.TOTAL_PASSED


def test_what_an_earlier_picture_shows_may_be_drawn_over() -> None:
    before, after = Image.new("L", (60, 60), 255), Image.new("L", (60, 60), 255)
    ImageDraw.Draw(before).rectangle((20, 20, 30, 30), fill=0)
    whole = (0, 0, 60, 60)
    assert hides_ink(before, after, [whole], [])
    assert not hides_ink(before, after, [whole], [(15, 15, 40, 40)])
    assert not hides_ink(before, after, [(40, 40, 60, 60)], [])

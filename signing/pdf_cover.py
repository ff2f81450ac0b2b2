"""Whether a picture that was put on a page hides what was printed there.

Both looks of the page are compared around every spot where ink was, not over the whole picture: a large and
mostly transparent picture may cover one digit. Two ways of hiding are told apart from a stamp, through which
what lies below still shows: ink that is light now, and ink whose surroundings have become one flat colour.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw, ImageFilter

INK, LIGHT, LIGHTER = 176, 190, 64
"""Grey levels: darker is ink; lighter is paper; by so much must ink have become lighter to be gone."""
RADIUS = 6
_WINDOW = (2 * RADIUS + 1) ** 2
GONE_PIXELS = 12
"""Of a window (13 pixels square, half a centimetre at 72 dpi): one thin digit has more."""
FLAT_PIXELS = 600
_LIVELY, _FLAT = 20, 3
Box = tuple[int, int, int, int]


def hides_ink(before: Image.Image, after: Image.Image, masks: list[Box], drawn: list[Box]) -> bool:
    """Whether inside `masks` something printed can no longer be read; `drawn` may be drawn over.

    Both pictures are grey and of one size; boxes are in their pixels.
    """
    return any(
        _hides(before.crop(m), after.crop(m), [_moved(d, m) for d in drawn])
        for m in masks
        if m[2] > m[0] and m[3] > m[1]
    )


def _moved(box: Box, to: Box) -> Box:
    return box[0] - to[0], box[1] - to[1], box[2] - to[0], box[3] - to[1]


def _hides(before: Image.Image, after: Image.Image, drawn: list[Box]) -> bool:
    return _is_gone(before, after, drawn) or _is_flattened(before, after, drawn)


def _is_gone(before: Image.Image, after: Image.Image, drawn: list[Box]) -> bool:
    """Whether somewhere most of the ink is paper now."""
    ink = before.point(lambda v: 255 if v < INK else 0)
    lighter = _over(ImageChops.subtract(after, before), LIGHTER)
    gone = ImageChops.multiply(ImageChops.multiply(ink, lighter), _over(after, LIGHT))
    left = ImageChops.subtract(ink, gone)
    for box in drawn:
        blank(gone, box)
    if gone.getbbox() is None:
        return False
    window = ImageFilter.BoxBlur(RADIUS)
    around = gone.filter(window)
    enough = _over(around, GONE_PIXELS * 255 // _WINDOW)
    mostly = _over(ImageChops.subtract(around, left.filter(window)), 0)
    return ImageChops.multiply(enough, mostly).getbbox() is not None


def _is_flattened(before: Image.Image, after: Image.Image, drawn: list[Box]) -> bool:
    """Whether where there was writing there is now one colour."""
    lively = _over(_variance(before), _LIVELY)
    flat = _variance(after).point(lambda v: 255 if v < _FLAT else 0)
    both = ImageChops.multiply(lively, flat)
    for box in drawn:
        blank(both, box)
    return both.histogram()[255] >= FLAT_PIXELS


def _variance(picture: Image.Image) -> Image.Image:
    """Around each pixel, in units of 255."""
    window = ImageFilter.BoxBlur(RADIUS)
    square = [v * v // 255 for v in range(256)]
    return ImageChops.subtract(picture.point(square).filter(window), picture.filter(window).point(square))


def _over(picture: Image.Image, level: int) -> Image.Image:
    return picture.point(lambda v: 255 if v > level else 0)


def blank(picture: Image.Image, box: Box) -> None:
    """Make the inside of a box black."""
    left, top, right, bottom = box
    if right > left and bottom > top:
        ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill=0)

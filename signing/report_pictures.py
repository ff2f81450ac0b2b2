"""Pictures for the printed report: the pages that a signature's reader sees otherwise than its signer did."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pypdfium2

from signing.pdf_pages import PageMask, PageViewer
from signing.pdf_sight import OVERTIME
from signing.pdfium_child import ChildLost, PdfiumChild
from signing.report import Changes, FileFormat, FileReport, SignatureReport

PICTURES_MOST: Final = 6
SECONDS: Final = 6.0
BYTES_MOST: Final = 200 * 1024 * 1024
_DOUBTFUL: Final = frozenset({Changes.SUSPICIOUS, Changes.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageThenAndNow:
    """A page as PNG when `signature` was made and as it is now; None where there is no such page."""

    page: int
    signature: str
    then: bytes | None
    now: bytes | None


def changed_pages(report: FileReport, source: Path) -> tuple[PageThenAndNow, ...]:
    """The pages that changed after a signature in a way that its report doubts; each once, the first of them.

    Never raises for bad input: what cannot be drawn is left out.
    """
    if report.format is not FileFormat.PDF:
        return ()
    try:
        data = source.read_bytes() if source.stat().st_size <= BYTES_MOST else b""
    except OSError:
        return ()
    child: PdfiumChild[FileReport, tuple[PageThenAndNow, ...]] = PdfiumChild(lambda r: _drawn(r, data))
    try:
        return child.ask(report, SECONDS + OVERTIME)
    except ChildLost:
        return ()
    finally:
        child.close()


def _drawn(report: FileReport, data: bytes) -> tuple[PageThenAndNow, ...]:
    viewer = PageViewer(data, seconds=SECONDS)
    try:
        return tuple(_changed(report, viewer, data))
    except (pypdfium2.PdfiumError, ValueError, MemoryError, OSError):
        return ()
    finally:
        viewer.close()


def _changed(report: FileReport, viewer: PageViewer, data: bytes) -> Iterator[PageThenAndNow]:
    shown: set[int] = set()
    for place, signature in enumerate(report.signatures):
        end = _end(signature)
        if signature.changes not in _DOUBTFUL or end is None or not 0 < end < len(data):
            continue
        later = [
            PageMask(page=s.page, rect=s.rect)
            for s in report.signatures[place + 1 :]
            if s.intact and s.page is not None and s.rect is not None
        ]
        found = viewer.compare(end, later)
        pages = sorted({*found.different, *found.covered}) or [signature.page or 1]
        for number in pages:
            if number in shown or len(shown) >= PICTURES_MOST:
                continue
            shown.add(number)
            yield PageThenAndNow(
                page=number,
                signature=signature.id,
                then=_png(viewer, end, number),
                now=_png(viewer, len(data), number),
            )


def _end(signature: SignatureReport) -> int | None:
    """Where the revision ends that was signed, from the scope `0-END`."""
    start, _, end = (signature.scope[0] if signature.scope else "").partition("-")
    return int(end) if start == "0" and end.isascii() and end.isdigit() else None


def _png(viewer: PageViewer, end: int, number: int) -> bytes | None:
    picture = viewer.picture(end, number)
    if picture is None:
        return None
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return out.getvalue()

"""Roles told by the page: where a signature's field lies, and what is written there.

After the certificate, the place speaks [NĐ 30/2020 Phụ lục I]: initials are small and stand beside the last
line or *Nơi nhận*; what was put into the number or the date of page 1 says so by its place; a stamp is a
square over the left of a person's field; one line at the top right of page 1 is an annex, a copy or an
arrival, which its own words tell apart. Only wording and policy use this: no verdict does, and what cannot be
read changes nothing. Each answer says what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from signing.page_places import PagePlaces, Rectangle, plain
from signing.report import CertificateKind, Role, SignatureReport
from signing.roles import INITIALS_WIDTH, LINE_HEIGHT, STAMP_SIDE

SLOT_WIDTH, SLOT_HEIGHT, BESIDE = 130, 14, 40
TOP_SHARE, RIGHT_SHARE = 0.8, 0.4
_COPY = ("sao y", "sao lục", "trích sao")
_INCOMING = ("đến số", "số đến", "ngày đến", "công văn đến")
_MOVABLE = frozenset({Role.UNKNOWN, Role.SIGNER, Role.ORGANISATION, Role.INITIALS, Role.NUMBER, Role.ANNEX})


Look = Callable[[Mapping[int, Sequence[Rectangle]]], Mapping[int, PagePlaces]]
"""Reads the places of the pages that have fields: `signing.page_places.read_places` of one file."""


def placed(look: Look, reports: Sequence[SignatureReport]) -> tuple[SignatureReport, ...]:
    """The reports with the roles that their places tell."""
    fields: dict[int, list[Rectangle]] = {}
    for report in reports:
        if report.page is not None and report.rect is not None:
            fields.setdefault(report.page, []).append(report.rect)
    pages = look(fields) if fields else {}
    made: list[SignatureReport] = []
    for report in reports:
        page = pages.get(report.page) if report.page is not None else None
        made.append(_placed(report, page, made) if page is not None else report)
    return tuple(made)


def _placed(report: SignatureReport, page: PagePlaces, before: Sequence[SignatureReport]) -> SignatureReport:
    if report.role not in _MOVABLE or report.rect is None:
        return report
    found = _by_place(report, report.rect, page, before)
    if found is None:
        return report
    role, basis = found
    kept = tuple(b for b in report.role_basis if not b.startswith("field:"))
    return replace(report, role=role, role_basis=(*kept, basis))


def _by_place(
    report: SignatureReport, rect: Rectangle, page: PagePlaces, before: Sequence[SignatureReport]
) -> tuple[Role, str] | None:
    width, height = rect[2] - rect[0], rect[3] - rect[1]
    if page.number == 1 and height <= LINE_HEIGHT:
        slot = _slot(rect, page)
        if slot is not None:
            return slot
        if rect[1] >= page.height * TOP_SHARE and rect[0] >= page.width * RIGHT_SHARE:
            return _at_top(report, page.written.get(rect, ""))
    if width <= INITIALS_WIDTH and report.certificate_kind is not CertificateKind.ORGANISATION:
        return Role.INITIALS, "field:beside-last-line" if _is_beside(rect, page) else "field:narrow"
    square = abs(width - height) <= 0.15 * max(width, height) and min(width, height) >= STAMP_SIDE
    if square and report.certificate_kind is not CertificateKind.PERSON:
        persons = [b.rect for b in before if b.page == report.page and b.role is Role.SIGNER and b.rect]
        if any(_overlap(rect, other) for other in persons):
            return Role.ORGANISATION, "field:square-over-signature"
        return Role.ORGANISATION, "field:square"
    return None


def _slot(rect: Rectangle, page: PagePlaces) -> tuple[Role, str] | None:
    """The number's or the date's place: on the label's own line, at it or right after it."""
    for name, box in page.labels:
        level = abs((rect[1] + rect[3]) / 2 - (box[1] + box[3]) / 2) <= SLOT_HEIGHT
        if not level or box[1] < page.height / 2:
            continue
        if name == "number" and box[0] - 10 <= rect[0] <= box[0] + SLOT_WIDTH:
            return Role.NUMBER, "page:number-slot"
        if name == "date" and box[0] - 10 <= rect[0] <= box[2]:
            return Role.DATE, "page:date-slot"
    return None


def _at_top(report: SignatureReport, written: str) -> tuple[Role, str]:
    said = plain(" ".join(text for text in (written, report.reason, report.field) if text))
    if any(mark in said for mark in _COPY):
        return Role.COPY, "page:top-right-copy"
    if any(mark in said for mark in _INCOMING):
        return Role.INCOMING, "page:top-right-incoming"
    return Role.ANNEX, "page:top-right-text"


def _is_beside(rect: Rectangle, page: PagePlaces) -> bool:
    marks = [box for name, box in page.labels if name == "recipients"]
    if page.last_line is not None:
        marks.append(page.last_line)
    middle = (rect[1] + rect[3]) / 2
    return any(box[1] - BESIDE <= middle <= box[3] + BESIDE for box in marks)


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

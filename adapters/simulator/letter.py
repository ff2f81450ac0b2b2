"""An unsigned official letter as a PDF, laid out as Vietnamese law prescribes [NĐ 30/2020 Phụ lục I].

A4; margins 20 mm above and below, 30 mm left, 20 mm right; national motto to the right, issuing body to the
left; number and notation, place and date, title or subject, addressees, body, then *Nơi nhận* to the left
and the signature block to the right with room for a signature picture. Page numbers from the second page
on. The same fields always give the same bytes.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from datetime import date
from functools import partial

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from signing import fonts

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 30 * mm, 20 * mm, 20 * mm, 20 * mm
TEXT_WIDTH = A4[0] - MARGIN_LEFT - MARGIN_RIGHT
SIGNATURE_ROOM = 26 * mm
MOTTO = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")


@fonts.drawing
def make_letter(  # noqa: PLR0913 - the decree names this many fields
    *,
    issuing_body: str,
    code_notation: str,
    place: str,
    issued_on: date,
    subject: str,
    paragraphs: Sequence[str],
    signer_name: str,
    signer_title: str,
    signing_authority: str | None = None,
    governing_body: str | None = None,
    document_type: str | None = None,
    addressees: Sequence[str] = (),
    copies_to: Sequence[str] = (),
    code_number: str | None = None,
) -> bytes:
    """The letter's PDF.

    `document_type` None means a *công văn* (subject under the number, *V/v*); otherwise the type is the
    title. The code number may be None: it is then left blank, to be put in as a number signature.
    `signing_authority` is the line above the title, such as "TM. ỦY BAN NHÂN DÂN".
    """
    fonts.register()
    story: list[Flowable] = [
        _head(governing_body, issuing_body, code_number or "", code_notation, document_type, subject),
        Spacer(1, 1 * mm),
        _dated(place, issued_on),
        Spacer(1, 6 * mm),
        *_opening(document_type, subject, addressees),
        *(
            Paragraph(_text(p), _style(TA_JUSTIFY, size=14, lead=19, first=12.7 * mm, after=6))
            for p in paragraphs
        ),
        Spacer(1, 6 * mm),
        KeepTogether(_foot(signing_authority, signer_title, signer_name, copies_to)),
    ]
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN_LEFT - 6,
        rightMargin=MARGIN_RIGHT - 6,
        topMargin=MARGIN_TOP - 6,
        bottomMargin=MARGIN_BOTTOM - 6,
        title=fonts.prepared(subject),
        author=fonts.prepared(issuing_body),
        lang="vi-VN",
        invariant=1,
    )
    document.build(story, onLaterPages=_page_number)
    return out.getvalue()


def _style(
    align: int,
    *,
    size: float,
    lead: float | None = None,
    face: str = fonts.REGULAR,
    first: float = 0.0,
    after: float = 0.0,
    before: float = 0.0,
) -> ParagraphStyle:
    return ParagraphStyle(
        "letter",
        fontName=face,
        fontSize=size,
        leading=lead or size * 1.25,
        alignment=align,
        firstLineIndent=first,
        spaceAfter=after,
        spaceBefore=before,
    )


def _text(text: str) -> str:
    return html.escape(fonts.prepared(text), quote=False)


def _rule(width: float) -> Flowable:
    return HRFlowable(width=width, thickness=0.7, color="black", spaceBefore=1, spaceAfter=2)


_centred = partial(_style, TA_CENTER)


def _head(
    governing: str | None,
    body: str,
    number: str,
    notation: str,
    document_type: str | None,
    subject: str,
) -> Flowable:
    left: list[Flowable] = []
    if governing:
        left.append(Paragraph(_text(governing.upper()), _centred(size=12.5)))
    left += [Paragraph(_text(body.upper()), _centred(size=12.5, face=fonts.BOLD)), _rule(24 * mm)]
    blank = "\N{NO-BREAK SPACE}" * 10
    left.append(Paragraph(_text(f"Số: {number or blank}/{notation}"), _centred(size=13, before=4)))
    if document_type is None:
        left.append(Paragraph(_text(f"V/v {subject}"), _centred(size=12, before=4)))
    right = [
        Paragraph(_text(MOTTO[0]), _centred(size=12.5, face=fonts.BOLD)),
        Paragraph(_text(MOTTO[1]), _centred(size=13.5, face=fonts.BOLD)),
        _rule(58 * mm),
    ]
    return _columns(left, right, (0.42, 0.58))


def _dated(place: str, issued_on: date) -> Flowable:
    # Day and the first two months take a leading zero [NĐ 30/2020 Phụ lục I mục II.4].
    month = f"{issued_on.month:02d}" if issued_on.month <= 2 else str(issued_on.month)
    text = f"{place}, ngày {issued_on.day:02d} tháng {month} năm {issued_on.year}"
    line = Paragraph(_text(text), _centred(size=13, face=fonts.ITALIC))
    return _columns([], [line], (0.42, 0.58))


def _opening(document_type: str | None, subject: str, addressees: Sequence[str]) -> list[Flowable]:
    made: list[Flowable] = []
    if document_type is not None:
        made += [
            Paragraph(_text(document_type.upper()), _centred(size=14, face=fonts.BOLD)),
            Paragraph(_text(subject), _centred(size=14, face=fonts.BOLD, before=2)),
            _rule(40 * mm),
            Spacer(1, 4 * mm),
        ]
    if len(addressees) == 1:
        made.append(Paragraph(_text(f"Kính gửi: {addressees[0]}."), _centred(size=14, after=8)))
    elif addressees:
        lines = "<br/>".join(
            f"- {_text(name)}{'.' if place == len(addressees) - 1 else ';'}"
            for place, name in enumerate(addressees)
        )
        pair = [
            Paragraph("Kính gửi:", _style(TA_LEFT, size=14)),
            Paragraph(lines, _style(TA_LEFT, size=14, lead=19)),
        ]
        made += [_columns([pair[0]], [pair[1]], (0.34, 0.66)), Spacer(1, 3 * mm)]
    return made


def _foot(authority: str | None, title: str, name: str, copies_to: Sequence[str]) -> list[Flowable]:
    left: list[Flowable] = []
    if copies_to:
        left.append(Paragraph("Nơi nhận:", _style(TA_LEFT, size=12, face=fonts.BOLD_ITALIC)))
        last = len(copies_to) - 1
        left += [
            Paragraph(_text(f"- {line}{'.' if i == last else ';'}"), _style(TA_LEFT, size=11))
            for i, line in enumerate(copies_to)
        ]
    bold = _centred(size=13.5, face=fonts.BOLD)
    right: list[Flowable] = [Paragraph(_text(authority.upper()), bold)] if authority else []
    right += [Paragraph(_text(title.upper()), bold), Spacer(1, SIGNATURE_ROOM), Paragraph(_text(name), bold)]
    return [_columns(left, right, (0.46, 0.54))]


def _columns(left: list[Flowable], right: list[Flowable], shares: tuple[float, float]) -> Flowable:
    table = Table([[left, right]], colWidths=[TEXT_WIDTH * s for s in shares])
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("ALIGN", (0, 0), (-1, -1), "CENTER"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
            ]
        )
    )
    return table


def _page_number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(fonts.REGULAR, 13)
    canvas.drawCentredString(A4[0] / 2, A4[1] - 12 * mm, str(document.page))
    canvas.restoreState()

"""The report on paper: A4, Vietnamese, every letter embedded, with the changed pages then and now.

Written for a clerk first: the conclusion and what to do stand on top, the standard's words and codes beside
them for whoever must prove it later. Pages that look different since a signature are drawn from the file
itself, a few at most. What comes from the examined file is text here, never markup; a glyph that the typeface
lacks becomes a mark in its place.
"""

from __future__ import annotations

import html
import io
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from signing import fonts
from signing import report_words as words
from signing.messages import conclusion
from signing.report import FileReport, Finding, Indication, Severity, SignatureReport
from signing.report_json import mask_personal
from signing.report_pictures import PageThenAndNow, changed_pages

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
MARGIN: Final = 18 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
LABEL_WIDTH: Final = 40 * mm
PICTURE_WIDTH: Final = WIDTH / 2 - 3 * mm
PICTURE_HEIGHT_MOST: Final = 118 * mm
SIGNATURES_MOST, FINDINGS_MOST, TEXT_MOST = 200, 40, 600
MISSING: Final = "\u25a1"
_TONE: Final = {
    Indication.TOTAL_PASSED: HexColor("#0b6b2e"),
    Indication.INDETERMINATE: HexColor("#8a5a00"),
    Indication.TOTAL_FAILED: HexColor("#a11212"),
    Indication.NO_SIGNATURE: HexColor("#444444"),
}
_MARK: Final = {Severity.ERROR: "Lỗi", Severity.WARNING: "Cảnh báo", Severity.INFO: "Ghi chú"}
_RULE: Final = Color(0.75, 0.75, 0.75)


@fonts.drawing
def print_report(
    report: FileReport, *, source: Path | None, at: datetime, hub: str = "", show_personal: bool = False
) -> bytes:
    """The report as a PDF made `at` that time; without the examined file (`source`) it has no pictures."""
    pictures = changed_pages(report, source) if source is not None else ()
    return _Printer(report, at, hub, show_personal=show_personal).draw(pictures)


class _Printer:
    def __init__(self, report: FileReport, at: datetime, hub: str, *, show_personal: bool) -> None:
        fonts.register()
        self._report, self._at, self._hub, self._show = report, at, hub, show_personal
        self._glyphs = pdfmetrics.getFont(fonts.REGULAR).face.charToGlyph
        self._body = ParagraphStyle("body", fontName=fonts.REGULAR, fontSize=10, leading=13)
        self._small = ParagraphStyle("small", parent=self._body, fontSize=9, leading=11.5)
        self._title = ParagraphStyle("title", parent=self._body, fontName=fonts.BOLD, fontSize=15, leading=19)
        self._head = ParagraphStyle("head", parent=self._body, fontName=fonts.BOLD, fontSize=11.5, leading=15)

    def draw(self, pictures: tuple[PageThenAndNow, ...]) -> bytes:
        """Lay everything out."""
        out = io.BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
            title="Kết quả kiểm tra chữ ký số",
            author=self._hub or "Liên thông",
            invariant=True,
        )
        foot = partial(self._foot)
        document.build(list(self._story(pictures)), onFirstPage=foot, onLaterPages=foot)
        return out.getvalue()

    def _story(self, pictures: tuple[PageThenAndNow, ...]) -> Iterator[Flowable]:
        yield Paragraph("KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ", self._title)
        yield Spacer(0, 2 * mm)
        yield self._verdict(self._report.indication, self._report.sub_indication, self._reason())
        yield Spacer(0, 3 * mm)
        yield self._facts(
            [
                ("Tệp", self._report.file),
                ("SHA-256", self._report.sha256),
                ("Định dạng", self._report.format.value),
                ("Số chữ ký", str(len(self._report.signatures))),
                ("Kiểm tra lúc", self._time(self._at)),
                ("Nơi kiểm tra", self._hub or "Lệnh lienthong verify"),
            ]
        )
        yield from self._findings(self._report.findings)
        for number, signature in enumerate(self._report.signatures[:SIGNATURES_MOST], start=1):
            yield from self._signature(number, signature)
        for picture in pictures:
            yield from self._then_and_now(picture)

    def _reason(self) -> str | None:
        found = [*self._report.findings, *(f for s in self._report.signatures for f in s.findings)]
        grave = [f for f in found if f.severity is not Severity.INFO]
        grave.sort(key=lambda f: f.severity is not Severity.ERROR)
        return grave[0].vi.rstrip(".") if grave else None

    def _verdict(self, indication: Indication, sub: object, reason: str | None) -> Flowable:
        tone = _TONE[indication]
        style = ParagraphStyle("verdict", parent=self._head, textColor=tone, fontSize=13, leading=17)
        standard = indication.value + (f" / {sub}" if sub is not None else "")
        cells = [
            [Paragraph(self._safe(conclusion(indication.value, reason)[0]), style)],
            [Paragraph(f"<b>Việc nên làm:</b> {words.WHAT_TO_DO[indication]}", self._body)],
            [Paragraph(f"EN 319 102-1: {self._safe(standard)}", self._small)],
        ]
        table = Table(cells, colWidths=[WIDTH])
        table.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 1, tone), ("LEFTPADDING", (0, 0), (-1, -1), 8)]))
        return table

    def _facts(self, rows: list[tuple[str, str]]) -> Flowable:
        cells = [
            [Paragraph(f"<b>{label}</b>", self._small), Paragraph(self._safe(value), self._small)]
            for label, value in rows
            if value
        ]
        table = Table(cells, colWidths=[LABEL_WIDTH, WIDTH - LABEL_WIDTH])
        lines = [
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, _RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ]
        table.setStyle(TableStyle(lines))
        return table

    def _signature(self, number: int, signature: SignatureReport) -> Iterator[Flowable]:
        title = f"Chữ ký {number}: {words.ROLE[signature.role]}"
        if signature.attachment is not None:
            title += f" – tệp {signature.attachment}"
        grave = next((f.vi.rstrip(".") for f in signature.findings if f.severity is not Severity.INFO), None)
        yield Spacer(0, 5 * mm)
        yield KeepTogether(
            [
                Paragraph(self._safe(title), self._head),
                Spacer(0, 1 * mm),
                self._verdict(signature.indication, signature.sub_indication, grave),
            ]
        )
        yield self._facts(self._rows(signature))
        yield from self._findings(signature.findings)

    def _rows(self, signature: SignatureReport) -> list[tuple[str, str]]:
        signer, source = signature.signer, signature.time_source
        known = f" ({words.TIME[source]})" if source is not None else ""
        place = f"trang {signature.page}" if signature.page is not None else ""
        return [
            ("Người ký", signer.subject if signer is not None else "không có chứng thư số trong tệp"),
            ("Chứng thư của", words.KIND[signature.certificate_kind]),
            ("Cấp bởi", signer.issuer if signer is not None else ""),
            ("Số chứng thư", signer.serial if signer is not None else ""),
            ("SHA-256 chứng thư", signer.sha256 if signer is not None else ""),
            ("Hiệu lực", self._period(signature)),
            ("Vai trò dựa vào", ", ".join(signature.role_basis)),
            ("Thời gian ghi trong tệp", self._time(signature.signing_time)),
            ("Thời điểm ký", self._time(signature.best_time) + known if signature.best_time else "chưa rõ"),
            ("Dấu thời gian", "; ".join(self._stamps(signature))),
            ("Chữ ký và nội dung", "khớp" if signature.intact else "không khớp"),
            ("Phạm vi ký", words.COVERS[signature.covers] + (f", {place}" if place else "")),
            ("Từ lúc ký đến nay", words.CHANGES[signature.changes]),
            ("Đường dẫn chứng thực", words.CHAIN[signature.chain]),
            ("Thu hồi", words.REVOCATION[signature.revocation]),
            ("Thuật toán", ", ".join(signature.algorithms)),
            ("Định dạng chữ ký", signature.format),
            ("Lý do, nơi ký", ", ".join(t for t in (signature.reason, signature.location) if t)),
        ]

    def _period(self, signature: SignatureReport) -> str:
        signer = signature.signer
        if signer is None or signer.not_before is None or signer.not_after is None:
            return ""
        return f"{self._time(signer.not_before)} – {self._time(signer.not_after)}"

    def _stamps(self, signature: SignatureReport) -> Iterator[str]:
        for stamp in signature.timestamps:
            yield f"{self._time(stamp.time)} ({stamp.type}, {stamp.imprint}, {stamp.indication.value})"

    def _findings(self, findings: tuple[Finding, ...]) -> Iterator[Flowable]:
        for finding in findings[:FINDINGS_MOST]:
            text = f"<b>{_MARK[finding.severity]}:</b> {self._safe(finding.vi)} [{self._safe(finding.code)}]"
            yield Paragraph(text, self._small)
        if len(findings) > FINDINGS_MOST:
            yield Paragraph(f"… và {len(findings) - FINDINGS_MOST} ghi nhận khác.", self._small)

    def _then_and_now(self, pages: PageThenAndNow) -> Iterator[Flowable]:
        head = f"Trang {pages.page}: lúc ký ({pages.signature}) và hiện nay"
        cells: list[list[object]] = [
            [Paragraph("<b>Lúc ký</b>", self._small), Paragraph("<b>Hiện nay</b>", self._small)],
            [self._picture(pages.then), self._picture(pages.now)],
        ]
        table = Table(cells, colWidths=[WIDTH / 2, WIDTH / 2])
        table.setStyle(
            TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
        )
        yield KeepTogether([Spacer(0, 5 * mm), Paragraph(self._safe(head), self._head), table])

    def _picture(self, png: bytes | None) -> Flowable:
        if png is None:
            return Paragraph("Không có trang này.", self._small)
        image = Image(io.BytesIO(png))
        factor = min(PICTURE_WIDTH / image.imageWidth, PICTURE_HEIGHT_MOST / image.imageHeight)
        image.drawWidth, image.drawHeight = image.imageWidth * factor, image.imageHeight * factor
        frame = Table([[image]], colWidths=[image.drawWidth], rowHeights=[image.drawHeight])
        frame.setStyle(
            TableStyle(
                [
                    ("BOX", (0, 0), (-1, -1), 0.5, _RULE),
                    *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")),
                ]
            )
        )
        return frame

    def _safe(self, text: str) -> str:
        """Text of any origin as text: masked, composed, escaped, without glyphs that do not exist."""
        shown = unicodedata.normalize("NFC", text if self._show else mask_personal(text))
        shown = shown[:TEXT_MOST] + ("…" if len(shown) > TEXT_MOST else "")
        drawn = "".join(c if ord(c) in self._glyphs or c == " " else MISSING for c in " ".join(shown.split()))
        return html.escape(drawn)

    def _time(self, moment: datetime | None) -> str:
        if moment is None:
            return ""
        try:
            return moment.astimezone(VIETNAM).strftime("%d/%m/%Y; %H:%M:%S +07:00")
        except OverflowError:
            # Certificates that never end say so by the last second there is.
            return moment.strftime("%d/%m/%Y; %H:%M:%S %z")

    def _foot(self, canvas: Canvas, _document: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont(fonts.REGULAR, 8)
        canvas.drawString(MARGIN, 10 * mm, f"SHA-256 {self._report.sha256}")
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Trang {canvas.getPageNumber()}")
        canvas.restoreState()

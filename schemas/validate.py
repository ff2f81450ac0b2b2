"""Validation of edXML files for people and scripts: the same splitter and reader as the hub's intake.

A report is a value. Its JSON form is an interface: `{"file", "kind", "dialect", "ok", "errors", "warnings",
"summary"}`. Exit codes: 0 every file accepted, 1 one refused, 3 one could not be examined (3 before 1 before
0). Files are read as a stream and attachments go to a temporary folder, removed before the report is given
out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal, TextIO

from schemas.edxml.model import DocumentMessage, StatusMessage
from schemas.edxml.read import AttachmentFile, ReadEdxml, examine
from schemas.edxml.split import FEED_BYTES, SplitEdxml
from schemas.issues import EdxmlRefused, Issue, Language
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.messages import issue, shown
from schemas.split import MessageSplitter

EXIT_ACCEPTED: Final = 0
EXIT_REFUSED: Final = 1
EXIT_NOT_EXAMINED: Final = 3
UNKNOWN: Final = "unknown"

Kind = Literal["document", "status", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the message says, in short; None or empty where it says nothing."""

    from_: str | None = None
    to: tuple[str, ...] = ()
    document_id: str | None = None
    code: str | None = None
    subject: str | None = None
    type: str | None = None
    business_type: int | None = None
    status_code: str | None = None
    attachments: tuple[AttachmentFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What was found in one file. `examined` is false if it could not even be read."""

    file: str
    kind: Kind = "unknown"
    dialect: str = UNKNOWN
    errors: tuple[Issue, ...] = ()
    warnings: tuple[Issue, ...] = ()
    summary: Summary = field(default_factory=Summary)
    examined: bool = True

    @property
    def ok(self) -> bool:
        """The hub would accept the message."""
        return not self.errors

    def to_json(self, lang: Language = "vi") -> dict[str, object]:
        """The report as JSON values."""
        summary = self.summary
        return {
            "file": self.file,
            "kind": self.kind,
            "dialect": self.dialect,
            "ok": self.ok,
            "errors": [_issue_json(each, lang) for each in self.errors],
            "warnings": [_issue_json(each, lang) for each in self.warnings],
            "summary": {
                "from": summary.from_,
                "to": list(summary.to),
                "document_id": summary.document_id,
                "code": summary.code,
                "subject": summary.subject,
                "type": summary.type,
                "business_type": summary.business_type,
                "status_code": summary.status_code,
                "attachments": [_attachment_json(each) for each in summary.attachments],
            },
        }


def validate_file(
    path: Path,
    *,
    label: str | None = None,
    limits: FormatLimits = DEFAULT_LIMITS,
    today: date | None = None,
    folder: Path | None = None,
) -> ValidationReport:
    """Examine one file.

    `label` is how the report names it; `today` enables the future-date check; in `folder` a temporary folder
    for attachments is made and removed.
    """
    name = str(path) if label is None else label
    with tempfile.TemporaryDirectory(prefix="edxml-", dir=folder) as spool:
        try:
            split = _split(path, Path(spool), limits)
            result, errors = examine(split, today=today)
        except EdxmlRefused as refused:
            return ValidationReport(
                file=name,
                errors=tuple(each for each in refused.issues if each.severity == "error"),
                warnings=tuple(each for each in refused.issues if each.severity == "warning"),
            )
        except OSError as error:
            failed = issue("file_unreadable", detail=error.strerror or type(error).__name__)
            return ValidationReport(file=name, errors=(failed,), examined=False)
    return _report(name, result, errors)


def render(report: ValidationReport, lang: Language) -> str:
    """The report as text for a terminal."""
    words = _WORDS[lang]
    outcome = "not_examined" if not report.examined else "accepted" if report.ok else "refused"
    lines = [f"{shown(report.file)}: {words[outcome]}"]
    lines += [f"  {label}: {text}" for label, text in _facts(report, words) if text]
    for heading, issues in ((words["errors"], report.errors), (words["warnings"], report.warnings)):
        if issues:
            lines.append(f"  {heading}:")
        for each in issues:
            place = f" ({each.path})" if each.path else ""
            lines.append(f"    [{each.code}]{place} {each.text(lang)}")
    return "\n".join(lines) + "\n"


def exit_code(reports: Sequence[ValidationReport]) -> int:
    """3 if a file could not be examined, else 1 if one is refused, else 0."""
    if any(not report.examined for report in reports):
        return EXIT_NOT_EXAMINED
    return EXIT_ACCEPTED if all(report.ok for report in reports) else EXIT_REFUSED


def run_validate(
    files: Sequence[str],
    *,
    as_json: bool,
    lang: Language,
    out: TextIO,
    err: TextIO,
    today: date | None = None,
) -> int:
    """The command: report on `out`, files that could not be read also on `err`; gives the exit code."""
    reports: list[ValidationReport] = []
    for name in files:
        report = validate_file(Path(name), label=name, today=today)
        reports.append(report)
        if not report.examined:
            err.write(f"{shown(name)}: {report.errors[0].text(lang)}\n")
        if not as_json:
            out.write(render(report, lang))
    if as_json:
        out.write(_dumped([report.to_json(lang) for report in reports]) + "\n")
    return exit_code(reports)


def _split(path: Path, spool: Path, limits: FormatLimits) -> SplitEdxml:
    splitter = MessageSplitter(spool=spool, limits=limits)
    with path.open("rb") as file:
        while chunk := file.read(FEED_BYTES):
            splitter.feed(chunk)
    return splitter.close()


def _report(name: str, result: ReadEdxml, errors: tuple[Issue, ...]) -> ValidationReport:
    message = result.message
    summary = (
        _status(message) if isinstance(message, StatusMessage) else _document(message, result.attachments)
    )
    return ValidationReport(
        file=name,
        kind="status" if isinstance(message, StatusMessage) else "document",
        dialect=str(result.dialect),
        errors=errors,
        warnings=result.warnings,
        summary=summary,
    )


def _document(message: DocumentMessage, attachments: tuple[AttachmentFile, ...]) -> Summary:
    return Summary(
        from_=message.from_.code or None,
        to=tuple(recipient.code for recipient in message.to),
        document_id=message.document_id or None,
        code=message.code or None,
        subject=message.subject or None,
        type=message.document_type.type_name or None,
        business_type=message.business.doc_type,
        attachments=attachments,
    )


def _status(message: StatusMessage) -> Summary:
    reference = message.response_for
    return Summary(
        from_=message.from_.code or None,
        to=(reference.organ_code,) if reference.organ_code else (),
        document_id=reference.document_id or None,
        code=reference.code or None,
        status_code=message.status_code or None,
    )


def _issue_json(each: Issue, lang: Language) -> dict[str, str]:
    return {"code": each.code, "path": each.path, "text": each.text(lang)}


def _attachment_json(each: AttachmentFile) -> dict[str, object]:
    return {
        "name": each.name or each.safe_name,
        "size": each.size,
        "media_type": each.media_type,
        "sha256": each.sha256.hex(),
    }


def _facts(report: ValidationReport, words: dict[str, str]) -> list[tuple[str, str]]:
    summary = report.summary
    business = words.get(f"business_{summary.business_type}", "")
    facts = [
        (words["kind"], words[report.kind] if report.kind != UNKNOWN else ""),
        (words["dialect"], report.dialect if report.dialect != UNKNOWN else ""),
        (words["from"], summary.from_ or ""),
        (words["to"], ", ".join(summary.to)),
        (words["document_id"], summary.document_id or ""),
        (words["code"], summary.code or ""),
        (words["subject"], summary.subject or ""),
        (words["type"], summary.type or ""),
        (words["business"], business),
        (words["status_code"], summary.status_code or ""),
    ]
    for each in summary.attachments:
        name = shown(each.name or each.safe_name)
        facts.append((words["attachment"], f"{name}, {each.size} byte, {each.media_type}"))
    return [(label, shown(text)) for label, text in facts]


def _dumped(values: list[dict[str, object]]) -> str:
    text = json.dumps(values, ensure_ascii=False, indent=2)
    # A file name that is no valid UTF-8 holds surrogates, which only escapes can carry.
    return text if _encodable(text) else json.dumps(values, indent=2)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_WORDS: Final[dict[Language, dict[str, str]]] = {
    "vi": {
        "accepted": "được chấp nhận",
        "refused": "bị từ chối",
        "not_examined": "không kiểm tra được",
        "errors": "Lỗi",
        "warnings": "Cảnh báo",
        "kind": "Loại thông điệp",
        "document": "văn bản",
        "status": "trạng thái",
        "dialect": "Dạng viết",
        "from": "Nơi gửi",
        "to": "Nơi nhận",
        "document_id": "Mã văn bản",
        "code": "Số, ký hiệu",
        "subject": "Trích yếu",
        "type": "Loại văn bản",
        "business": "Nghiệp vụ",
        "business_0": "văn bản mới",
        "business_1": "thu hồi",
        "business_2": "cập nhật",
        "business_3": "thay thế",
        "status_code": "Mã trạng thái",
        "attachment": "Tệp đính kèm",
    },
    "en": {
        "accepted": "accepted",
        "refused": "refused",
        "not_examined": "could not be examined",
        "errors": "Errors",
        "warnings": "Warnings",
        "kind": "Message",
        "document": "document",
        "status": "status",
        "dialect": "Dialect",
        "from": "From",
        "to": "To",
        "document_id": "Document id",
        "code": "Number and notation",
        "subject": "Subject",
        "type": "Document type",
        "business": "Business",
        "business_0": "new document",
        "business_1": "revocation",
        "business_2": "update",
        "business_3": "replacement",
        "status_code": "Status code",
        "attachment": "Attachment",
    },
}

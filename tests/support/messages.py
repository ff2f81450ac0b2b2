"""edXML messages for tests, written by the product's own writer: letters, changes of letters, statuses."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from schemas.edxml.model import (
    AttachmentInfo,
    Business,
    DateText,
    DocumentMessage,
    DocumentType,
    Organization,
    OtherInfo,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StatusMessage,
    TimeText,
)
from schemas.edxml.write import write_document, write_status

DAY = date(2026, 11, 2)
NOTATION = "SNV-VP"
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"

File = tuple[str, bytes]


def number_of(sender: str, number: int | str) -> str:
    """The document id of a letter of `sender`."""
    return f"{sender},{DAY:%Y/%m/%d},{number}/{NOTATION}"


def letter(
    sender: str,
    to: str | Sequence[str],
    *,
    number: int | str = 1,
    subject: str = "V/v báo cáo tình hình chuyển đổi số",
    content: str = "",
    notation: str = NOTATION,
    priority: int = 0,
    typer: str = "",
    sphere: str = "",
    files: Sequence[File] = (("cong-van.pdf", PDF),),
    business: Business | None = None,
    response_for: Sequence[ResponseFor] = (),
) -> bytes:
    """A letter as the national SDK would write it; `number` makes it another letter."""
    message = DocumentMessage(
        from_=Organization(organ_id=sender, organ_name=f"Đơn vị {sender}"),
        to=tuple(
            Organization(organ_id=code, organ_name=f"Đơn vị {code}")
            for code in ((to,) if isinstance(to, str) else to)
        ),
        document_id=number_of(sender, number),
        code_number=str(number),
        code_notation=notation,
        promulgation_place="Thủ Dầu Một",
        promulgation_date=DateText(raw=f"{DAY:%Y/%m/%d}", parsed=DAY),
        document_type=DocumentType(type=2, type_name="Công văn"),
        subject=subject,
        content=content or subject,
        signer_info=SignerInfo(position="GIÁM ĐỐC", full_name="Nguyễn Văn Mẫu"),
        other_info=OtherInfo(priority=priority, typer_notation=typer, sphere=sphere),
        response_for=tuple(response_for),
        business=business or Business(doc_type=0, paper=0),
        attachments=tuple(
            AttachmentInfo(content_id=str(index), name=name, content_type="application/pdf")
            for index, (name, _) in enumerate(files, 1)
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, (_, data) in enumerate(files):
            path = Path(folder) / str(index)
            path.write_bytes(data)
            paths.append(path)
        return b"".join(write_document(message, paths))


def update(sender: str, to: str | Sequence[str], *, number: int | str, text: str = "sửa đổi") -> bytes:
    """A message of type 2: the next version of a letter."""
    named = number_of(sender, number)
    return letter(
        sender, to, number=number, content=text, business=Business(doc_type=2, document_id=named, reason=text)
    )


def revocation(sender: str, to: str | Sequence[str], *, of: int | str, number: int | str) -> bytes:
    """A message of type 1 that revokes letter `of`."""
    return letter(
        sender,
        to,
        number=number,
        business=Business(doc_type=1, reason="Thu hồi"),
        response_for=[reference(sender, of)],
    )


def replacement(sender: str, to: str | Sequence[str], *, of: int | str, number: int | str) -> bytes:
    """A message of type 3 that stands in for letter `of`."""
    codes = (to,) if isinstance(to, str) else tuple(to)
    info = ReplacementInfo(document_id=number_of(sender, of), organ_ids=codes)
    return letter(
        sender, to, number=number, business=Business(doc_type=3, reason="Thay thế", replacements=(info,))
    )


def reference(owner: str, number: int | str) -> ResponseFor:
    """How other messages quote a letter of `owner`."""
    return ResponseFor(
        organ_id=owner,
        code=f"{number}/{NOTATION}",
        document_id=number_of(owner, number),
        promulgation_date=DateText(raw=f"{DAY:%Y/%m/%d}"),
    )


def status(
    sender: str,
    code: str,
    *,
    about: tuple[str, int | str],
    to: str | None = None,
    text: str = "",
    at: str = "2026/11/02 08:00:00",
) -> bytes:
    """A status message about the letter (owner, number), for its owner unless `to` says another."""
    owner, number = about
    quoted = reference(owner, number)
    return write_status(
        StatusMessage(
            from_=Organization(organ_id=sender, organ_name=f"Đơn vị {sender}"),
            response_for=ResponseFor(
                organ_id=to or owner,
                code=quoted.code,
                document_id=quoted.document_id,
                promulgation_date=quoted.promulgation_date,
            ),
            status_code=code,
            description=text,
            timestamp=TimeText(raw=at),
        )
    )


def unprefixed(body: bytes) -> bytes:
    """The same message in the dialect without prefixes, which recipients must ask for by name."""
    namespace = b' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"'
    plain = body.replace(namespace, b"")
    return plain.replace(b"<edXML:", b"<").replace(b"</edXML:", b"</")

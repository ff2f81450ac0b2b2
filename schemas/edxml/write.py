"""Writing: the one strict dialect that every known receiver takes [national SDK, .NET receivers].

Literal prefix `edXML:` inside the envelope, no prefix in `AttachmentEncoded` (save the SDK's own
`edXML:ContentTransferEncoded`), the SDK's element order, UTF-8 without a mark, LF, two-space indent. The same
model and files give the same bytes. Documents are produced as a stream; attachments are embedded as they are,
never zipped.

What cannot be said in XML (control characters) or in the format (`OtherInfo.secret`, of which QCVN 102 has no
element: such documents must not travel at all) is left out; what receivers may cut is told by
`writing_issues`. Dates that were understood are written in canonical form, others as they came.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from schemas.edxml.checks import length_issues
from schemas.edxml.dates import VIETNAM, date_text, time_text
from schemas.edxml.model import (
    AttachmentInfo,
    Business,
    DateText,
    DocumentMessage,
    Organization,
    ResponseFor,
    StaffInfo,
    StatusMessage,
    TimeText,
    TraceHeader,
)
from schemas.edxml.skeleton import QCVN_NAMESPACE
from schemas.issues import Issue
from schemas.media import BY_EXTENSION, OCTETS, honest_type
from schemas.messages import issue
from schemas.names import extension, is_plain, safe_name

# A multiple of 3, so that every piece but the last is base64 without padding: 48 KB make 64 KB.
_READ_BYTES: Final = 48 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_IMPOSSIBLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_HEAD: Final = f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{QCVN_NAMESPACE}">\n'
_CONTENT_OPEN: Final = f'<edXML:ContentTransferEncoded xmlns:edXML="{QCVN_NAMESPACE}">'
_CONTENT_CLOSE: Final = "</edXML:ContentTransferEncoded>\n"

# An element: name with its value, a text or its children. Empty ones are left out.
Part: TypeAlias = "tuple[str, str | list[Part]]"


def write_document(message: DocumentMessage, contents: Sequence[Path]) -> Iterator[bytes]:
    """The message with its files (one for each of `message.attachments`) in chunks of at most 64 KB."""
    if len(contents) != len(message.attachments):
        raise ValueError(f"{len(message.attachments)} attachments need as many files, got {len(contents)}")
    return _sliced(_document_pieces(message, contents))


def write_status(message: StatusMessage) -> bytes:
    """The whole status message."""
    header: list[Part] = [
        ("From", _organization(message.from_)),
        ("ResponseFor", _response_for(message.response_for)),
        ("StaffInfo", _staff(message.staff) if message.staff is not None else []),
        ("StatusCode", message.status_code),
        ("Description", message.description),
        ("Timestamp", _time(message.timestamp)),
    ]
    envelope: list[Part] = [("edXMLHeader", [("MessageHeader", header)])]
    return (_HEAD + _envelope(envelope) + "</edXML>\n").encode("utf-8")


def append_trace(message: DocumentMessage, organ_id: str, timestamp: datetime) -> DocumentMessage:
    """The message with this hop added; an aware time becomes Vietnam time, a naive one is taken as such."""
    if timestamp.tzinfo is not None:
        timestamp = timestamp.astimezone(VIETNAM).replace(tzinfo=None)
    timestamp = timestamp.replace(microsecond=0)
    hop = TraceHeader(organ_id=organ_id, timestamp=TimeText(raw=time_text(timestamp), parsed=timestamp))
    return dataclasses.replace(message, trace_headers=(*message.trace_headers, hop))


def writing_issues(message: DocumentMessage | StatusMessage) -> tuple[Issue, ...]:
    """What receivers may cut or what is left out in writing; nothing of it stops the message."""
    found = list(length_issues(message))
    lost = [name for name, text in _texts(message, "") if _IMPOSSIBLE.search(text)]
    found += [issue("control_removed", name, value=name) for name in dict.fromkeys(lost)]
    if isinstance(message, DocumentMessage):
        for number, attachment in enumerate(message.attachments, 1):
            if not is_plain(attachment.name):
                shown = _attachment_name(attachment, number - 1)
                found.append(issue("attachment_name_unsafe", f"Attachment[{number}]", value=shown))
    return tuple(found)


def _document_pieces(message: DocumentMessage, contents: Sequence[Path]) -> Iterator[bytes]:
    envelope: list[Part] = [
        ("edXMLHeader", [("MessageHeader", _header(message)), ("TraceHeaderList", _trace(message))]),
        ("edXMLBody", [("edXMLManifest", [("Reference", part) for part in _manifest(message)])]),
    ]
    yield (_HEAD + _envelope(envelope)).encode("utf-8")
    if contents:
        yield b"  <AttachmentEncoded>\n"
        for index, (attachment, path) in enumerate(zip(message.attachments, contents, strict=True)):
            yield _attachment_head(attachment, index).encode("utf-8")
            yield from _base64(path)
            yield (_CONTENT_CLOSE + "    </Attachment>\n").encode("ascii")
        yield b"  </AttachmentEncoded>\n"
    yield b"</edXML>\n"


def _envelope(parts: list[Part]) -> str:
    inner = "".join(_element("edXML:" + name, value, "    ") for name, value in parts)
    return f'  <edXML:edXMLEnvelope xmlns:edXML="{QCVN_NAMESPACE}">\n{inner}  </edXML:edXMLEnvelope>\n'


def _element(name: str, value: str | list[Part], indent: str) -> str:
    """One element with its children, nothing if it is empty; children inherit the prefix."""
    if isinstance(value, str):
        text = _escaped(value)
        return f"{indent}<{name}>{text}</{name}>\n" if text.strip() else ""
    prefix = name.rpartition(":")[0] + ":"
    inner = "".join(_element(prefix + child, content, indent + "  ") for child, content in value)
    attributes = ' version="1.0"' if name == "edXML:edXMLManifest" else ""
    return f"{indent}<{name}{attributes}>\n{inner}{indent}</{name}>\n" if inner else ""


def _escaped(text: str) -> str:
    text = _IMPOSSIBLE.sub("", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _header(message: DocumentMessage) -> list[Part]:
    kind, signer = message.document_type, message.signer_info
    return [
        ("From", _organization(message.from_)),
        *(("To", _organization(recipient)) for recipient in message.to),
        ("DocumentId", message.document_id),
        ("Code", [("CodeNumber", message.code_number), ("CodeNotation", message.code_notation)]),
        (
            "PromulgationInfo",
            [("Place", message.promulgation_place), ("PromulgationDate", _date(message.promulgation_date))],
        ),
        (
            "DocumentType",
            [
                ("Type", _number(kind.type)),
                ("TypeDetail", _number(kind.type_detail)),
                ("TypeName", kind.type_name),
            ],
        ),
        ("Subject", message.subject),
        ("Content", message.content),
        (
            "SignerInfo",
            [
                ("Competence", signer.competence),
                ("Position", signer.position),
                ("FullName", signer.full_name),
            ],
        ),
        ("DueDate", _date(message.due_date)),
        ("OtherInfo", _other_info(message)),
        *(("ResponseFor", _response_for(reference)) for reference in message.response_for),
        ("SteeringType", str(message.steering_type)),
        ("ResponseForTask", [("TaskCode", code) for code in message.response_for_task]),
        ("ApplicationType", message.application_type),
        ("ToPlaces", [("Place", place) for place in message.to_places]),
    ]


def _other_info(message: DocumentMessage) -> list[Part]:
    other = message.other_info
    return [
        ("Priority", str(other.priority)),
        ("SphereOfPromulgation", other.sphere),
        ("TyperNotation", other.typer_notation),
        ("PromulgationAmount", _number(other.promulgation_amount)),
        ("PageAmount", _number(other.page_amount)),
        ("Direction", "true" if other.direction else "false"),
        ("Appendixes", [("Appendix", text) for text in other.appendixes]),
    ]


def _organization(organization: Organization) -> list[Part]:
    return [
        ("OrganId", organization.organ_id),
        ("OrganizationInCharge", organization.organization_in_charge),
        ("OrganName", organization.organ_name),
        ("OrganAdd", organization.organ_add),
        ("Email", organization.email),
        ("Telephone", organization.telephone),
        ("Fax", organization.fax),
        ("Website", organization.website),
    ]


def _response_for(reference: ResponseFor) -> list[Part]:
    return [
        ("OrganId", reference.organ_id),
        ("Code", reference.code),
        ("DocumentId", reference.document_id),
        ("PromulgationDate", _date(reference.promulgation_date)),
    ]


def _staff(staff: StaffInfo) -> list[Part]:
    return [
        ("Department", staff.department),
        ("DepartmentId", staff.department_id),
        ("Staff", staff.staff),
        ("StaffId", staff.staff_id),
        ("Mobile", staff.mobile),
        ("Email", staff.email),
    ]


def _trace(message: DocumentMessage) -> list[Part]:
    hops: list[Part] = [
        ("TraceHeader", [("OrganId", hop.organ_id), ("Timestamp", _time(hop.timestamp))])
        for hop in message.trace_headers
    ]
    return [("Bussiness", _business(message.business)), *hops]


def _business(business: Business) -> list[Part]:
    infos: list[Part] = [
        (
            "BussinessDocumentInfo",
            [
                ("DocumentInfo", _number(info.document_info)),
                ("DocumentReceiver", _number(info.document_receiver)),
                (
                    "ReceiverList",
                    [
                        (
                            "Receiver",
                            [("OrganId", each.organ_id), ("ReceiverType", _number(each.receiver_type))],
                        )
                        for each in info.receivers
                    ],
                ),
            ],
        )
        for info in business.document_infos
    ]
    replaced: list[Part] = [
        (
            "ReplacementInfo",
            [
                ("DocumentId", each.document_id),
                ("OrganIdList", [("OrganId", code) for code in each.organ_ids]),
            ],
        )
        for each in business.replacements
    ]
    return [
        ("DocumentId", business.document_id),
        ("BussinessDocType", str(business.doc_type)),
        ("BussinessDocReason", business.reason),
        ("Paper", _number(business.paper)),
        *infos,
        ("ReplacementInfoList", replaced),
        *(("StaffInfo", _staff(staff)) for staff in business.staff),
    ]


def _manifest(message: DocumentMessage) -> Iterator[list[Part]]:
    for index, attachment in enumerate(message.attachments):
        yield [
            ("ContentId", "cid:" + attachment.content_id),
            ("ContentType", _content_type(attachment)),
            ("Description", attachment.description),
            ("AttachmentName", _attachment_name(attachment, index)),
        ]


def _attachment_head(attachment: AttachmentInfo, index: int) -> str:
    parts = (
        ("ContentId", "cid:" + attachment.content_id),
        ("AttachmentName", _attachment_name(attachment, index)),
        ("Description", attachment.description),
        ("ContentType", _content_type(attachment)),
    )
    lines = "".join(_element(name, value, "      ") for name, value in parts)
    return f"    <Attachment>\n{lines}      {_CONTENT_OPEN}"


def _attachment_name(attachment: AttachmentInfo, index: int) -> str:
    if attachment.name and is_plain(attachment.name):
        return attachment.name
    return safe_name(attachment.name, fallback=f"tep-dinh-kem-{index + 1}")


def _content_type(attachment: AttachmentInfo) -> str:
    declared = attachment.content_type or BY_EXTENSION.get(extension(attachment.name), OCTETS)
    return honest_type(declared, attachment.name)


def _date(value: DateText) -> str:
    return date_text(value.parsed) if value.parsed is not None else value.raw


def _time(value: TimeText) -> str:
    return time_text(value.parsed) if value.parsed is not None else value.raw


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _base64(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            yield base64.b64encode(piece)


def _sliced(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _CHUNK_BYTES):
            yield piece[start : start + _CHUNK_BYTES]


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Every text of a model with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each, name)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _texts(getattr(value, field.name), field.name)

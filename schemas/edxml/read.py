"""From the skeleton to the model: one reader for every dialect of QCVN 102.

Elements are matched by local name, in any order, unknown ones ignored with a warning, as all receivers do.
Exactly the documented reject list refuses; all its errors in one message are reported together. Everything
else warns.

`needs_repair` says that the bytes as sent must not be handed to others: something was repaired on the way
(junk, xlink, encoding), or another reader could take the message for something else than was read here (a
repeated From, a file the national SDK would unpack wrongly, a file name that is a path). Who gets such a
message gets a rendition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from schemas.edxml.attachments import SplitAttachment
from schemas.edxml.checks import document_issues, length_issues, status_issues
from schemas.edxml.dialect import Dialect, dialect_of
from schemas.edxml.fields import Findings, Section
from schemas.edxml.model import (
    STATUS_CODES,
    AttachmentInfo,
    DocumentMessage,
    ResponseFor,
    StatusMessage,
)
from schemas.edxml.organ import RESPONSE_FOR, STAFF, read_response_for, read_sender, read_staff
from schemas.edxml.read_document import HEADER_MANY, HEADER_SINGLE, read_document
from schemas.edxml.skeleton import QCVN_NAMESPACE, Node
from schemas.edxml.split import SplitEdxml
from schemas.issues import EdxmlRefused, Issue
from schemas.media import honest_type
from schemas.messages import refusal
from schemas.names import is_plain

_STATUS_SINGLE: Final = frozenset(
    {"From", "ResponseFor", "StaffInfo", "StatusCode", "Description", "Timestamp"}
)
_ROOT_EXTRAS: Final = frozenset({"Boundary", "ContentId", "ContentType"})
_ENVELOPES: Final = ("edXMLEnvelope", "EdXMLEnvelope")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentFile:
    """One attachment on disk: `name` as declared, `path` decoded and, if an exporter zipped it, unzipped."""

    index: int
    name: str
    safe_name: str
    declared_type: str
    media_type: str
    size: int
    sha256: bytes
    path: Path
    was_zipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEdxml:
    """A message read."""

    message: DocumentMessage | StatusMessage
    dialect: Dialect
    needs_repair: bool
    warnings: tuple[Issue, ...]
    attachments: tuple[AttachmentFile, ...]


def read(split: SplitEdxml, *, today: date | None = None) -> ReadEdxml:
    """The model of a message, or `EdxmlRefused` with every error; `today` is for the future-date check."""
    result, errors = examine(split, today=today)
    if errors:
        raise EdxmlRefused(*errors, *result.warnings)
    return result


def examine(split: SplitEdxml, *, today: date | None = None) -> tuple[ReadEdxml, tuple[Issue, ...]]:
    """What could be read, and the errors: for reports. Raises `EdxmlRefused` where nothing can be read."""
    findings = Findings()
    envelope = _envelope(split.root, findings)
    edxml_header = _part(envelope, "edXMLHeader", findings)
    header_node = _part(edxml_header, "MessageHeader", findings)
    if _is_status(header_node, split):
        message: DocumentMessage | StatusMessage = _read_status(header_node, findings)
    else:
        names = _document_names(header_node)
        header = Section(header_node, "MessageHeader", findings, single=names, many=HEADER_MANY)
        message = read_document(header, edxml_header, tuple(_info(each) for each in split.attachments))
    _report(split, envelope, edxml_header, findings)
    result = ReadEdxml(
        message=message,
        dialect=split.older or dialect_of(split.names, split.root.name, foreign_namespaces=findings.mixed),
        needs_repair=split.repaired
        or findings.repair
        or any(each.needs_repair for each in split.attachments),
        warnings=(*split.issues, *findings.warnings, *_late_issues(message, today)),
        attachments=tuple(_file(each) for each in split.attachments),
    )
    return result, tuple(findings.errors)


def _envelope(root: Node, findings: Findings) -> Node:
    if root.name != "edXML":
        findings.add("root_unusual", root.name, value=root.name)
    if root.name in _ENVELOPES:
        return root
    found = [child for child in root.children if child.name in _ENVELOPES]
    if not found:
        raise refusal(
            "message_kind_unknown", root.name, detail=("không có edXMLEnvelope", "there is no edXMLEnvelope")
        )
    if len(found) > 1:
        findings.repair = True
        findings.add("element_repeated", root.name, value=found[0].name)
    if found[0].namespace != QCVN_NAMESPACE:
        shown = found[0].namespace or "-"
        raise refusal(
            "namespace_wrong", "edXMLEnvelope", detail=(f"edXMLEnvelope: {shown}", f"edXMLEnvelope: {shown}")
        )
    return found[0]


def _part(node: Node, name: str, findings: Findings) -> Node:
    found = list(node.all(name))
    if not found:
        raise refusal("message_kind_unknown", node.name, detail=(f"không có {name}", f"there is no {name}"))
    if len(found) > 1:
        findings.repair = True
        findings.add("element_repeated", node.name, value=name)
    if found[0].namespace != QCVN_NAMESPACE:
        findings.mixed = True
        findings.add("namespace_mixed", node.name, value=name)
    return found[0]


def _is_status(header: Node, split: SplitEdxml) -> bool:
    """A status has StatusCode; with a recipient or an attachment beside it nobody can tell."""
    is_document = header.first("To") is not None or bool(split.attachments)
    if header.first("StatusCode") is not None:
        if is_document:
            detail = (
                "có cả StatusCode và To hoặc tệp đính kèm",
                "StatusCode together with To or attachments",
            )
            raise refusal("message_kind_unknown", "MessageHeader", detail=detail)
        return True
    # A status that lost its code is told from a document that lost its recipients by what it does not have.
    bare = header.first("Subject") is None and header.first("Code") is None
    return not is_document and bare and header.first("ResponseFor") is not None


def _document_names(header: Node) -> frozenset[str]:
    # Secrecy elements of older forms may stand beside OtherInfo; they are read by their own rule.
    return HEADER_SINGLE | {child.name for child in header.children if child.name.lower().startswith("secre")}


def _read_status(header_node: Node, findings: Findings) -> StatusMessage:
    header = Section(header_node, "MessageHeader", findings, single=_STATUS_SINGLE)
    sender = read_sender(header)
    section = header.sub("ResponseFor", single=RESPONSE_FOR)
    reference = read_response_for(section) if section is not None else ResponseFor()
    path = "MessageHeader/ResponseFor"
    if not reference.organ_code:
        findings.add("response_for_missing", f"{path}/OrganId")
    if not reference.document_id:
        findings.add("document_id_missing", f"{path}/DocumentId")
    if not reference.code:
        findings.add("code_missing", f"{path}/Code")
    code = header.identifier("StatusCode")
    if code not in STATUS_CODES:
        findings.add("status_code_unknown", "MessageHeader/StatusCode", value=code)
    staff = header.sub("StaffInfo", single=STAFF)
    return StatusMessage(
        from_=sender,
        response_for=reference,
        status_code=code,
        description=header.text("Description"),
        timestamp=header.time("Timestamp"),
        staff=read_staff(staff) if staff is not None else None,
    )


def _report(split: SplitEdxml, envelope: Node, edxml_header: Node, findings: Findings) -> None:
    """Elements around the header that are nobody's: reported, not read."""
    known = {
        split.root: {*_ENVELOPES, "AttachmentEncoded", "edXMLHeader", "edXMLBody"} | _ROOT_EXTRAS,
        envelope: {"edXMLHeader", "edXMLBody", "AttachmentEncoded"},
        edxml_header: {"MessageHeader", "TraceHeaderList", "Signature", "DigitalSignature"},
    }
    for node, names in known.items():
        for name in dict.fromkeys(child.name for child in node.children if child.name not in names):
            findings.add("unknown_element", node.name, value=name)
    for part in (
        *split.root.all("AttachmentEncoded"),
        *envelope.all("AttachmentEncoded"),
        *envelope.all("edXMLBody"),
    ):
        foreign = _foreign(part)
        if foreign is not None:
            findings.mixed = True
            findings.add("namespace_mixed", part.name, value=foreign)
    signature = edxml_header.first("Signature") or edxml_header.first("DigitalSignature")
    if signature is not None and signature.children:
        findings.add("xml_signature_ignored", "edXMLHeader/" + signature.name)


def _foreign(node: Node) -> str | None:
    """The name of the first element in another namespace."""
    if node.namespace != QCVN_NAMESPACE:
        return node.name
    return next((name for name in map(_foreign, node.children) if name is not None), None)


def _late_issues(message: DocumentMessage | StatusMessage, today: date | None) -> tuple[Issue, ...]:
    if isinstance(message, StatusMessage):
        return (*status_issues(message), *length_issues(message))
    return (*document_issues(message, today), *length_issues(message))


def _info(each: SplitAttachment) -> AttachmentInfo:
    return AttachmentInfo(
        content_id=each.content_id,
        name=each.name if each.name and is_plain(each.name) else each.safe_name,
        content_type=_content_type(each),
        description=each.description,
    )


def _content_type(each: SplitAttachment) -> str:
    """The declared type, unless there is none or it would mislead a reader."""
    misled = each.needs_repair or each.was_zipped or not each.declared_type
    return honest_type(each.media_type if misled else each.declared_type, each.name)


def _file(each: SplitAttachment) -> AttachmentFile:
    return AttachmentFile(
        index=each.index,
        name=each.name,
        safe_name=each.safe_name,
        declared_type=each.declared_type,
        media_type=each.media_type,
        size=each.size,
        sha256=each.sha256,
        path=each.path,
        was_zipped=each.was_zipped,
    )

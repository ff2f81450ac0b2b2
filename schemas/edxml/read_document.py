"""The document message: MessageHeader, TraceHeaderList and Bussiness into the model [QCVN 102].

Element names are the format's own, `Bussiness` included. Tolerances: a missing Bussiness means a new document
(the national exchange leaves it out at times); numbers out of their list are read as the list's default with
a warning; only a business type outside 0-3 refuses, because what is to be done would be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from schemas.edxml.fields import Findings, Section
from schemas.edxml.model import (
    BUSINESS_NEW,
    BUSINESS_TYPES,
    NO_DATE,
    AttachmentInfo,
    Business,
    BusinessDocumentInfo,
    DateText,
    DocumentMessage,
    DocumentType,
    Organization,
    OtherInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    TraceHeader,
    normal_id,
)
from schemas.edxml.organ import (
    ORGANIZATION,
    RESPONSE_FOR,
    STAFF,
    read_organization,
    read_response_for,
    read_sender,
    read_staff,
)
from schemas.edxml.skeleton import Node

_HEADER_NAMES: Final = (
    "From DocumentId Code PromulgationInfo DocumentType Subject Content SignerInfo DueDate OtherInfo "
    "SteeringType ResponseForTask ApplicationType ToPlaces"
)
HEADER_SINGLE: Final = frozenset(_HEADER_NAMES.split())
HEADER_MANY: Final = frozenset({"To", "ResponseFor"})
_OTHER_NAMES: Final = (
    "Priority SphereOfPromulgation TyperNotation PromulgationAmount PageAmount Direction Appendixes"
)
_OTHER: Final = frozenset(_OTHER_NAMES.split())
_BUSINESS_SINGLE: Final = frozenset({"DocumentId", "BussinessDocType", "BussinessDocReason", "Paper"})
_BUSINESS_MANY: Final = frozenset({"BussinessDocumentInfo", "ReplacementInfoList", "StaffInfo"})
_SPELLINGS: Final = {"Business": "Bussiness", "BusinessDocType": "BussinessDocType"}
_SECRET: Final = re.compile(r"(?i)(secret|secrecy|security|confidential|domat|do_mat|mat)(level|type|mark)?")
_PRIORITIES: Final = range(5)
_STEERING: Final = range(4)
_INFO: Final = frozenset({"DocumentInfo", "DocumentReceiver", "ReceiverList"})


def read_document(
    header: Section, edxml_header: Node, attachments: tuple[AttachmentInfo, ...]
) -> DocumentMessage:
    """Everything but the checks that need the whole message; errors are noted in the findings."""
    number, notation = _code(header)
    place, issued = _promulgation(header)
    tasks = header.sub("ResponseForTask", many=frozenset({"TaskCode"}))
    places = header.sub("ToPlaces", many=frozenset({"Place"}))
    traces, business = _trace(edxml_header, header.findings)
    return DocumentMessage(
        from_=read_sender(header),
        to=_recipients(header),
        document_id=header.identifier("DocumentId"),
        code_number=number,
        code_notation=notation,
        promulgation_place=place,
        promulgation_date=issued,
        document_type=_document_type(header),
        subject=header.text("Subject"),
        content=header.text("Content"),
        signer_info=_signer(header),
        due_date=header.date("DueDate"),
        other_info=_other_info(header),
        response_for=_references(header),
        steering_type=_listed(header, "SteeringType", _STEERING, 1),
        response_for_task=tasks.texts("TaskCode") if tasks is not None else (),
        application_type=header.text("ApplicationType"),
        to_places=places.texts("Place") if places is not None else (),
        trace_headers=traces,
        business=business,
        attachments=attachments,
    )


def _recipients(header: Section) -> tuple[Organization, ...]:
    found: list[Organization] = []
    seen: set[str] = set()
    for section in header.each("To", single=ORGANIZATION):
        organization = read_organization(section)
        if not organization.code:
            header.findings.add("organ_id_missing", section.path)
            continue
        if organization.code in seen:
            header.findings.add("recipient_repeated", section.path, value=organization.code)
        seen.add(organization.code)
        found.append(organization)
    if not found:
        header.findings.add("to_missing", f"{header.path}/To")
    return tuple(found)


def _code(header: Section) -> tuple[str, str]:
    section = header.sub("Code", single=frozenset({"CodeNumber", "CodeNotation"}))
    if section is None:
        return "", ""
    return section.identifier("CodeNumber"), section.identifier("CodeNotation")


def _promulgation(header: Section) -> tuple[str, DateText]:
    section = header.sub("PromulgationInfo", single=frozenset({"Place", "PromulgationDate"}))
    if section is None:
        return "", NO_DATE
    return section.text("Place"), section.date("PromulgationDate")


def _document_type(header: Section) -> DocumentType:
    section = header.sub("DocumentType", single=frozenset({"Type", "TypeDetail", "TypeName"}))
    if section is None:
        return DocumentType()
    kind = section.number("Type")
    if kind is not None and kind not in (1, 2):
        header.findings.add("document_type_unusual", section.path, value=kind)
    return DocumentType(
        type=kind, type_detail=section.number("TypeDetail"), type_name=section.text("TypeName")
    )


def _signer(header: Section) -> SignerInfo:
    section = header.sub("SignerInfo", single=frozenset({"Competence", "Position", "FullName"}))
    if section is None:
        return SignerInfo()
    return SignerInfo(
        competence=section.text("Competence"),
        position=section.text("Position"),
        full_name=section.text("FullName"),
    )


def _other_info(header: Section) -> OtherInfo:
    secret = _secret(header.node)
    marks = frozenset(node.name for node in _secret_nodes(header.node))
    section = header.sub("OtherInfo", single=_OTHER | marks)
    if section is None:
        return OtherInfo(secret=secret)
    appendixes = section.sub("Appendixes", many=frozenset({"Appendix"}))
    return OtherInfo(
        priority=_listed(section, "Priority", _PRIORITIES, 0),
        sphere=section.text("SphereOfPromulgation"),
        typer_notation=section.text("TyperNotation"),
        promulgation_amount=section.number("PromulgationAmount"),
        page_amount=section.number("PageAmount"),
        direction=section.text("Direction").strip().lower() in ("true", "1"),
        appendixes=appendixes.texts("Appendix") if appendixes is not None else (),
        secret=secret,
    )


def _secret_nodes(node: Node) -> Iterator[Node]:
    for child in node.children:
        if _SECRET.fullmatch(child.name):
            yield child
        yield from _secret_nodes(child)


def _secret(node: Node) -> str | None:
    """The text of any secrecy element, wherever in the header an older form put it."""
    found = [child.text.strip() for child in _secret_nodes(node)]
    return " / ".join(text for text in found if text) or None


def _references(header: Section) -> tuple[ResponseFor, ...]:
    empty = ResponseFor()
    found = (read_response_for(section) for section in header.each("ResponseFor", single=RESPONSE_FOR))
    return tuple(reference for reference in found if reference != empty)


def _listed(section: Section, name: str, allowed: range, default: int) -> int:
    value = section.number(name)
    if value is None:
        return default
    if value not in allowed:
        section.findings.add("value_unlisted", section.path, value=name, detail=value, limit=default)
        return default
    return value


def _trace(edxml_header: Node, findings: Findings) -> tuple[tuple[TraceHeader, ...], Business]:
    node = edxml_header.first("TraceHeaderList")
    if node is None:
        findings.add("business_missing", "TraceHeaderList")
        return (), Business()
    _respell(node, findings)
    section = Section(
        node, "TraceHeaderList", findings, single=frozenset({"Bussiness"}), many=frozenset({"TraceHeader"})
    )
    traces = tuple(
        TraceHeader(organ_id=_hop(hop.node), timestamp=hop.time("Timestamp"))
        for hop in section.each("TraceHeader", single=frozenset({"OrganId", "Timestamp"}))
    )
    business = section.node.first("Bussiness")
    if business is None:
        findings.add("business_missing", "TraceHeaderList")
        return traces, Business()
    _respell(business, findings)
    part = section.sub("Bussiness", single=_BUSINESS_SINGLE, many=_BUSINESS_MANY)
    return traces, _business(part) if part is not None else Business()


def _hop(node: Node) -> str:
    """Hops write no id or the word null as a matter of routine: no finding."""
    child = node.first("OrganId")
    text = normal_id(child.text) if child is not None else ""
    return "" if text.lower() == "null" else text


def _respell(node: Node, findings: Findings) -> None:
    """Bussiness is the format's spelling; some write it right and mean the same."""
    for child in node.children:
        if child.name in _SPELLINGS:
            findings.add("business_spelling", "TraceHeaderList", value=child.name)
            findings.repair = True
            child.name = _SPELLINGS[child.name]


def _business(section: Section) -> Business:
    return Business(
        doc_type=_business_type(section),
        reason=section.text("BussinessDocReason"),
        paper=section.number("Paper"),
        document_id=section.identifier("DocumentId"),
        document_infos=tuple(
            _document_info(part) for part in section.each("BussinessDocumentInfo", single=_INFO)
        ),
        replacements=tuple(_replacements(section)),
        staff=tuple(read_staff(part) for part in section.each("StaffInfo", single=STAFF)),
    )


def _business_type(section: Section) -> int:
    text = section.identifier("BussinessDocType")
    if not text:
        section.findings.add("business_missing", section.path)
        return BUSINESS_NEW
    value = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1
    if value not in BUSINESS_TYPES:
        section.findings.add("business_type_unknown", f"{section.path}/BussinessDocType", value=text)
    return value


def _document_info(section: Section) -> BusinessDocumentInfo:
    receivers = section.sub("ReceiverList", many=frozenset({"Receiver"}))
    found = (
        receivers.each("Receiver", single=frozenset({"OrganId", "ReceiverType"}))
        if receivers is not None
        else ()
    )
    return BusinessDocumentInfo(
        document_info=section.number("DocumentInfo"),
        document_receiver=section.number("DocumentReceiver"),
        receivers=tuple(
            Receiver(organ_id=each.identifier("OrganId"), receiver_type=each.number("ReceiverType"))
            for each in found
        ),
    )


def _replacements(section: Section) -> Iterator[ReplacementInfo]:
    for part in section.each("ReplacementInfoList", many=frozenset({"ReplacementInfo"})):
        for each in part.each("ReplacementInfo", single=frozenset({"DocumentId", "OrganIdList"})):
            units = each.sub("OrganIdList", many=frozenset({"OrganId"}))
            found = units.texts("OrganId") if units is not None else ()
            yield ReplacementInfo(
                document_id=each.identifier("DocumentId"),
                organ_ids=tuple(code for code in map(normal_id, found) if code),
            )

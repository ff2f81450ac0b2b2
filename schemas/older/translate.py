"""From the header of an older dialect to the skeleton of QCVN 102.

Names that changed are put right (`Author` is SignerInfo, `Date` is PromulgationDate, `type` is DocumentType),
words become the numbers that the newer format has (the urgency), a hop's Sender becomes the hop. What
the newer format has no place for is left to the reader, which reports it and goes on. The `Token` of the
SOAP header, a credential, and the old `Signature` and `ErrorList` are left out: no rendition has them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from schemas.edxml.encoding import Transcoder
from schemas.edxml.skeleton import QCVN_NAMESPACE, Node
from schemas.issues import EdxmlRefused
from schemas.limits import FormatLimits
from schemas.messages import refusal
from schemas.safe_xml import SmallLimits, parse_small

EDOC_NAMESPACES: Final = frozenset(
    {"http://www.e-doc.vn/Schema/", "http://www.e-doc.vn/Schema", "http://www.e-doc.vn/schema/"}
)
SOAP_NAMESPACE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_FIRST_TAG: Final = re.compile(rb"<([A-Za-z_][\w.:-]*)")
_HEAD_BYTES: Final = 8 * 1024
_URGENCY: Final = {
    "thường": "0",
    "bình thường": "0",
    "khẩn": "1",
    "thượng khẩn": "2",
    "hỏa tốc": "3",
    "hoả tốc": "3",
    "hỏa tốc hẹn giờ": "4",
    "hoả tốc hẹn giờ": "4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One attachment of an older message, as it was found: `content` is the index of its decoded bytes."""

    content: int
    content_id: str = ""
    name: str = ""
    content_type: str = ""


def parse_header(data: bytes, limits: FormatLimits) -> etree._Element:
    """The tree of a SOAP envelope of an older dialect, within the bounds of any message's metadata.

    Raises:
        EdxmlRefused: as for QCVN messages; `skeleton_too_large` in place of a size limit of its own.
    """
    if len(data) > limits.skeleton_bytes:
        raise too_large(limits)
    text = declare_prefix(Transcoder().feed(data, final=True))
    return parse_small(
        text,
        limits=SmallLimits(bytes=limits.skeleton_bytes * 2, depth=limits.depth, elements=limits.elements),
    )


def too_large(limits: FormatLimits) -> EdxmlRefused:
    """The refusal of metadata beyond its bound."""
    limit = limits.skeleton_bytes
    return refusal("skeleton_too_large", detail=(f"quá {limit} byte", f"over {limit} bytes"))


def declare_prefix(head: bytes) -> bytes:
    """Bind the prefix `edXML` on the root where the writer forgot to: old exporters pasted text together."""
    start = head[:_HEAD_BYTES]
    if b"edXML:" not in start or b"xmlns:edXML" in start:
        return head
    found = _FIRST_TAG.search(head)
    if found is None:
        return head
    return head[: found.end()] + b' xmlns:edXML="http://www.e-doc.vn/Schema/"' + head[found.end() :]


def to_skeleton(envelope: etree._Element, parts: Iterable[Part], limits: FormatLimits) -> Node:
    """The skeleton of a message in an older dialect, as if it had been sent in QCVN 102.

    Raises:
        EdxmlRefused: `namespace_wrong`, `message_kind_unknown`, `too_many_recipients`.
    """
    header = _child(envelope, "Header")
    message = _child(header, "MessageHeader") if header is not None else None
    if header is None or message is None:
        raise refusal(
            "message_kind_unknown",
            "Envelope",
            detail=("không có Header/MessageHeader", "there is no Header/MessageHeader"),
        )
    namespace = etree.QName(message).namespace or ""
    if namespace not in EDOC_NAMESPACES and namespace != QCVN_NAMESPACE:
        raise refusal(
            "namespace_wrong",
            "MessageHeader",
            detail=(f"MessageHeader: {namespace or '-'}", f"MessageHeader: {namespace or '-'}"),
        )
    converted = _node(message)
    if len(list(converted.all("To"))) > limits.recipients:
        raise refusal("too_many_recipients", "MessageHeader/To", limit=limits.recipients)
    _modernise(converted)
    edxml_header = _made("edXMLHeader", [converted, *_traces(header)])
    body = _child(envelope, "Body")
    edxml_envelope = _made("edXMLEnvelope", [edxml_header, *_manifest(body)])
    files = [_attachment(part) for part in parts]
    return _made("edXML", [edxml_envelope, *([_made("AttachmentEncoded", files)] if files else [])])


def _child(parent: etree._Element | None, name: str) -> etree._Element | None:
    if parent is None:
        return None
    return next((each for each in parent if etree.QName(each).localname == name), None)


def _node(element: etree._Element) -> Node:
    """An element with all below it; the old namespace, or none, becomes that of QCVN 102."""
    found = etree.QName(element)
    namespace = found.namespace or ""
    node = Node(
        found.localname, QCVN_NAMESPACE if namespace in EDOC_NAMESPACES or not namespace else namespace
    )
    node.children = [_node(child) for child in element]
    text = element.text or ""
    node.text = text.strip() if node.children else text
    for key, value in element.attrib.items():
        if etree.QName(str(key)).localname == "href":
            node.href = str(value)
    return node


def _made(name: str, children: list[Node], text: str = "") -> Node:
    node = Node(name, QCVN_NAMESPACE)
    node.children, node.text = children, text
    return node


def _modernise(header: Node) -> None:
    for node in header.children:
        if node.name == "type":
            _document_type(node)
        elif node.name == "Author":
            node.name = "SignerInfo"
            _rename(node, "Function", "Position")
        elif node.name == "PromulgationInfo":
            _rename(node, "Date", "PromulgationDate")
        elif node.name == "OtherInfo":
            for child in node.all("Priority"):
                child.text = _URGENCY.get(_word(child.text), child.text)


def _document_type(node: Node) -> None:
    node.name = "DocumentType"
    _rename(node, "value", "Type")
    _rename(node, "description", "TypeName")


def _rename(node: Node, old: str, new: str) -> None:
    if node.first(new) is None:
        for child in node.all(old):
            child.name = new


def _word(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _traces(header: etree._Element) -> Iterator[Node]:
    found = _child(header, "TraceHeaderList")
    if found is None:
        return
    node = _node(found)
    for hop in node.all("TraceHeader"):
        sender = hop.first("Sender")
        code = sender.first("OrganId") if sender is not None else None
        if hop.first("OrganId") is None and code is not None:
            hop.children.insert(0, code)
        hop.children = [each for each in hop.children if each.name in ("OrganId", "Timestamp")]
    yield node


def _manifest(body: etree._Element | None) -> Iterator[Node]:
    manifest = _child(body, "Manifest")
    if manifest is not None:
        node = _node(manifest)
        node.name = "edXMLManifest"
        yield _made("edXMLBody", [node])


def _attachment(part: Part) -> Node:
    content = _made("ContentTransferEncoded", [])
    node = _made(
        "Attachment",
        [
            _made("ContentId", [], part.content_id),
            _made("AttachmentName", [], part.name),
            _made("ContentType", [], part.content_type),
            content,
        ],
    )
    node.content = part.content
    return node

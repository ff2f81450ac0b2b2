"""What the timestamps of a XAdES signature hash, recomputed [EN 319 132-1 §5.2.9, §5.3, §5.5].

content      the referenced data, all or those included by name signature    the SignatureValue element refs
references to certificates and revocation data, alone or with value and signature timestamps (legacy)
archive      data, SignedInfo, SignatureValue, KeyInfo, all unsigned properties before it, other ds:Object
elements

Legacy types whose message cannot be reproduced are reported as not evaluated; a current type must match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from asn1crypto import x509
from lxml import etree

from signing.algorithms import digest
from signing.timestamps import TokenCheck, check_token
from signing.xades import NAMESPACES, V132, V141, Properties
from signing.xml_c14n import Method, canonical
from signing.xmldsig import Core, Processor, c14n_of, decode, ds, text_of

_CONTENT = ("AllDataObjectsTimeStamp", "IndividualDataObjectsTimeStamp")
_REFS = ("RefsOnlyTimeStamp", "RefsOnlyTimeStampV2", "SigAndRefsTimeStamp", "SigAndRefsTimeStampV2")
_REFERENCE_PROPERTIES = (
    "CompleteCertificateRefs",
    "CompleteCertificateRefsV2",
    "CompleteRevocationRefs",
    "AttributeCertificateRefs",
    "AttributeCertificateRefsV2",
    "AttributeRevocationRefs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """One token, and whether its kind is an old one whose mismatch proves nothing."""

    token: TokenCheck
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The signature whose timestamps are checked."""

    processor: Processor
    core: Core
    properties: Properties
    certificates: tuple[x509.Certificate, ...]


def check_timestamps(
    processor: Processor, core: Core, properties: Properties, certificates: tuple[x509.Certificate, ...]
) -> list[Stamped]:
    """All timestamps of one signature."""
    subject = _Subject(processor=processor, core=core, properties=properties, certificates=certificates)
    found: list[Stamped] = []
    if properties.signed is not None:
        for element in properties.signed.iter(*(f"{{{properties.namespace}}}{n}" for n in _CONTENT)):
            found += _tokens(subject, element, "content-timestamp", _content(subject, element), legacy=False)
    if properties.unsigned is not None:
        for element in properties.unsigned:
            if isinstance(element.tag, str):
                found += _unsigned(subject, element)
    return _marked(found)


def _marked(found: list[Stamped]) -> list[Stamped]:
    """An archive timestamp takes in what stands before it: not a signature timestamp put in later."""
    marked: list[Stamped] = []
    is_covered = True
    for stamp in reversed(found):
        is_covered = is_covered and stamp.token.type != "signature-timestamp"
        if stamp.token.type == "archive-timestamp" and not is_covered:
            stamp = replace(stamp, token=replace(stamp.token, encloses=False))  # noqa: PLW2901
        marked.append(stamp)
    return marked[::-1]


def _unsigned(subject: _Subject, element: etree._Element) -> list[Stamped]:
    name = etree.QName(element)
    if name.namespace not in {*NAMESPACES, V141}:
        return []
    how = _method(element)
    if name.localname == "SignatureTimeStamp":
        value = subject.core.signature.find(ds("SignatureValue"))
        message = canonical(value, how) if value is not None else None
        return _tokens(subject, element, "signature-timestamp", message, legacy=False)
    if name.localname in _REFS:
        return _tokens(subject, element, "refs-timestamp", _refs(subject, element, how), legacy=True)
    if name.localname in {"ArchiveTimeStamp", "ArchiveTimeStampV2"}:
        legacy = name.namespace not in {V141, V132}
        return _tokens(subject, element, "archive-timestamp", _archive(subject, element, how), legacy=legacy)
    return []


def _method(element: etree._Element) -> Method:
    return c14n_of(element.find(ds("CanonicalizationMethod"))) or Method()


def _tokens(
    subject: _Subject, element: etree._Element, kind: str, message: bytes | None, *, legacy: bool
) -> list[Stamped]:
    made: list[Stamped] = []
    for holder in element.iter(*(f"{{{ns}}}EncapsulatedTimeStamp" for ns in NAMESPACES)):
        blob = decode(text_of(holder))
        if blob is None:
            made.append(Stamped(token=TokenCheck(type=kind, problem="not base64"), legacy=legacy))
            continue
        token = check_token(
            kind,
            blob,
            lambda name: digest(name, message) if message is not None else None,
            more_certificates=subject.certificates,
        )
        made.append(Stamped(token=token, legacy=legacy))
    return made


def _content(subject: _Subject, element: etree._Element) -> bytes | None:
    how = _method(element)
    included = [
        i.get("URI", "").lstrip("#") for i in element.findall(f"{{{subject.properties.namespace}}}Include")
    ]
    parts: list[bytes] = []
    for reference in subject.core.references:
        if reference.element is subject.properties.signed and reference.element is not None:
            continue
        if included and reference.id not in included:
            continue
        octets = subject.processor.octets(reference, subject.core.signature, how)
        if octets is None:
            return None
        parts.append(octets)
    return b"".join(parts)


def _refs(subject: _Subject, element: etree._Element, how: Method) -> bytes | None:
    signature, unsigned = subject.core.signature, subject.properties.unsigned
    local = etree.QName(element).localname
    parts: list[etree._Element] = []
    if local.startswith("SigAndRefs"):
        value = signature.find(ds("SignatureValue"))
        parts += [value] if value is not None else []
    wanted = (*_REFERENCE_PROPERTIES, *(("SignatureTimeStamp",) if parts else ()))
    for child in unsigned if unsigned is not None else ():
        if child is element:
            break
        if isinstance(child.tag, str) and etree.QName(child).localname in wanted:
            parts.append(child)
    return b"".join(canonical(p, how) for p in parts)


def _archive(subject: _Subject, element: etree._Element, how: Method) -> bytes | None:
    signature = subject.core.signature
    parts: list[bytes] = []
    for reference in subject.core.references:
        octets = subject.processor.octets(reference, signature, how)
        if octets is None:
            return None
        parts.append(octets)
    parts += [canonical(e, how) for e in _around(subject, element)]
    return b"".join(parts)


def _around(subject: _Subject, stamp: etree._Element) -> Iterator[etree._Element]:
    signature, unsigned = subject.core.signature, subject.properties.unsigned
    for name in ("SignedInfo", "SignatureValue", "KeyInfo"):
        found = signature.find(ds(name))
        if found is not None:
            yield found
    for child in unsigned if unsigned is not None else ():
        if child is stamp:
            break
        if isinstance(child.tag, str):
            yield child
    own = subject.properties.element.getparent()
    for holder in signature.findall(ds("Object")):
        if holder is not own:
            yield holder

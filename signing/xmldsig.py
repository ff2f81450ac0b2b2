"""XMLDSig core validation: references, transforms, signature value [XMLDSig 1.1 §3.2].

Our own, on lxml and `cryptography`, because the question is not only "valid?" but "what exactly is
covered?". Nothing outside the file is fetched; XSLT is never run; an unknown transform makes its reference
unknown, not wrong. Every reference says what it points at and what of it was digested, which is what
`signing.xml_scope` judges.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from lxml import etree

from signing.algorithms import digest
from signing.primitives import Scheme
from signing.xml_c14n import INCLUSIVE, Method, NodeSet, canonical, is_method, method, serialise
from signing.xml_parse import DS, Identifiers
from signing.xml_subset import select
from signing.xpath_cost import is_costly

ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
MANIFEST_TYPE = f"{DS}Manifest"
NOT_SIGNATURE = re.compile(r"^not\(\s*ancestor-or-self::([A-Za-z_][\w.-]*):Signature\s*\)$")
MAX_REFERENCES, MAX_TRANSFORMS = 1_000, 16
MAX_WORK, WORK_PER_BYTE, EXTERNAL_SHARE = 16 * 1024 * 1024, 8, 16
"""Bytes that all references of a document may come to; what is only hashed counts less."""

_MORE, _MORE07, _MORE21 = (
    "http://www.w3.org/2001/04/xmldsig-more#",
    "http://www.w3.org/2007/05/xmldsig-more#",
    "http://www.w3.org/2021/04/xmldsig-more#",
)
_DIGESTS = {
    f"{_MORE}md5": "md5",
    f"{DS}sha1": "sha1",
    f"{_MORE}sha224": "sha224",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    "http://www.w3.org/2001/04/xmlenc#ripemd160": "ripemd160",
    f"{_MORE07}sha3-224": "sha3_224",
    f"{_MORE07}sha3-256": "sha3_256",
    f"{_MORE07}sha3-384": "sha3_384",
    f"{_MORE07}sha3-512": "sha3_512",
}
_RSA = re.compile(r"rsa-(md5|sha1|sha224|sha256|sha384|sha512|ripemd160)$")
_PSS = re.compile(r"(sha1|sha224|sha256|sha384|sha512|sha3-224|sha3-256|sha3-384|sha3-512)-rsa-MGF1$")
_EC = re.compile(r"ecdsa-(sha1|sha224|sha256|sha384|sha512|sha3-224|sha3-256|sha3-384|sha3-512|ripemd160)$")


_OF_OBJECT = frozenset({"Id", "MimeType", "Encoding"})


class Outcome(StrEnum):
    """How a reference fared."""

    GOOD = "good"
    CHANGED = "changed"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One ds:Reference after processing."""

    uri: str | None
    type: str | None
    id: str | None
    outcome: Outcome
    digest_name: str = ""
    element: etree._Element | None = None
    whole_document: bool = False
    external: bool = False
    filtered: bool = False
    without: frozenset[etree._Element] = frozenset()
    octets: bytes | None = None
    problem: str | None = None
    node: etree._Element


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What core validation has to work with."""

    signature: etree._Element
    signed_info: bytes
    scheme: Scheme | None
    scheme_uri: str
    value: bytes | None
    references: tuple[Reference, ...]
    problem: str | None = None


class Altered(ValueError):
    """Signed data that is there, and cannot be what was signed."""


class Unusable(ValueError):
    """Something in the signature that cannot be processed; the message says what."""


def ds(name: str) -> str:
    """A name in the XMLDSig namespace."""
    return f"{{{DS}}}{name}"


def digest_name(uri: str | None) -> str | None:
    """Our name of a digest algorithm."""
    return _DIGESTS.get(uri or "")


def decode(text: str | None) -> bytes | None:
    """Base64 as XML carries it; None if it is none."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def text_of(element: etree._Element | None) -> str:
    """All text inside an element."""
    return "".join(element.itertext()) if element is not None else ""


def scheme_of(element: etree._Element) -> tuple[Scheme | None, str]:
    """The scheme that a SignatureMethod names, and its URI."""
    uri = element.get("Algorithm", "")
    for pattern, name in ((_RSA, "rsa"), (_PSS, "rsa-pss"), (_EC, "ecdsa-plain")):
        match = pattern.search(uri)
        if match:
            return Scheme(name=name, digest=match.group(1).replace("-", "_")), uri
    if uri.endswith("#rsa-pss"):
        return _pss_parameters(element), uri
    dsa = re.search(r"#dsa-(sha1|sha256)$", uri)
    if dsa:
        return Scheme(name="dsa-plain", digest=dsa.group(1)), uri
    if uri.startswith(f"{_MORE21}eddsa-ed"):
        return Scheme(name="ed25519" if uri.endswith("25519") else "ed448", digest="sha512"), uri
    return None, uri


def _pss_parameters(element: etree._Element) -> Scheme:
    name = digest_name(next((d.get("Algorithm") for d in element.iter(ds("DigestMethod"))), None)) or "sha256"
    salt = next((e.text for e in element.iter() if str(e.tag).endswith("}SaltLength")), None)
    return Scheme(name="rsa-pss", digest=name, salt_length=int(salt) if salt and salt.isdigit() else None)


def is_hmac(uri: str) -> bool:
    """Whether the method is a message authentication code."""
    return "#hmac-" in uri


class Processor:
    """Processes the signatures of one document, or of one signature file of a container.

    `data` are the bytes that `root` was parsed from; they make finding identifiers quick.
    """

    def __init__(
        self,
        root: etree._Element,
        *,
        data: bytes | None = None,
        external: Callable[[str | None], bytes | None] | None = None,
    ) -> None:
        self.root = root
        self.identifiers = Identifiers(root, data)
        self._external = external
        self._left = MAX_WORK + WORK_PER_BYTE * len(data or b"")

    def _spent(self, octets: bytes, share: int = 1) -> bytes:
        """Count what was made; many references to one large document would take minutes."""
        self._left -= len(octets) // share
        if self._left < 0:
            raise Unusable("the references come to too much")
        return octets

    def core(self, signature: etree._Element) -> Core:
        """SignedInfo, value and references of one ds:Signature."""
        info = signature.find(ds("SignedInfo"))
        if info is None:
            raise Unusable("no SignedInfo")
        how = c14n_of(info.find(ds("CanonicalizationMethod")))
        method_element = info.find(ds("SignatureMethod"))
        if how is None or method_element is None:
            raise Unusable("CanonicalizationMethod or SignatureMethod")
        scheme, uri = scheme_of(method_element)
        nodes = info.findall(ds("Reference"))
        if not nodes or len(nodes) > MAX_REFERENCES:
            raise Unusable(f"{len(nodes)} references")
        truncated = method_element.find(ds("HMACOutputLength")) is not None
        return Core(
            signature=signature,
            signed_info=canonical(info, how),
            scheme=scheme,
            scheme_uri=uri,
            value=decode(text_of(signature.find(ds("SignatureValue")))),
            references=tuple(self.reference(n, signature) for n in nodes),
            problem="HMACOutputLength" if truncated else None,
        )

    def reference(self, node: etree._Element, signature: etree._Element) -> Reference:
        """Resolve, transform and digest one reference."""
        target = _Target(node)
        name = digest_name(_algorithm(node.find(ds("DigestMethod"))))
        stated = decode(text_of(node.find(ds("DigestValue"))))
        try:
            octets = self._process(node, signature, target)
        except Altered as error:
            target.problem = str(error)
            return target.result(Outcome.CHANGED, name or "")
        except Unusable as error:
            target.problem = str(error)
            outcome = Outcome.NOT_FOUND if target.missing else Outcome.UNKNOWN
            return target.result(outcome, name or "")
        if name is None:
            target.problem = f"digest {_algorithm(node.find(ds('DigestMethod')))}"
            return target.result(Outcome.UNKNOWN, "", octets)
        actual = digest(name, octets)
        if actual is None:
            target.problem = f"digest {name}"
            return target.result(Outcome.UNKNOWN, name, octets)
        return target.result(Outcome.GOOD if actual == stated else Outcome.CHANGED, name, octets)

    def octets(self, reference: Reference, signature: etree._Element, how: Method) -> bytes | None:
        """What the reference's data is to a timestamp: a node set is canonicalised in the timestamp's way."""
        try:
            return self._process(reference.node, signature, _Target(reference.node), how)
        except (Unusable, Altered):
            return None

    def _process(
        self, node: etree._Element, signature: etree._Element, target: _Target, how: Method | None = None
    ) -> bytes:
        self._spent(b"")
        current: NodeSet | bytes = self._resolve(node.get("URI"), signature, target)
        transforms = node.findall(f"{ds('Transforms')}/{ds('Transform')}")
        if len(transforms) > MAX_TRANSFORMS:
            raise Unusable("too many transforms")
        for transform in transforms:
            current = self._transform(current, transform, signature, target)
        return current if isinstance(current, bytes) else self._spent(serialise(current, how or Method()))

    def _resolve(self, uri: str | None, signature: etree._Element, target: _Target) -> NodeSet | bytes:
        if uri is None or (uri and not uri.startswith("#")):
            target.external = True
            found = self._external(uri) if self._external else None
            if found is None:
                target.missing = True
                raise Unusable(uri or "no URI")
            return self._spent(found, EXTERNAL_SHARE)
        if uri in {"", "#xpointer(/)"}:
            target.element, target.whole_document = self.root, True
            return NodeSet(apex=self.root, whole_document=True, comments=bool(uri))
        pointer = re.match(r"""^#xpointer\(id\((?:'([^']*)'|"([^"]*)")\)\)$""", unquote(uri))
        name = (pointer.group(1) or pointer.group(2)) if pointer else unquote(uri[1:])
        if "xpointer" in name:
            raise Unusable(uri)
        element = self.identifiers.get(name, within=signature)
        if element is None:
            if self.identifiers.is_ambiguous(name):
                raise Unusable(f"several elements are called {name}")
            target.missing = True
            raise Unusable(uri)
        target.element = element
        return NodeSet(apex=element, comments=pointer is not None)

    def _transform(
        self,
        current: NodeSet | bytes,
        transform: etree._Element,
        signature: etree._Element,
        target: _Target,
    ) -> NodeSet | bytes:
        uri = _algorithm(transform) or ""
        if is_method(uri):
            how = c14n_of(transform)
            nodes = current if isinstance(current, NodeSet) else _parsed(current)
            return self._spent(serialise(nodes, how or Method()))
        if uri == BASE64:
            raw = current.decode("latin-1") if isinstance(current, bytes) else _visible_text(current, target)
            try:
                # What is no letter of base64 would be skipped: it could be anything.
                return base64.b64decode("".join(raw.split()), validate=True)
            except (binascii.Error, ValueError) as error:
                raise Altered("not base64 any more") from error
        if uri == XSLT:
            raise Unusable("XSLT")
        if uri not in {ENVELOPED, XPATH, FILTER2}:
            raise Unusable(f"transform {uri}")
        nodes = current if isinstance(current, NodeSet) else _parsed(current)
        if uri == ENVELOPED:
            nodes.without.add(signature)
        elif uri == XPATH:
            _filter(nodes, transform, target)
        else:
            _filter2(nodes, transform, target)
        target.without = frozenset(nodes.without)
        return nodes


class _Target:
    """What is learnt of a reference while it is processed."""

    def __init__(self, node: etree._Element) -> None:
        self.node = node
        self.element: etree._Element | None = None
        self.whole_document = self.external = self.filtered = self.missing = False
        self.without: frozenset[etree._Element] = frozenset()
        self.problem: str | None = None

    def result(self, outcome: Outcome, name: str, octets: bytes | None = None) -> Reference:
        """The finished reference."""
        return Reference(
            uri=self.node.get("URI"),
            type=self.node.get("Type"),
            id=self.node.get("Id"),
            outcome=outcome,
            digest_name=name,
            element=self.element,
            whole_document=self.whole_document,
            external=self.external,
            filtered=self.filtered,
            without=self.without,
            octets=octets,
            problem=self.problem,
            node=self.node,
        )


def _algorithm(element: etree._Element | None) -> str | None:
    return element.get("Algorithm") if element is not None else None


def c14n_of(element: etree._Element | None) -> Method | None:
    """The canonicalisation that an element names, with its prefixes; without one, inclusive 1.0."""
    if element is None:
        return method(INCLUSIVE)
    listed = next(
        (e.get("PrefixList", "") for e in element if str(e.tag).endswith("}InclusiveNamespaces")), ""
    )
    return method(element.get("Algorithm"), listed.split())


def _parsed(octets: bytes) -> NodeSet:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise Unusable("a transform needs XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unusable("DOCTYPE")
    return NodeSet(apex=root, whole_document=True, comments=True)


def _visible_text(nodes: NodeSet, target: _Target) -> str:
    """The text that is decoded. Markup around and in it is not: only that of a data object says nothing."""
    apex = nodes.apex
    if len(apex) or apex.tag != ds("Object") or set(apex.attrib) - _OF_OBJECT:
        target.filtered = True
    return "".join(apex.itertext())


def _namespaces(element: etree._Element) -> Mapping[str, str]:
    return {p: u for p, u in element.nsmap.items() if p}


def _filter(nodes: NodeSet, transform: etree._Element, target: _Target) -> None:
    """An XPath transform; the usual "not inside a signature" leaves whole subtrees out and stays clear in
    scope.
    """
    expression = transform.find(ds("XPath"))
    if expression is None:
        raise Unusable("XPath")
    text = " ".join(text_of(expression).split())
    scope = _namespaces(expression)
    usual = NOT_SIGNATURE.match(text)
    if usual and scope.get(usual.group(1)) == DS:
        nodes.without |= set(nodes.apex.getroottree().iter(ds("Signature")))
        return
    target.filtered = True
    _refuse_costly(text, nodes.apex, each=True)
    try:
        found = select(nodes.apex, text, scope, expression)
    except etree.XPathError as error:
        raise Unusable("XPath") from error
    if nodes.visible is not None:
        raise Unusable("XPath after a filter")
    nodes.selected = found if nodes.selected is None else nodes.selected.both(found)


def _refuse_costly(text: str, apex: etree._Element, *, each: bool) -> None:
    if is_costly(text, apex, each=each):
        raise Unusable("XPath too costly")


def _filter2(nodes: NodeSet, transform: etree._Element, target: _Target) -> None:
    """XPath Filter 2.0: intersect, subtract, union of subtrees, in order."""
    if nodes.selected is not None:
        raise Unusable("a filter after XPath")
    steps: list[tuple[str, set[etree._Element], bool]] = []
    for part in transform.findall(f"{{{FILTER2}}}XPath"):
        functions = {(None, "here"): lambda _context, part=part: [part]}
        _refuse_costly(text_of(part), nodes.apex, each=False)
        try:
            compiled = etree.XPath(
                text_of(part).strip(), namespaces=dict(_namespaces(part)), extensions=functions, regexp=False
            )
            result = compiled(nodes.apex.getroottree())
        except etree.XPathError as error:
            raise Unusable("XPath filter") from error
        found = [e for e in result if isinstance(e, etree._Element)] if isinstance(result, list) else []  # noqa: SLF001
        if part.get("Filter") not in {"intersect", "subtract", "union"}:
            raise Unusable("XPath filter")
        steps.append((part.get("Filter", ""), set(found), text_of(part).strip() == "/"))
    if len(steps) == 1 and steps[0][0] == "intersect" and len(steps[0][1]) == 1 and nodes.whole_document:
        # One subtree of the document: the same as a reference to it.
        nodes.apex, nodes.whole_document = next(iter(steps[0][1])), False
        target.element, target.whole_document = nodes.apex, False
        return
    if len(steps) == 1 and steps[0][0] == "subtract" and all(e.tag == ds("Signature") for e in steps[0][1]):
        nodes.without |= steps[0][1]
        return
    target.filtered = True

    def visible(element: etree._Element) -> bool:
        line = {element, *element.iterancestors()}
        shown = True
        for kind, found, everything in steps:
            inside = everything or bool(line & found)
            shown = {
                "intersect": shown and inside,
                "subtract": shown and not inside,
                "union": shown or inside,
            }[kind]
        return shown

    nodes.visible = visible

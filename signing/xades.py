"""XAdES: the properties of a signature, signed and unsigned [EN 319 132-1].

Reads versions 1.1.1 to 1.4.1. What the signer states (time, certificate, policy) counts only if
SignedProperties is under the signature; what was added later (timestamps, certificates, counter-signatures)
is judged by its own mathematics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import tsp, x509
from lxml import etree

from signing.algorithms import digest
from signing.certificates import BROKEN_DER, identity, name_parts, serial_number
from signing.known import ByBytes
from signing.xml_parse import DS
from signing.xmldsig import Core, decode, digest_name, ds, text_of

NAMESPACES = (
    "http://uri.etsi.org/01903/v1.3.2#",
    "http://uri.etsi.org/01903/v1.2.2#",
    "http://uri.etsi.org/01903/v1.1.1#",
)
V132, V141 = NAMESPACES[0], "http://uri.etsi.org/01903/v1.4.1#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One certificate named by SigningCertificate or its second version."""

    digest_name: str
    digest: bytes
    serial: int | None = None
    issuer_der: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """QualifyingProperties of one signature."""

    element: etree._Element
    namespace: str
    signed: etree._Element | None = None
    unsigned: etree._Element | None = None
    signing_time: datetime | None = None
    named: tuple[Named, ...] = ()
    names_certificate: bool = False

    def first(self, name: str) -> etree._Element | None:
        """The first property of that name, signed ones first."""
        for part in (self.signed, self.unsigned):
            found = next(part.iter(f"{{{self.namespace}}}{name}"), None) if part is not None else None
            if found is not None:
                return found
        return None


def properties(signature: etree._Element) -> Properties | None:
    """The properties of a signature, if it is a XAdES one."""
    for holder in signature.findall(ds("Object")):
        for element in holder:
            if not isinstance(element.tag, str):
                continue
            name = etree.QName(element)
            if name.localname == "QualifyingProperties" and name.namespace in NAMESPACES:
                return _read(element, str(name.namespace))
    return None


def _read(element: etree._Element, namespace: str) -> Properties:
    def name(local: str) -> str:
        return f"{{{namespace}}}{local}"

    signed = element.find(name("SignedProperties"))
    unsigned = element.find(f"{name('UnsignedProperties')}/{name('UnsignedSignatureProperties')}")
    top = signed.find(name("SignedSignatureProperties")) if signed is not None else None
    time = top.find(name("SigningTime")) if top is not None else None
    holders = (
        [top.find(name(n)) for n in ("SigningCertificateV2", "SigningCertificate")] if top is not None else []
    )
    present = [h for h in holders if h is not None]
    return Properties(
        element=element,
        namespace=namespace,
        signed=signed,
        unsigned=unsigned,
        signing_time=_time(text_of(time)),
        named=tuple(n for h in present for n in _named(h, namespace)),
        names_certificate=bool(present),
    )


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _named(holder: etree._Element, namespace: str) -> Iterator[Named]:
    for certificate in holder.findall(f"{{{namespace}}}Cert"):
        entry = certificate.find(f"{{{namespace}}}CertDigest")
        if entry is None:
            continue
        # version 1.1.1 has these two in its own namespace
        parts = {etree.QName(e).localname: e for e in entry if isinstance(e.tag, str)}
        method, value = parts.get("DigestMethod"), decode(text_of(parts.get("DigestValue")))
        if value is None:
            continue
        serial, issuer = _issuer_serial(certificate, namespace)
        name = digest_name(method.get("Algorithm") if method is not None else None)
        yield Named(digest_name=name or "", digest=value, serial=serial, issuer_der=issuer)


def _issuer_serial(certificate: etree._Element, namespace: str) -> tuple[int | None, bytes | None]:
    text = text_of(certificate.find(f"{{{namespace}}}IssuerSerial/{ds('X509SerialNumber')}")).strip()
    if text.lstrip("-").isdigit():
        return int(text), None
    der = decode(text_of(certificate.find(f"{{{namespace}}}IssuerSerialV2")))
    return _issuer_serial_v2(der) if der else (None, None)


@ByBytes
def _issuer_serial_v2(der: bytes) -> tuple[int | None, bytes | None]:
    try:
        both = tsp.IssuerSerial.load(der)
        names = [n.chosen.untag().dump() for n in both["issuer"] if n.name == "directory_name"]
        return int(both["serial_number"].native), (names[0] if names else None)
    except BROKEN_DER:
        return None, None


def named_certificate(read: Properties | None, pool: tuple[x509.Certificate, ...]) -> x509.Certificate | None:
    """The certificate of the pool that the properties name."""
    for named in read.named if read is not None else ():
        for certificate in pool:
            if digest(named.digest_name, identity(certificate).der) == named.digest:
                return certificate
    return None


def names(read: Properties, certificate: x509.Certificate) -> bool:
    """Whether one of the named digests is this certificate's."""
    der = identity(certificate).der
    return any(digest(n.digest_name, der) == n.digest for n in read.named)


def issuer_serial_differs(read: Properties, certificate: x509.Certificate) -> bool:
    """Whether the entry with the right digest states another serial number or issuer."""
    der = identity(certificate).der
    for named in read.named:
        if digest(named.digest_name, der) != named.digest:
            continue
        if named.serial is not None and named.serial != serial_number(certificate):
            return True
        if named.issuer_der is not None and not _same_name(named.issuer_der, certificate):
            return True
    return False


def _same_name(der: bytes, certificate: x509.Certificate) -> bool:
    try:
        if der == identity(certificate).issuer:
            return True
        return name_parts(x509.Name.load(der)) == name_parts(certificate["tbs_certificate"]["issuer"])
    except BROKEN_DER:
        return False


def covers_properties(core: Core, read: Properties) -> bool:
    """Whether SignedProperties is under the signature: referenced itself, or inside what is referenced."""
    signed = read.signed
    if signed is None:
        return False
    for reference in core.references:
        element = reference.element
        if element is None or reference.filtered:
            continue
        if element is signed or (
            element in signed.iterancestors() and not _inside(signed, reference.without)
        ):
            return True
    return False


def _inside(element: etree._Element, without: frozenset[etree._Element]) -> bool:
    return bool(without) and (element in without or any(a in without for a in element.iterancestors()))


def embedded_certificates(read: Properties | None) -> tuple[bytes, ...]:
    """Certificates kept in unsigned properties."""
    if read is None or read.unsigned is None:
        return ()
    tags = [f"{{{ns}}}EncapsulatedX509Certificate" for ns in (*NAMESPACES, V141)]
    ders = [decode(text_of(e)) for e in read.unsigned.iter(*tags)]
    return tuple(d for d in ders if d)


def embedded_crls(read: Properties | None) -> tuple[bytes, ...]:
    """Revocation lists kept in unsigned properties."""
    if read is None or read.unsigned is None:
        return ()
    tags = [f"{{{ns}}}EncapsulatedCRLValue" for ns in (*NAMESPACES, V141)]
    ders = [decode(text_of(e)) for e in read.unsigned.iter(*tags)]
    return tuple(d for d in ders if d)


def embedded_ocsps(read: Properties | None) -> tuple[bytes, ...]:
    """OCSP responses kept in unsigned properties."""
    if read is None or read.unsigned is None:
        return ()
    tags = [f"{{{ns}}}EncapsulatedOCSPValue" for ns in (*NAMESPACES, V141)]
    ders = [decode(text_of(e)) for e in read.unsigned.iter(*tags)]
    return tuple(d for d in ders if d)


def counter_signatures(read: Properties | None) -> Iterator[etree._Element]:
    """Signatures that countersign this one from inside its unsigned properties."""
    if read is None or read.unsigned is None:
        return
    for holder in read.unsigned.findall(f"{{{read.namespace}}}CounterSignature"):
        yield from holder.findall(f"{{{DS}}}Signature")


def covers_value_of(core: Core, parent: etree._Element) -> bool:
    """Whether a counter-signature references its parent's SignatureValue or the whole parent."""
    value = parent.find(ds("SignatureValue"))
    targets = {value, parent}
    return any(r.element in targets and not r.filtered for r in core.references if r.element is not None)

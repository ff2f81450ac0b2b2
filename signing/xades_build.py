"""The ds:Signature element of a XAdES signature, in steps around the key operation [EN 319 132-1 §6.3].

    element = frame(credential, …)                     endesive's frame, put right
    to_sign = state(element, references, credential)   digests in place; what the key signs
    value = …                                          the key operation, here or elsewhere
    finish(element, value, …)                          value, and a timestamp over it if one can be had

An element may be written out and read again between the last two steps: canonical forms stay the same.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import tsp, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from signing import _endesive_compat
from signing.algorithms import digest
from signing.credentials import Credential
from signing.errors import CredentialUnusable
from signing.known import ByBytes
from signing.report import Finding
from signing.tsa import TimestampClient, TimestampUnavailable
from signing.xades import V132
from signing.xml_c14n import Method, canonical
from signing.xmldsig import ds

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_LINE: Final = 76


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """One thing that is signed: its bytes after the transforms, and what they are said to be."""

    uri: str
    over: bytes
    transforms: tuple[str, ...] = ()
    media_type: str = "application/octet-stream"


def frame(credential: Credential, *, name: str, now: datetime) -> etree._Element:
    """A signature that states its signer and time and refers to nothing yet."""
    signature = _endesive_compat.signature_skeleton(name=name, now=now)
    _state_certificate(signature, credential)
    unsigned = _the(signature, _xades("UnsignedProperties"))
    _parent(unsigned).remove(unsigned)
    return signature


def state(signature: etree._Element, references: Sequence[Referred], credential: Credential) -> bytes:
    """Put the references and the digest of SignedProperties in; the octets that the key signs."""
    info = _the(signature, ds("SignedInfo"))
    _the(info, ds("CanonicalizationMethod")).set("Algorithm", EXCLUSIVE)
    _the(info, ds("SignatureMethod")).set("Algorithm", _algorithm(credential))
    _refer(signature, references)
    own = list(info.iter(ds("Reference")))[-1]
    steps = etree.Element(ds("Transforms"))
    etree.SubElement(steps, ds("Transform"), Algorithm=EXCLUSIVE)
    own.insert(0, steps)
    properties = canonical(_the(signature, _xades("SignedProperties")), Method(exclusive=True))
    _the(own, ds("DigestValue")).text = _digest(properties)
    return canonical(info, Method(exclusive=True))


def finish(
    signature: etree._Element, value: bytes, credential: Credential, timestamps: TimestampClient | None
) -> tuple[Finding, ...]:
    """Put the value in, and a timestamp over it; without one where no authority gives one."""
    _the(signature, ds("SignatureValue")).text = as_base64(_as_xml_wants(value, credential))
    try:
        if timestamps is not None:
            _stamp(signature, timestamps)
    except TimestampUnavailable as missing:
        return (missing.finding,)
    return ()


def _refer(signature: etree._Element, references: Sequence[Referred]) -> None:
    """One reference and one statement of format for each thing, in place of the frame's own."""
    reference = _the(signature, ds("Reference"))
    form = _the(signature, _xades("DataObjectFormat"))
    info, forms = _parent(reference), _parent(form)
    info_place = info.index(reference)
    info.remove(reference)
    forms.remove(form)
    for number, thing in enumerate(references):
        mark = reference.get("Id", "") if number == 0 else f"{reference.get('Id', '')}_{number}"
        info.insert(info_place + number, _reference(reference, thing, mark))
        stated = etree.SubElement(forms, _xades("DataObjectFormat"), ObjectReference=f"#{mark}")
        etree.SubElement(stated, _xades("MimeType")).text = thing.media_type


def _reference(model: etree._Element, thing: Referred, mark: str) -> etree._Element:
    made = copy.deepcopy(model)
    made.set("Id", mark)
    made.set("URI", thing.uri)
    steps = _the(made, ds("Transforms"))
    for step in list(steps):
        steps.remove(step)
    for algorithm in thing.transforms:
        etree.SubElement(steps, ds("Transform"), Algorithm=algorithm)
    if not thing.transforms:
        made.remove(steps)
    _the(made, ds("DigestValue")).text = _digest(thing.over)
    return made


def _state_certificate(signature: etree._Element, credential: Credential) -> None:
    """Name the signer's certificate by digest, issuer and number; put the chain into KeyInfo."""
    certificate = credential.certificate
    old = _the(signature, _xades("SigningCertificate"))
    new = etree.Element(_xades("SigningCertificateV2"))
    entry = etree.SubElement(new, _xades("Cert"))
    value = etree.SubElement(entry, _xades("CertDigest"))
    etree.SubElement(value, ds("DigestMethod"), Algorithm=SHA256)
    etree.SubElement(value, ds("DigestValue")).text = _digest(certificate.dump())
    etree.SubElement(entry, _xades("IssuerSerialV2")).text = _issuer_serial(certificate.dump())
    _parent(old).replace(old, new)
    holder = _parent(_the(signature, ds("X509Certificate")))
    holder.clear()
    for each in (certificate, *(c for c in credential.chain if c.self_issued is False)):
        etree.SubElement(holder, ds("X509Certificate")).text = as_base64(each.dump())


@ByBytes
def _issuer_serial(der: bytes) -> str:
    certificate = x509.Certificate.load(der)
    issuer = x509.GeneralName(name="directory_name", value=certificate.issuer)
    both = tsp.IssuerSerial({"issuer": [issuer], "serial_number": certificate.serial_number})
    return as_base64(both.dump())


def _stamp(signature: etree._Element, timestamps: TimestampClient) -> None:
    """A timestamp over SignatureValue in its canonical form [EN 319 132-1 §5.3]."""
    over = canonical(_the(signature, ds("SignatureValue")), Method(exclusive=True))
    token = timestamps.token(hashlib.sha256(over).digest())
    properties = etree.SubElement(
        _the(signature, _xades("QualifyingProperties")), _xades("UnsignedProperties")
    )
    holder = etree.SubElement(properties, _xades("UnsignedSignatureProperties"))
    stamp = etree.SubElement(holder, _xades("SignatureTimeStamp"))
    etree.SubElement(stamp, ds("CanonicalizationMethod"), Algorithm=EXCLUSIVE)
    etree.SubElement(stamp, _xades("EncapsulatedTimeStamp")).text = as_base64(token)


def _algorithm(credential: Credential) -> str:
    if isinstance(credential.public_key, rsa.RSAPublicKey):
        return f"{_MORE}rsa-sha256"
    if isinstance(credential.public_key, ec.EllipticCurvePublicKey):
        return f"{_MORE}ecdsa-sha256"
    raise CredentialUnusable("a key of this kind cannot sign XML", code="credential_key")


def _as_xml_wants(value: bytes, credential: Credential) -> bytes:
    """ECDSA as r and s side by side [RFC 4050 §3.3], everything else as it is."""
    key = credential.public_key
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return value
    width = (key.curve.key_size + 7) // 8
    return b"".join(n.to_bytes(width, "big") for n in decode_dss_signature(value))


def _digest(data: bytes) -> str:
    value = digest("sha256", data)
    assert value is not None
    return base64.b64encode(value).decode()


def as_base64(data: bytes) -> str:
    """In lines of 76, as XML holds it."""
    text = base64.b64encode(data).decode()
    return "\n".join(text[i : i + _LINE] for i in range(0, len(text), _LINE))


def _xades(name: str) -> str:
    return f"{{{V132}}}{name}"


def _the(within: etree._Element, tag: str) -> etree._Element:
    return next(within.iter(tag))


def _parent(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    assert parent is not None
    return parent

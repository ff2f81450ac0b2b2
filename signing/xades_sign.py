"""Signing XML: XAdES baseline B or T, enveloped or enveloping [EN 319 132-1 §6.3].

endesive frames the signature (`signing._endesive_compat`); what the baseline wants otherwise is put right
here: SigningCertificateV2 with IssuerSerialV2, exclusive canonical form and digests made with it, the
enveloped-signature transform in the place of an XPath, the whole chain in KeyInfo, no empty
UnsignedProperties, no object identifier of somebody else's.

enveloped   the signature is written into the bytes as received, just before an end tag; every other byte
            stays as it was. In an edXML file that is the end of edXMLHeader: one signature, one reference to
            the whole document, one to SignedProperties. A file that is signed already is refused: a second
            enveloped signature would break the first.
enveloping  the document, of any kind, goes into a ds:Object as base64; its own bytes are what is hashed.

The result is verified before it is handed out, as with PDF.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from asn1crypto import tsp, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from signing import _endesive_compat
from signing.algorithms import digest
from signing.credentials import Credential
from signing.errors import CredentialUnusable, DocumentRefused, InputRefused, SigningFailed
from signing.known import ByBytes
from signing.options import VerifyOptions
from signing.report import Coverage, Finding, Indication
from signing.tsa import Signed, TimestampClient, TimestampUnavailable
from signing.xades import V132
from signing.xml_c14n import Method, NodeSet, canonical, serialise
from signing.xml_parse import parse
from signing.xml_room import room_in
from signing.xml_verify import verify_xml
from signing.xmldsig import BASE64, ENVELOPED, ds

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_LINE: Final = 76


class Packaging(StrEnum):
    """Where the signature stands."""

    ENVELOPED = "enveloped"
    ENVELOPING = "enveloping"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlSignatureOptions:
    """How an XML signature is packed; `media_type` is what the signed bytes are said to be."""

    packaging: Packaging = Packaging.ENVELOPED
    media_type: str = "text/xml"
    timestamps: TimestampClient | None = None


def sign_xml(
    data: bytes, credential: Credential, *, now: datetime, options: XmlSignatureOptions | None = None
) -> bytes:
    """The signed XML: the document with a signature in it, or a signature with the document in it."""
    return sign_xml_told(data, credential, now=now, options=options).data


def sign_xml_told(
    data: bytes, credential: Credential, *, now: datetime, options: XmlSignatureOptions | None = None
) -> Signed:
    """The same, with what did not go as asked: without a timestamp authority baseline B is made of T."""
    made = make_signature(data, credential, now=now, options=options)
    _look_again(made.data)
    return made


def make_signature(
    data: bytes, credential: Credential, *, now: datetime, options: XmlSignatureOptions | None = None
) -> Signed:
    """The signed XML before the second look that must precede handing it out."""
    chosen = options or XmlSignatureOptions()
    name = secrets.token_hex(16)
    signature = _endesive_compat.signature_skeleton(name=name, now=now)
    _state_certificate(signature, credential)
    _state_content(signature, chosen.media_type)
    if chosen.packaging is Packaging.ENVELOPED:
        root = _enveloped_root(data)
        room = room_in(data, root)
        whole = NodeSet(apex=root, whole_document=True)
        _reference(signature, uri="", transforms=(ENVELOPED, EXCLUSIVE), over=_exclusive(whole))
        findings = _sign(signature, credential, chosen.timestamps)
        made = data[: room.place] + room.encoded(etree.tostring(signature)) + data[room.place :]
    else:
        content = etree.SubElement(
            signature, ds("Object"), Id=f"Object_{name}", MimeType=chosen.media_type, Encoding=BASE64
        )
        content.text = _base64(data)
        _reference(signature, uri=f"#Object_{name}", transforms=(BASE64,), over=data)
        findings = _sign(signature, credential, chosen.timestamps)
        made = etree.tostring(signature, xml_declaration=True, encoding="UTF-8")
    return Signed(data=made, findings=findings)


def _enveloped_root(data: bytes) -> etree._Element:
    """The document's root, if a signature may go into it."""
    try:
        root = parse(data).getroot()
    except InputRefused as refusal:
        raise DocumentRefused(refusal.finding.en, code="xml_unsignable") from refusal
    if next(root.iter(ds("Signature")), None) is not None:
        raise DocumentRefused("the XML is signed already", code="xml_signed")
    return root


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
        etree.SubElement(holder, ds("X509Certificate")).text = _base64(each.dump())


@ByBytes
def _issuer_serial(der: bytes) -> str:
    certificate = x509.Certificate.load(der)
    issuer = x509.GeneralName(name="directory_name", value=certificate.issuer)
    both = tsp.IssuerSerial({"issuer": [issuer], "serial_number": certificate.serial_number})
    return _base64(both.dump())


def _state_content(signature: etree._Element, media_type: str) -> None:
    form = _the(signature, _xades("DataObjectFormat"))
    for part in list(form):
        form.remove(part)
    etree.SubElement(form, _xades("MimeType")).text = media_type
    unsigned = _the(signature, _xades("UnsignedProperties"))
    _parent(unsigned).remove(unsigned)


def _reference(signature: etree._Element, *, uri: str, transforms: tuple[str, ...], over: bytes) -> None:
    reference = _the(signature, ds("Reference"))
    reference.set("URI", uri)
    steps = _the(reference, ds("Transforms"))
    for step in list(steps):
        steps.remove(step)
    for algorithm in transforms:
        etree.SubElement(steps, ds("Transform"), Algorithm=algorithm)
    _the(reference, ds("DigestValue")).text = _digest(over)


def _sign(
    signature: etree._Element, credential: Credential, timestamps: TimestampClient | None
) -> tuple[Finding, ...]:
    """Digest of SignedProperties, then the value over SignedInfo, both in exclusive canonical form."""
    info = _the(signature, ds("SignedInfo"))
    _the(info, ds("CanonicalizationMethod")).set("Algorithm", EXCLUSIVE)
    _the(info, ds("SignatureMethod")).set("Algorithm", _algorithm(credential))
    own = list(info.iter(ds("Reference")))[-1]
    steps = etree.Element(ds("Transforms"))
    etree.SubElement(steps, ds("Transform"), Algorithm=EXCLUSIVE)
    own.insert(0, steps)
    properties = canonical(_the(signature, _xades("SignedProperties")), Method(exclusive=True))
    _the(own, ds("DigestValue")).text = _digest(properties)
    value = credential.sign(canonical(info, Method(exclusive=True)))
    _the(signature, ds("SignatureValue")).text = _base64(_as_xml_wants(value, credential))
    try:
        if timestamps is not None:
            _stamp(signature, timestamps)
    except TimestampUnavailable as missing:
        return (missing.finding,)
    return ()


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
    etree.SubElement(stamp, _xades("EncapsulatedTimeStamp")).text = _base64(token)


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


def _look_again(made: bytes) -> None:
    """Verify what was made; nothing that does not hold is handed out."""
    try:
        signatures, notes, _ = verify_xml(made, VerifyOptions(no_trust=True))
    except InputRefused as refusal:
        raise SigningFailed("what was signed cannot be read back", findings=(refusal.finding,)) from refusal
    except (MemoryError, RecursionError) as error:
        raise SigningFailed("what was signed is too large to be verified") from error
    signature = signatures[0] if len(signatures) == 1 else None
    passed = signature is not None and signature.indication is Indication.TOTAL_PASSED
    if signature is None or not passed or signature.covers is not Coverage.WHOLE_FILE:
        findings = (*notes, *(signature.findings if signature is not None else ()))
        codes = ", ".join(f.code for f in findings) or "-"
        raise SigningFailed(f"the new signature does not verify ({codes})", findings=findings)


def _exclusive(nodes: NodeSet) -> bytes:
    return serialise(nodes, Method(exclusive=True))


def _digest(data: bytes) -> str:
    value = digest("sha256", data)
    assert value is not None
    return base64.b64encode(value).decode()


def _base64(data: bytes) -> str:
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

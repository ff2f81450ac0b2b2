"""Signing XML: XAdES baseline B or T, enveloped or enveloping [EN 319 132-1 §6.3].

endesive frames the signature; what the baseline wants otherwise is put right in `signing.xades_build`:
SigningCertificateV2 with IssuerSerialV2, exclusive canonical form and digests made with it, the
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

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lxml import etree

from signing.credentials import Credential
from signing.errors import DocumentRefused, InputRefused, SigningFailed
from signing.options import VerifyOptions
from signing.report import Coverage, Indication
from signing.tsa import Signed, TimestampClient
from signing.xades_build import EXCLUSIVE, Referred, as_base64, finish, frame, state
from signing.xml_c14n import Method, NodeSet, serialise
from signing.xml_parse import parse
from signing.xml_room import Room, room_in
from signing.xml_verify import verify_xml
from signing.xmldsig import BASE64, ENVELOPED, ds


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
    drafted = _draft(data, credential, now=now, options=chosen)
    findings = finish(drafted.signature, credential.sign(drafted.to_sign), credential, chosen.timestamps)
    return Signed(data=_assembled(data, drafted), findings=findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedXml:
    """A signature without its value, what the key has to sign, and where the signature goes.

    `room` None: the document goes into the signature.
    """

    signature: bytes
    to_sign: bytes
    room: Room | None


def prepare_xml(
    data: bytes, credential: Credential, *, now: datetime, options: XmlSignatureOptions | None = None
) -> PreparedXml:
    """Everything up to the key operation; of the credential only its certificates are used."""
    drafted = _draft(data, credential, now=now, options=options or XmlSignatureOptions())
    return PreparedXml(
        signature=etree.tostring(drafted.signature), to_sign=drafted.to_sign, room=drafted.room
    )


def complete_xml(
    data: bytes,
    prepared: PreparedXml,
    value: bytes,
    credential: Credential,
    *,
    timestamps: TimestampClient | None = None,
) -> Signed:
    """The signed XML, after the second look. `data` is the document as it was prepared."""
    signature = parse(prepared.signature).getroot()
    drafted = _Draft(signature=signature, to_sign=prepared.to_sign, room=prepared.room)
    findings = finish(signature, value, credential, timestamps)
    made = _assembled(data, drafted)
    _look_again(made)
    return Signed(data=made, findings=findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    signature: etree._Element
    to_sign: bytes
    room: Room | None


def _draft(data: bytes, credential: Credential, *, now: datetime, options: XmlSignatureOptions) -> _Draft:
    name = secrets.token_hex(16)
    signature = frame(credential, name=name, now=now)
    room: Room | None = None
    if options.packaging is Packaging.ENVELOPED:
        root = _enveloped_root(data)
        room = room_in(data, root)
        whole = serialise(NodeSet(apex=root, whole_document=True), Method(exclusive=True))
        referred = Referred(
            uri="", over=whole, transforms=(ENVELOPED, EXCLUSIVE), media_type=options.media_type
        )
    else:
        content = etree.SubElement(
            signature, ds("Object"), Id=f"Object_{name}", MimeType=options.media_type, Encoding=BASE64
        )
        uri = f"#{content.get('Id')}"
        referred = Referred(uri=uri, over=data, transforms=(BASE64,), media_type=options.media_type)
    return _Draft(signature=signature, to_sign=state(signature, [referred], credential), room=room)


def _assembled(data: bytes, drafted: _Draft) -> bytes:
    """Signature and document together."""
    if drafted.room is not None:
        place = drafted.room.place
        return data[:place] + drafted.room.encoded(etree.tostring(drafted.signature)) + data[place:]
    content = next(o for o in drafted.signature.iter(ds("Object")) if o.get("Encoding") == BASE64)
    content.text = as_base64(data)
    return etree.tostring(drafted.signature, xml_declaration=True, encoding="UTF-8")


def _enveloped_root(data: bytes) -> etree._Element:
    """The document's root, if a signature may go into it."""
    try:
        root = parse(data).getroot()
    except InputRefused as refusal:
        raise DocumentRefused(refusal.finding.en, code="xml_unsignable") from refusal
    if next(root.iter(ds("Signature")), None) is not None:
        raise DocumentRefused("the XML is signed already", code="xml_signed")
    return root


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

"""Signing with a key that is elsewhere: prepare here, sign there, finish here.

    waiting = prepare(document, certificates, …)     what to sign, and an opaque state
    value = …                                        on the clerk's token, by any tool
    signed = finish(document, waiting.state, value)  checked, completed, looked at again

What is to be signed is the DER of the signed attributes (PDF) or the canonical SignedInfo (XML): RSA
PKCS#1 v1.5 or ECDSA with SHA-256 over it, Ed25519 over it as it is. The state holds what was decided when
preparing, never the document: that is given again and must be the same to the byte. Nothing is kept here
between the two steps, so any process that can open the state may finish. Before anything is completed the
value is verified under the certificate that was named at preparation; the finished file goes through the
same second look as any other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from signing.appearance import Appearance
from signing.certificates import load_certificate
from signing.credentials import Credential
from signing.errors import DocumentRefused, UsageError
from signing.pades import Prepared, SignatureOptions, complete, hand_out, prepare_signature
from signing.pdf_rules import verdicts
from signing.primitives import Scheme, value_matches
from signing.sealed import Checked, Seal, damaged, read_state, write_state
from signing.tsa import Signed
from signing.xades_sign import PreparedXml, XmlSignatureOptions, complete_xml, prepare_xml
from signing.xml_room import Room

VALID_FOR: Final = timedelta(hours=24)
_MAX_CERTIFICATES: Final = 16
_EARLY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What the key has to sign, its SHA-256, with which algorithm, and the state for `finish`."""

    to_sign: bytes
    digest: bytes
    algorithm: str
    state: str


def prepare_pdf(
    pdf: bytes,
    certificates: Sequence[x509.Certificate],
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
    seal: Seal | None = None,
) -> Waiting:
    """A PDF up to the key operation; the first certificate is the signer's."""
    signer = Credential.of_certificates(certificates)
    chosen = options or SignatureOptions()
    made = prepare_signature(pdf, signer, now=now, appearance=appearance, options=chosen)
    own: dict[str, object] = {
        "format": "pdf",
        "tail": _text(made.data[len(pdf) :]),
        "hole": list(made.hole),
        "field": made.field,
        "plain": chosen.plain_pkcs7,
    }
    return _waiting(pdf, signer, made.attributes, own, now=now, seal=seal)


def prepare_markup(
    data: bytes,
    certificates: Sequence[x509.Certificate],
    *,
    now: datetime,
    options: XmlSignatureOptions | None = None,
    seal: Seal | None = None,
) -> Waiting:
    """An XML signature up to the key operation; the first certificate is the signer's."""
    signer = Credential.of_certificates(certificates)
    made = prepare_xml(data, signer, now=now, options=options)
    room = [made.room.place, made.room.encoding] if made.room is not None else None
    own: dict[str, object] = {"format": "xml", "signature": _text(made.signature), "room": room}
    return _waiting(data, signer, made.to_sign, own, now=now, seal=seal)


def finish(
    document: bytes,
    state: str,
    value: bytes,
    *,
    now: datetime,
    chain: Sequence[x509.Certificate] = (),
    options: SignatureOptions | None = None,
    seal: Seal | None = None,
) -> Signed:
    """The signed file. Of `options` timestamps and long-term data count; the rest was decided before.

    Raises `DocumentRefused` with code `state_damaged`, `prepared_other_document`, `prepared_expired`,
    `value_wrong` or `value_other_certificate`; `SigningFailed` if what was made does not verify.
    """
    fields = read_state(state, seal or Checked())
    try:
        held = _Held.read(fields)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise damaged(type(error).__name__) from error
    held.check_document(document)
    if not held.prepared_at - _EARLY <= now <= held.prepared_at + VALID_FOR:
        raise DocumentRefused("prepared too long ago", code="prepared_expired")
    signer = _with_chain(held.signer, chain)
    given = _checked_value(signer, value, held.to_sign)
    chosen = options or SignatureOptions()
    if held.is_xml:
        if chosen.long_term is not None:
            raise UsageError("long-term data are for signatures in a PDF", code="level_conflict")
        prepared = PreparedXml(signature=held.body, to_sign=held.to_sign, room=held.room)
        return complete_xml(document, prepared, given, signer, timestamps=chosen.timestamps)
    made = Prepared(
        data=document + held.body,
        hole=held.hole,
        digest=b"",
        attributes=held.to_sign,
        field=held.field,
        before=verdicts(document),
    )
    chosen = replace(chosen, plain_pkcs7=held.plain)
    return hand_out(complete(made, given, signer, chosen), signer, chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The state's fields, each of its type; `body` is the appended part of a PDF, or the signature."""

    sha256: str
    size: int
    prepared_at: datetime
    signer: Credential
    to_sign: bytes
    body: bytes
    is_xml: bool = False
    room: Room | None = None
    hole: tuple[int, int] = (0, 0)
    field: str = ""
    plain: bool = False

    @classmethod
    def read(cls, fields: dict[str, object]) -> _Held:
        listed = fields["certificates"]
        if not isinstance(listed, list) or len(listed) > _MAX_CERTIFICATES:
            raise ValueError
        certificates = [c for c in (load_certificate(_bytes(t)) for t in listed) if c is not None]
        common = cls(
            sha256=_str(fields["sha256"]),
            size=_int(fields["size"]),
            prepared_at=datetime.fromisoformat(_str(fields["prepared_at"])),
            signer=Credential.of_certificates(certificates),
            to_sign=_bytes(fields["to_sign"]),
            body=b"",
        )
        if fields["format"] == "xml":
            return replace(common, body=_bytes(fields["signature"]), room=_room(fields["room"]), is_xml=True)
        if fields["format"] != "pdf":
            raise ValueError
        body = _bytes(fields["tail"])
        hole = fields["hole"]
        if not isinstance(hole, list) or [type(n) for n in hole] != [int, int]:
            raise TypeError
        start, end = hole
        # The hole lies in the appended part, empty as it was prepared: no byte of the document can be in it.
        inside = body[start - common.size : end - common.size] if start >= common.size else b""
        if inside != b"<" + b"0" * (end - start - 2) + b">":
            raise ValueError
        return replace(
            common, body=body, hole=(start, end), field=_str(fields["field"]), plain=fields["plain"] is True
        )

    def check_document(self, document: bytes) -> None:
        if len(document) != self.size or hashlib.sha256(document).hexdigest() != self.sha256:
            raise DocumentRefused("not the document that was prepared", code="prepared_other_document")


def _waiting(
    document: bytes,
    signer: Credential,
    to_sign: bytes,
    own: dict[str, object],
    *,
    now: datetime,
    seal: Seal | None,
) -> Waiting:
    fields = {
        **own,
        "sha256": hashlib.sha256(document).hexdigest(),
        "size": len(document),
        "prepared_at": now.isoformat(),
        "certificates": [_text(c.dump()) for c in (signer.certificate, *signer.chain)],
        "to_sign": _text(to_sign),
    }
    return Waiting(
        to_sign=to_sign,
        digest=hashlib.sha256(to_sign).digest(),
        algorithm=_algorithm(signer),
        state=write_state(fields, seal or Checked()),
    )


def _algorithm(signer: Credential) -> str:
    key = signer.public_key
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa-sha256"
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "rsa-sha256"


def _with_chain(signer: Credential, chain: Sequence[x509.Certificate]) -> Credential:
    """The signer with the chain that came with the value, if that is of the same signer."""
    own = signer.certificate.dump()
    if not chain:
        return signer
    if all(c.dump() != own for c in chain):
        raise DocumentRefused("the value comes with another certificate", code="value_other_certificate")
    known = {own, *(c.dump() for c in signer.chain)}
    more = tuple(c for c in chain[:_MAX_CERTIFICATES] if c.dump() not in known)
    return replace(signer, chain=(*signer.chain, *more))


def _checked_value(signer: Credential, value: bytes, to_sign: bytes) -> bytes:
    """The value as this package writes it, if it is the named key's over what was prepared."""
    key, name = signer.public_key, _algorithm(signer)
    scheme = Scheme(name=name.removesuffix("-sha256"), digest="sha256")
    candidates = [value]
    if isinstance(key, ec.EllipticCurvePublicKey) and len(value) == 2 * ((key.curve.key_size + 7) // 8):
        # Tokens give r and s side by side.
        half = len(value) // 2
        candidates.append(
            encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
        )
    for candidate in candidates:
        if value_matches(key, scheme, candidate, to_sign) is True:
            return candidate
    raise DocumentRefused("the value does not fit certificate and document", code="value_wrong")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: object) -> bytes:
    return base64.b64decode(_str(text), validate=True)


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _int(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _room(value: object) -> Room | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError
    return Room(place=_int(value[0]), encoding=_str(value[1]))

"""Building a CMS signature in two steps, with the key operation between them [RFC 5652, EN 319 122-1 §5].

    attributes = signed_attributes(digest, certificate, …)   the bytes to be signed, a SET OF in DER
    value = …                                                 the key operation, here or elsewhere
    blob = signed_data(attributes, value, certificates, …)    the ContentInfo

Written as DER directly: the structure is fixed, so that its parts are joined instead of being modelled
object by object, which costs a hundred times the key operation. Signed attributes: content type, message
digest, signing certificate by digest, issuer and number (SigningCertificateV2 [RFC 5035]), protection of
the algorithm names [RFC 6211], and the signing time where the format wants it here (PAdES has it in the
dictionary [EN 319 142-1 §6.3]).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from signing import der
from signing.errors import CredentialUnusable

DATA: Final = "1.2.840.113549.1.7.1"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME, _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.5", "1.2.840.113549.1.9.16.2.47"
_ALGORITHM_PROTECTION: Final = "1.2.840.113549.1.9.52"
_SIGNATURE_TIMESTAMP: Final = "1.2.840.113549.1.9.16.2.14"
_NULL: Final = b"\x05\x00"
_UTC_YEARS: Final = range(1950, 2050)


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """What a key signs with: name of the digest, both AlgorithmIdentifiers."""

    digest_name: str
    digest: bytes
    signature: bytes

    @classmethod
    def of(cls, key: PublicKeyTypes) -> Algorithms:
        """SHA-256 with RSA (PKCS#1 v1.5) or ECDSA; Ed25519 has SHA-512 beside it [RFC 8419 §3.1]."""
        if isinstance(key, rsa.RSAPublicKey):
            return cls(
                digest_name="sha256",
                digest=_SHA256,
                signature=_sequence(_oid("1.2.840.113549.1.1.11"), _NULL),
            )
        if isinstance(key, ec.EllipticCurvePublicKey):
            return cls(digest_name="sha256", digest=_SHA256, signature=_sequence(_oid("1.2.840.10045.4.3.2")))
        if isinstance(key, ed25519.Ed25519PublicKey):
            return cls(digest_name="sha512", digest=_SHA512, signature=_sequence(_oid("1.3.101.112")))
        raise CredentialUnusable("a key of this kind cannot sign", code="credential_key")


def signed_attributes(
    digest: bytes,
    certificate: x509.Certificate,
    algorithms: Algorithms,
    *,
    signing_time: datetime | None = None,
) -> bytes:
    """The signed attributes around the digest of the content: what the key signs."""
    found = [
        _attribute(_CONTENT_TYPE, _oid(DATA)),
        _attribute(_MESSAGE_DIGEST, _tagged(der.OCTET_STRING, digest)),
        _attribute(_SIGNING_CERTIFICATE_V2, _named(certificate)),
        _attribute(_ALGORITHM_PROTECTION, _sequence(algorithms.digest, b"\xa1" + algorithms.signature[1:])),
    ]
    if signing_time is not None:
        found.append(_attribute(_SIGNING_TIME, _time(signing_time)))
    return _set(found)


def signed_data(
    attributes: bytes,
    value: bytes,
    certificates: Iterable[x509.Certificate],
    algorithms: Algorithms,
    *,
    timestamp: bytes | None = None,
) -> bytes:
    """The ContentInfo; the first certificate is the signer's, `timestamp` a token over the value."""
    ders = [c.dump() for c in certificates]
    signer = _signer_certificate(ders[0])
    info = [
        _number(1),
        _sequence(signer.issuer, signer.serial),
        algorithms.digest,
        b"\xa0" + attributes[1:],
        algorithms.signature,
        _tagged(der.OCTET_STRING, value),
    ]
    if timestamp is not None:
        info.append(b"\xa1" + _set([_attribute(_SIGNATURE_TIMESTAMP, timestamp)])[1:])
    body = _sequence(
        _number(1),
        _set([algorithms.digest]),
        _sequence(_oid(DATA)),
        b"\xa0" + _set(ders)[1:],
        _set([_sequence(*info)]),
    )
    return _sequence(_oid(_SIGNED_DATA), _tagged(0xA0, body))


@dataclass(frozen=True, slots=True)
class _Names:
    issuer: bytes
    serial: bytes


def _signer_certificate(certificate: bytes) -> _Names:
    """Issuer and serial number, as they stand in the certificate."""
    outer = der.element(certificate, 0, len(certificate))
    parts = der.children(certificate, der.children(certificate, outer)[0])
    if parts[0].tag == 0xA0:
        parts = parts[1:]
    serial, _, issuer = parts[:3]
    return _Names(certificate[issuer.start : issuer.end], certificate[serial.start : serial.end])


def _named(certificate: x509.Certificate) -> bytes:
    """SigningCertificateV2 with SHA-256, which is its default and therefore not written."""
    whole = certificate.dump()
    names = _signer_certificate(whole)
    general_names = _sequence(_tagged(0xA4, names.issuer))
    reference = _sequence(
        _tagged(der.OCTET_STRING, hashlib.sha256(whole).digest()), _sequence(general_names, names.serial)
    )
    return _sequence(_sequence(reference))


def _attribute(oid: str, value: bytes) -> bytes:
    return _sequence(_oid(oid), _set([value]))


def _time(moment: datetime) -> bytes:
    """UTCTime, GeneralizedTime from 2050 on [RFC 5652 §11.3]."""
    at = moment.astimezone(UTC)
    text = at.strftime("%y%m%d%H%M%SZ" if at.year in _UTC_YEARS else "%Y%m%d%H%M%SZ")
    return _tagged(0x17 if at.year in _UTC_YEARS else 0x18, text.encode())


@functools.cache
def _oid(text: str) -> bytes:
    return bytes(core.ObjectIdentifier(text).dump())


def _number(value: int) -> bytes:
    return bytes((der.INTEGER, 1, value))


def _sequence(*parts: bytes) -> bytes:
    return _tagged(der.SEQUENCE, b"".join(parts))


def _set(parts: list[bytes]) -> bytes:
    return _tagged(der.SET, b"".join(sorted(parts)))


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


_SHA256: Final = _sequence(_oid("2.16.840.1.101.3.4.2.1"), _NULL)
_SHA512: Final = _sequence(_oid("2.16.840.1.101.3.4.2.3"), _NULL)

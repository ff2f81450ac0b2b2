"""Certificates as they are met in the wild: read leniently, named as people name them.

asn1crypto reads what stricter parsers refuse (trailing data, negative serial numbers and moduli); only the
public key is handed to `cryptography`, and a negative RSA modulus, an encoder's forgotten zero byte, is
read as the unsigned number it was meant to be.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import cms, pem, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signing.known import KEPT, LARGEST, ByBytes, ByObject
from signing.report import CertificateInfo, CertificateKind

# Whatever a parser of hostile DER may raise; asn1crypto is lazy, so any access to a value can.
BROKEN_DER = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)

_SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "country_name": "C",
    "locality_name": "L",
    "state_or_province_name": "ST",
    "street_address": "STREET",
    "domain_component": "DC",
    "user_id": "UID",
    "email_address": "E",
    "title": "T",
    "given_name": "GN",
    "surname": "SN",
    "serial_number": "SERIALNUMBER",
    "organization_identifier": "OID.2.5.4.97",
}
_PERSON_NUMBER = re.compile(r"^\s*(CCCD|CMND|CMTND|HC|HCH)\b\s*[:\-]?", re.IGNORECASE)
_TAX_NUMBER = re.compile(r"^\s*(MST|MNS)\b\s*[:\-]?", re.IGNORECASE)


def load_certificate(der: bytes) -> x509.Certificate | None:
    """One DER certificate; None if it is none. Bytes after it are ignored. Shared: do not change it."""
    return _loaded(bytes(der))


@ByBytes
def _loaded(der: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.Certificate.load(der)
        _ = certificate["tbs_certificate"]["subject"].dump(), certificate["tbs_certificate"]["issuer"].dump()
        _ = certificate["tbs_certificate"]["subject_public_key_info"].dump()
    except BROKEN_DER:
        return None
    return certificate


def load_certificates(blob: bytes) -> list[x509.Certificate]:
    """All certificates of a file: PEM (several), DER, or PKCS#7 as the national root publishes its own."""
    ders = [der for _, _, der in pem.unarmor(blob, multiple=True)] if pem.detect(blob) else [blob]
    found: list[x509.Certificate] = []
    for der in ders:
        certificate = load_certificate(der)
        found.extend([certificate] if certificate is not None else _from_pkcs7(der))
    return found


def _from_pkcs7(der: bytes) -> list[x509.Certificate]:
    try:
        info = cms.ContentInfo.load(der)
        if info["content_type"].native != "signed_data":
            return []
        return [choice.chosen for choice in info["content"]["certificates"] if choice.name == "certificate"]
    except BROKEN_DER:
        return []


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a certificate is named and told from others; names and key as DER, and the key as an object.

    None where the number cannot be read, or the key cannot be used.
    """

    der: bytes
    subject: bytes
    issuer: bytes
    public: bytes
    serial: int | None
    key: PublicKeyTypes | None


def identity(certificate: x509.Certificate) -> Identity:
    """What names a certificate, read once for each object. Raises one of `BROKEN_DER` if it has no parts."""
    return _identities(certificate)


def _read_identity(certificate: x509.Certificate) -> Identity:
    tbs = certificate["tbs_certificate"]
    try:
        serial = int(tbs["serial_number"].native)
    except BROKEN_DER:
        serial = None
    public = tbs["subject_public_key_info"].dump()
    return Identity(
        der=certificate.dump(),
        subject=tbs["subject"].dump(),
        issuer=tbs["issuer"].dump(),
        public=public,
        serial=serial,
        key=load_public_key(public),
    )


def _size(certificate: x509.Certificate) -> int:
    return len(certificate.contents)


_identities: ByObject[x509.Certificate, Identity] = ByObject(_read_identity, _size)


def public_key(certificate: x509.Certificate) -> PublicKeyTypes | None:
    """The key as an object, or None for one that cannot be used here."""
    try:
        return identity(certificate).key
    except BROKEN_DER:
        return None


def load_public_key(der: bytes) -> PublicKeyTypes | None:
    """A SubjectPublicKeyInfo as a key object; odd RSA encodings are put right."""
    return _loaded_key(der)


@ByBytes
def _loaded_key(der: bytes) -> PublicKeyTypes | None:
    try:
        return load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _lenient_rsa(der)


def _lenient_rsa(der: bytes) -> PublicKeyTypes | None:
    try:
        info = x509.PublicKeyInfo.load(der)
        if info.algorithm not in {"rsa", "rsassa_pss"}:
            return None
        key = info["public_key"].parsed
        modulus = int.from_bytes(key["modulus"].contents, "big", signed=False)
        return rsa.RSAPublicNumbers(int(key["public_exponent"].native), modulus).public_key()
    except (*BROKEN_DER, UnsupportedAlgorithm):
        return None


def name_text(name: x509.Name) -> str:
    """A distinguished name in the order of [RFC 4514], most specific part first."""
    try:
        parts = []
        for rdn in reversed(list(name.chosen)):
            for pair in rdn:
                key = pair["type"].native
                parts.append(f"{_SHORT.get(key, _oid_label(pair))}={_value(pair)}")
        return ", ".join(parts)
    except BROKEN_DER:
        return "?"


def _oid_label(pair: x509.NameTypeAndValue) -> str:
    return f"OID.{pair['type'].dotted}"


def _value(pair: x509.NameTypeAndValue) -> str:
    try:
        value = pair["value"].native
        return " ".join(str(value).split())
    except BROKEN_DER:
        return "#" + str(pair["value"].dump().hex())


def name_parts(name: x509.Name) -> dict[str, list[str]]:
    """Values of a name by asn1crypto's attribute names."""
    parts: dict[str, list[str]] = {}
    try:
        for rdn in name.chosen:
            for pair in rdn:
                parts.setdefault(str(pair["type"].native), []).append(_value(pair))
    except BROKEN_DER:
        return parts
    return parts


def common_name(certificate: x509.Certificate) -> str:
    """The name by which people know the holder."""
    return _common_name(identity(certificate).subject)


@ByBytes
def _common_name(subject: bytes) -> str:
    name = x509.Name.load(subject)
    parts = name_parts(name)
    for key in ("common_name", "organization_name", "organizational_unit_name"):
        if parts.get(key):
            return parts[key][-1]
    return name_text(name)


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two names in DER are one: by bytes, else by meaning: encoders differ [RFC 5280 §7.1]."""
    if one == other:
        return True
    compare = _mean_the_same if len(one) + len(other) <= LARGEST else _mean_the_same.__wrapped__
    return compare(one, other)


@functools.lru_cache(maxsize=KEPT)
def _mean_the_same(one: bytes, other: bytes) -> bool:
    try:
        return bool(x509.Name.load(one) == x509.Name.load(other))
    except BROKEN_DER:
        return False


def validity(certificate: x509.Certificate) -> tuple[datetime | None, datetime | None]:
    """notBefore and notAfter, None where unreadable."""
    period = certificate["tbs_certificate"]["validity"]
    times: list[datetime | None] = []
    for field in ("not_before", "not_after"):
        try:
            moment = period[field].native
            times.append(moment.astimezone(UTC) if isinstance(moment, datetime) else None)
        except BROKEN_DER:
            times.append(None)
    return times[0], times[1]


def serial_number(certificate: x509.Certificate) -> int:
    """The serial number; 0 where unreadable."""
    try:
        return identity(certificate).serial or 0
    except BROKEN_DER:
        return 0


def describe(certificate: x509.Certificate) -> CertificateInfo:
    """The certificate as the report shows it."""
    return _described(identity(certificate).der)


@ByBytes
def _described(der: bytes) -> CertificateInfo:
    certificate = x509.Certificate.load(der)
    not_before, not_after = validity(certificate)
    parts = name_parts(certificate["tbs_certificate"]["subject"])
    return CertificateInfo(
        subject=name_text(certificate["tbs_certificate"]["subject"]),
        issuer=name_text(certificate["tbs_certificate"]["issuer"]),
        serial=f"{serial_number(certificate):x}",
        not_before=not_before,
        not_after=not_after,
        sha256=hashlib.sha256(der).hexdigest(),
        common_name=_last(parts, "common_name"),
        organisation=_last(parts, "organization_name"),
    )


def _last(parts: Mapping[str, list[str]], name: str) -> str:
    found = parts.get(name, [])
    return found[-1] if found else ""


def kind(certificate: x509.Certificate) -> CertificateKind:
    """Person or organisation, from attributes alone and never from the looks of a name."""
    return _kind(identity(certificate).subject)


@ByBytes
def _kind(name: bytes) -> CertificateKind:
    parts = name_parts(x509.Name.load(name))
    ids = parts.get("user_id", []) + parts.get("serial_number", [])
    if any(_PERSON_NUMBER.match(i) for i in ids) or parts.get("given_name") or parts.get("surname"):
        return CertificateKind.PERSON
    if any(_TAX_NUMBER.match(i) for i in ids):
        return CertificateKind.ORGANISATION
    names, organisations = parts.get("common_name", []), parts.get("organization_name", [])
    if names and names[-1] in organisations:
        return CertificateKind.ORGANISATION
    return CertificateKind.UNKNOWN


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether subject and issuer are one name."""
    known = identity(certificate)
    return known.subject == known.issuer

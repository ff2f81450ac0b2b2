"""What the development PKI has beside the current government generation, shaped like what is in the field.

    root-g1 ── sub-g1                     the first government generation: SHA-1, accepted for its time alone
    root-public ── sub-public             the licensed public authorities, for companies and citizens
                ├─ sub-silent             publishes revocation where nobody answers
                └─ sub-missing            not installed, and not sent along: its issuer's address is dead

Holders under them, and under the current CA, have one peculiarity each (`Shape`); everything else about them
is in order. Addresses end in `.invalid`: nothing is ever asked of anybody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from signing.credentials import Credential
from signing.devpki_make import (
    LEAF_YEARS,
    MARK,
    ONE_DAY,
    builder,
    bundle,
    ca_name,
    digits,
    new_key,
    pem,
    revocation_list,
    usage,
    write_once,
    years,
)
from signing.errors import PkiDamaged

REVOKED_SERIAL: Final = int.from_bytes(b"REVOKED")
"""On the current CA's list from its first day."""
NOWHERE: Final = "phat-trien.invalid"


class Shape(StrEnum):
    """What is peculiar about a holder's certificate."""

    OLD = "old"
    PUBLIC = "public"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    INTERMEDIATE_MISSING = "intermediate-missing"
    RESPONDER_DEAD = "responder-dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authority:
    name: str
    common_name: str
    issuer: str | None
    begun: float
    """Years ago."""
    lasts: float
    """Years from now."""
    old: bool = False
    installed: bool = True
    listed: bool = True


_AUTHORITIES: Final = (
    _Authority(
        name="root-g1",
        common_name=f"Co quan chung thuc so Chinh phu (RootCA) ({MARK})",
        issuer=None,
        begun=15,
        lasts=5,
        old=True,
    ),
    _Authority(
        name="sub-g1",
        common_name=f"Co quan chung thuc so Chinh phu ({MARK})",
        issuer="root-g1",
        begun=15,
        lasts=4,
        old=True,
    ),
    _Authority(name="root-public", common_name=f"National Root CA ({MARK})", issuer=None, begun=10, lasts=15),
    _Authority(
        name="sub-public", common_name=f"CA công cộng SHA2 ({MARK})", issuer="root-public", begun=7, lasts=10
    ),
    _Authority(
        name="sub-silent",
        common_name=f"CA công cộng không trả lời ({MARK})",
        issuer="root-public",
        begun=7,
        lasts=10,
        listed=False,
    ),
    _Authority(
        name="sub-missing",
        common_name=f"CA công cộng chưa cài ({MARK})",
        issuer="root-public",
        begun=7,
        lasts=10,
        installed=False,
    ),
)
_ISSUERS: Final = {
    Shape.OLD: "sub-g1",
    Shape.PUBLIC: "sub-public",
    Shape.INTERMEDIATE_MISSING: "sub-missing",
    Shape.RESPONDER_DEAD: "sub-silent",
}


def complete(folder: Path, now: datetime) -> None:
    """Make what is missing of the further hierarchies in a development PKI."""
    for each in _AUTHORITIES:
        if not (folder / "ca" / f"{each.name}.pem").is_file():
            _make(folder, each, now)
    (folder / "trust" / "anchors.d").mkdir(exist_ok=True)
    for each in _AUTHORITIES:
        certificate, key, _ = _read(folder, each.name)
        _install(folder / "trust", each, certificate, key, now)


def issue(folder: Path, shape: Shape, full_name: str, *, agency_name: str, now: datetime) -> Credential:
    """An official's certificate of this shape; the same names give the same credential again.

    Of the shape REVOKED there is one certificate, whoever asks for it: its number is on the list.
    """
    mark = hashlib.sha256(f"{shape}\0{full_name}\0{agency_name}".encode()).hexdigest()[:24]
    name = shape.value if shape is Shape.REVOKED else f"{shape.value}-{mark}"
    path = folder / "holders" / f"{name}.pem"
    if not path.exists():
        issuer, issuer_key, _ = _read(folder, _ISSUERS.get(shape, "sub-g2"))
        first, last = _dates(shape, now)
        key = new_key()
        draft = (
            builder(
                _holder(full_name, agency_name),
                issuer.subject,
                first,
                last,
                serial=REVOKED_SERIAL if shape is Shape.REVOKED else None,
            )
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(digital_signature=True, content_commitment=True), critical=True)
            .add_extension(_above(issuer_key), critical=False)
        )
        if shape in {Shape.INTERMEDIATE_MISSING, Shape.RESPONDER_DEAD}:
            draft = draft.add_extension(_addresses(_ISSUERS[shape]), critical=False)
        made = _signed(draft, issuer_key, old=shape is Shape.OLD)
        chain = () if shape is Shape.INTERMEDIATE_MISSING else (issuer,)
        write_once(path, bundle(key, made, *chain))
    return Credential.from_pem(path.read_bytes())


def _dates(shape: Shape, now: datetime) -> tuple[datetime, datetime]:
    if shape is Shape.EXPIRED:
        return now - years(LEAF_YEARS), now - 30 * ONE_DAY
    if shape is Shape.NOT_YET_VALID:
        return now + 30 * ONE_DAY, now + years(LEAF_YEARS)
    return now - 30 * ONE_DAY, now + years(3)


def _make(folder: Path, authority: _Authority, now: datetime) -> None:
    key = new_key()
    issuer_name, issuer_key, above = ca_name(authority.common_name), key, tuple[x509.Certificate, ...]()
    if authority.issuer is not None:
        issuer, issuer_key, higher = _read(folder, authority.issuer)
        issuer_name, above = issuer.subject, (issuer, *higher)
    draft = (
        builder(
            ca_name(authority.common_name),
            issuer_name,
            now - years(authority.begun),
            now + years(authority.lasts),
        )
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if above else None), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if above:
        draft = draft.add_extension(_above(issuer_key), critical=False)
    made = _signed(draft, issuer_key, old=authority.old)
    write_once(folder / "ca" / f"{authority.name}.pem", bundle(key, made, *above))


def _install(
    trust: Path, authority: _Authority, certificate: x509.Certificate, key: rsa.RSAPrivateKey, now: datetime
) -> None:
    """Put into the trust folder what belongs there; the lists of SHA-1 authorities are SHA-256, as today."""
    if not authority.installed:
        return
    place = "anchors" if authority.issuer is None else "intermediates"
    write_once(trust / place / f"{authority.name}.pem", pem(certificate))
    if authority.listed and not (trust / "crls" / f"{authority.name}.crl").exists():
        listed = revocation_list(certificate.subject, key, now)
        write_once(trust / "crls" / f"{authority.name}.crl", listed)
    if authority.old and authority.issuer is None:
        digest, last = certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc.date()
        rule = (
            f'[[anchor]]\nname = "G1 ({MARK})"\ngeneration = "G1"\nsha256 = "{digest}"\nsha1_until = {last}\n'
        )
        write_once(trust / "anchors.d" / f"{digest}.toml", rule.encode())


def _signed(draft: x509.CertificateBuilder, key: rsa.RSAPrivateKey, *, old: bool) -> x509.Certificate:
    """The certificate; with SHA-1 if it is of the old generation, which the builder will not do."""
    made = draft.sign(key, hashes.SHA256())
    if not old:
        return made
    again = asn1.Certificate.load(made.public_bytes(Encoding.DER))
    for place in (again["tbs_certificate"]["signature"], again["signature_algorithm"]):
        place["algorithm"] = "sha1_rsa"
    body = again["tbs_certificate"].dump(force=True)
    again["signature_value"] = key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - as in its time
    return x509.load_der_x509_certificate(again.dump(force=True))


def _read(
    folder: Path, name: str
) -> tuple[x509.Certificate, rsa.RSAPrivateKey, tuple[x509.Certificate, ...]]:
    blob = (folder / "ca" / f"{name}.pem").read_bytes()
    key = load_pem_private_key(blob, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PkiDamaged(f"the key of {name} is not RSA")
    certificate, *above = x509.load_pem_x509_certificates(blob)
    return certificate, key, tuple(above)


def _holder(full_name: str, agency_name: str) -> x509.Name:
    number = f"CCCD:074{digits('special', full_name, agency_name, count=9)}"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, agency_name),
            x509.NameAttribute(NameOID.COMMON_NAME, full_name),
            x509.NameAttribute(NameOID.USER_ID, number),
        ]
    )


def _above(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _addresses(authority: str) -> x509.AuthorityInformationAccess:
    """Where revocation and the issuer's certificate (as PKCS#7) would be, if anybody answered."""
    places = {
        AuthorityInformationAccessOID.OCSP: f"http://ocsp.{NOWHERE}/",
        AuthorityInformationAccessOID.CA_ISSUERS: f"http://{NOWHERE}/crt/{authority}.p7b",
    }
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
            for method, url in places.items()
        ]
    )

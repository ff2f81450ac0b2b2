"""How certificates and files of the development PKI are made: builders, keys, and files that appear whole."""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

MARK = "PHÁT TRIỂN"
AUTHORITY = f"Liên thông - PKI {MARK}, không có giá trị pháp lý"
CA_YEARS, LEAF_YEARS, RSA_BITS = 20, 5, 2048
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
ONE_DAY = timedelta(days=1)


def years(number: float) -> timedelta:
    """So many years of 365 days."""
    return timedelta(days=365 * number)


def revocation_list(
    issuer: x509.Name, key: rsa.RSAPrivateKey, now: datetime, *, revoked: tuple[int, ...] = ()
) -> bytes:
    """A list that stays current as long as its CA; what is on it was revoked the day before."""
    made = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - ONE_DAY)
        made = made.add_revoked_certificate(entry.build())
    made = made.last_update(now - ONE_DAY).next_update(now + years(CA_YEARS))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def builder(
    subject: x509.Name, issuer: x509.Name, first: datetime, last: datetime, *, serial: int | None = None
) -> x509.CertificateBuilder:
    """A certificate begun: names, number, dates."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(serial if serial is not None else x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
    )


def ca_name(common_name: str) -> x509.Name:
    """An authority's name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, AUTHORITY),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def usage(**allowed: bool) -> x509.KeyUsage:
    """A key usage with these bits alone."""
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def new_key(bits: int = RSA_BITS) -> rsa.RSAPrivateKey:
    """A fresh RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def digits(*parts: str, count: int) -> str:
    """A number made of names: nobody's, and always the same."""
    value = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")
    return f"{value % 10**count:0{count}d}"


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def bundle(key: rsa.RSAPrivateKey, *certificates: x509.Certificate) -> bytes:
    """A key with its certificate and the chain above it."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + b"".join(pem(c) for c in certificates)


def write(path: Path, blob: bytes) -> None:
    """Write a new file that only its owner may read, to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())


def write_once(path: Path, blob: bytes) -> None:
    """Put a finished file in its place; if another process was first, its file stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write(draft, blob)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)

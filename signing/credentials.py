"""A key with its certificate and chain, loaded once and kept as objects.

Loading and checking an RSA key costs a hundred times more than using it, so a `Credential` holds the key
object for the life of the process. It is never pickled, logged or written back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asn1crypto import pem, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from signing.certificates import common_name, load_certificate, load_certificates, public_key
from signing.errors import CredentialUnusable
from signing.token_keys import TokenAddress, TokenKey, open_key


class KeyElsewhere:
    """A key that is somewhere else: with it one prepares and finishes, but never signs here."""

    def sign(self, _data: bytes) -> bytes:
        """Refuse."""
        raise CredentialUnusable("the key is not here", code="credential_key")


SigningKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | TokenKey | KeyElsewhere
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who signs: certificate, issuing chain (roots included or not), private key."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    key: SigningKey = field(repr=False)

    @property
    def name(self) -> str:
        """The holder's name."""
        return common_name(self.certificate)

    def sign(self, data: bytes) -> bytes:
        """The signature value over the data: SHA-256 with PKCS#1 v1.5 or ECDSA (DER), or Ed25519."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(data)

    def close(self) -> None:
        """Leave the token, if the key is on one."""
        if isinstance(self.key, TokenKey):
            self.key.close()

    @property
    def public_key(self) -> PublicKeyTypes:
        """The certificate's key: it says what kind of signature the private one makes."""
        key = public_key(self.certificate)
        if key is None:
            raise CredentialUnusable("the certificate's key is of no known kind", code="credential_key")
        return key

    @classmethod
    def of_certificates(cls, certificates: Sequence[x509.Certificate]) -> Credential:
        """A signer whose key is elsewhere: the first certificate is the signer's, the rest its chain."""
        if not certificates:
            raise CredentialUnusable("no certificate of the signer", code="credential_certificate")
        return cls(certificate=certificates[0], chain=tuple(certificates[1:]), key=KeyElsewhere())

    @classmethod
    def from_token(cls, address: TokenAddress, *, pin: bytes, certificate: Path | None = None) -> Credential:
        """A key on a token with the certificate beside it, or in a file; the PIN is tried once."""
        given = load_certificates(_certificates_of(certificate)) if certificate is not None else []
        key = open_key(address, pin=pin)
        own, others = key.certificates()
        candidates = [*given, *own]
        if not candidates:
            key.close()
            raise CredentialUnusable("no certificate for the token's key", code="credential_certificate")
        return cls(certificate=candidates[0], chain=(*candidates[1:], *others), key=key)

    @classmethod
    def from_pem(cls, blob: bytes, *, passphrase: bytes | None = None) -> Credential:
        """Key, certificate and chain from one PEM text; the certificate that fits the key is the signer's."""
        try:
            certificates = load_certificates(blob)
            keys = [name for name, _, _ in pem.unarmor(blob, multiple=True) if "PRIVATE KEY" in name]
        except ValueError as error:
            raise CredentialUnusable("the PEM text is damaged", code="credential_key") from error
        if len(keys) != 1:
            raise CredentialUnusable(f"expected one private key, found {len(keys)}", code="credential_key")
        locked = keys[0].startswith("ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in blob
        if locked and passphrase is None:
            raise CredentialUnusable("the private key needs a passphrase", code="credential_passphrase")
        try:
            key = load_pem_private_key(blob, passphrase if locked else None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            code = "credential_passphrase" if locked else "credential_key"
            raise CredentialUnusable("the private key cannot be read", code=code) from error
        return cls._fit(key, certificates)

    @classmethod
    def from_pkcs12(cls, blob: bytes, *, passphrase: bytes | None) -> Credential:
        """Key, certificate and chain from a PKCS#12 file. The passphrase is tried once."""
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(blob, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CredentialUnusable(
                "wrong passphrase or damaged file", code="credential_passphrase"
            ) from error
        if key is None:
            raise CredentialUnusable("the file holds no private key", code="credential_key")
        parsed = [load_certificate(c.public_bytes(Encoding.DER)) for c in (certificate, *others) if c]
        return cls._fit(key, [c for c in parsed if c is not None])

    @classmethod
    def from_file(
        cls, path: Path, *, passphrase: bytes | None = None, certificate: Path | None = None
    ) -> Credential:
        """A PEM or PKCS#12 file, told apart by its bytes; a PEM key's certificates may be in another file."""
        blob = _read(path)
        if pem.detect(blob):
            more = b"" if certificate is None else b"\n" + _certificates_of(certificate)
            return cls.from_pem(blob + more, passphrase=passphrase)
        return cls.from_pkcs12(blob, passphrase=passphrase)

    @classmethod
    def _fit(cls, key: object, certificates: list[x509.Certificate]) -> Credential:
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise CredentialUnusable("a key of this kind cannot sign", code="credential_key")
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for certificate in certificates:
            if certificate["tbs_certificate"]["subject_public_key_info"].dump() == public:
                chain = tuple(c for c in certificates if c is not certificate)
                return cls(certificate=certificate, chain=chain, key=key)
        raise CredentialUnusable("no certificate fits the private key", code="credential_certificate")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialUnusable(f"{path}: {error.strerror}") from error


def _certificates_of(path: Path) -> bytes:
    """The certificates of a file that was named for them, as PEM: one at least."""
    try:
        found = load_certificates(_read(path))
    except ValueError:
        found = []
    if not found:
        raise CredentialUnusable(f"no certificate in {path}", code="credential_certificate")
    return b"".join(pem.armor("CERTIFICATE", c.dump()) for c in found)

"""A development PKI, made at first start, shaped like the government's own and worth nothing in law.

    <folder>/pki.json           written last of all: a folder without it was never finished
             ca/*.pem           root and sub-CAs with their keys (0600)
             tsa/tsa.pem        timestamp authority with its key (0600)
             holders/*.pem      one file per person or organisation: key, certificate, chain (0600)
             trust/             what a verifier needs: anchors/, intermediates/, crls/, anchors.d/

The folder is built beside its place and moved there in one rename, so a crash leaves either nothing or all;
a holder is one file that appears in one link, so two processes that issue the same holder end up with the
same key. The hierarchies beside the current one (`signing.devpki_shapes`) are added when they are asked for.
Names carry PHÁT TRIỂN; numbers in `UID=CCCD:…` and `UID=MST:…` are derived from the names and belong to
nobody.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signing import devpki_shapes
from signing.credentials import Credential
from signing.devpki_make import (
    CA_YEARS,
    LEAF_YEARS,
    MARK,
    ONE_DAY,
    PRIVATE_FOLDER,
    builder,
    bundle,
    ca_name,
    digits,
    new_key,
    pem,
    revocation_list,
    usage,
    write,
    write_once,
    years,
)
from signing.devpki_shapes import REVOKED_SERIAL, Shape
from signing.errors import PkiDamaged
from signing.trust import TrustStore

VERSION = 1
ROOT_NAME = f"RootCA chuyên dùng Chính phủ G2 ({MARK})"
SUB_NAME = f"CA phục vụ các cơ quan Nhà nước G2 ({MARK})"
TSA_NAME = f"TSA chuyên dùng Chính phủ G2 ({MARK})"


class DevPki:
    """An opened development PKI; issues credentials and knows its own trust store."""

    def __init__(self, folder: Path, *, now: datetime) -> None:
        self._folder, self._now = folder, now
        self._sub = Credential.from_pem((folder / "ca" / "sub-g2.pem").read_bytes())
        self.trust = TrustStore.from_folder(self.trust_folder)

    @property
    def trust_folder(self) -> Path:
        """The folder that a verifier is given."""
        return self._folder / "trust"

    @property
    def timestamp_authority(self) -> Credential:
        """The TSA's credential, for timestamp services of the demo and the tests."""
        return Credential.from_pem((self._folder / "tsa" / "tsa.pem").read_bytes())

    @classmethod
    def open_or_create(cls, folder: Path, *, now: datetime | None = None) -> DevPki:
        """Open the PKI in `folder`, making it first if the folder is missing or empty."""
        moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        if not (folder / "pki.json").is_file():
            if folder.exists() and any(folder.iterdir()):
                raise PkiDamaged(f"{folder} is not empty and holds no finished development PKI")
            _create(folder, moment)
        try:
            made = json.loads((folder / "pki.json").read_text(encoding="utf-8"))
            if made.get("version") != VERSION:
                raise PkiDamaged(f"{folder} was made by another version")
            return cls(folder, now=moment)
        except (OSError, ValueError) as error:
            raise PkiDamaged(f"{folder} cannot be read") from error

    def issue_person(self, full_name: str, *, agency_name: str, title: str | None = None) -> Credential:
        """An official's certificate; the same names give the same credential again."""
        number = f"CCCD:074{digits('person', full_name, agency_name, count=9)}"
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, agency_name),
            *([x509.NameAttribute(NameOID.TITLE, title)] if title else []),
            x509.NameAttribute(NameOID.COMMON_NAME, full_name),
            x509.NameAttribute(NameOID.USER_ID, number),
        ]
        return self._issue("person", (full_name, agency_name, title or ""), attributes)

    def issue_organisation(self, agency_name: str) -> Credential:
        """An agency's own certificate (the electronic stamp)."""
        number = f"MST:37{digits('organisation', agency_name, count=8)}"
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, agency_name),
            x509.NameAttribute(NameOID.COMMON_NAME, agency_name),
            x509.NameAttribute(NameOID.USER_ID, number),
        ]
        return self._issue("organisation", (agency_name,), attributes)

    def issue_special(self, shape: Shape, full_name: str, *, agency_name: str) -> Credential:
        """An official's certificate with a peculiarity of the real world; makes what stands above it."""
        self.complete()
        return devpki_shapes.issue(self._folder, shape, full_name, agency_name=agency_name, now=self._now)

    def complete(self) -> None:
        """Make the hierarchies beside the current government's, unless they are there.

        Each file appears whole and once: two processes at it, or a crash in the middle, change nothing.
        """
        devpki_shapes.complete(self._folder, self._now)
        self.trust = TrustStore.from_folder(self.trust_folder)

    def _issue(
        self, kind: str, names: tuple[str, ...], attributes: list[x509.NameAttribute[str]]
    ) -> Credential:
        mark = hashlib.sha256("\0".join((kind, *names)).encode()).hexdigest()[:24]
        path = self._folder / "holders" / f"{kind}-{mark}.pem"
        if not path.exists():
            key = new_key()
            certificate = (
                builder(
                    x509.Name(attributes),
                    _subject(self._sub),
                    self._now - ONE_DAY,
                    self._now + years(LEAF_YEARS),
                )
                .public_key(key.public_key())
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(usage(digital_signature=True, content_commitment=True), critical=True)
                .add_extension(_authority_id(self._sub), critical=False)
                .sign(_rsa(self._sub), hashes.SHA256())
            )
            chain = [x509.load_der_x509_certificate(self._sub.certificate.dump())]
            write_once(path, bundle(key, certificate, *chain))
        return Credential.from_pem(path.read_bytes())


def _create(folder: Path, now: datetime) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    try:
        for part in ("ca", "tsa", "holders", "trust/anchors", "trust/intermediates", "trust/crls"):
            (draft / part).mkdir(parents=True, mode=PRIVATE_FOLDER)
        _fill(draft, now)
        write(draft / "pki.json", json.dumps({"version": VERSION, "made": now.isoformat()}).encode())
        try:
            draft.rename(folder)
        except OSError:
            # Another process was first; what it made is as good as ours.
            if not (folder / "pki.json").is_file():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(draft: Path, now: datetime) -> None:
    root_key, sub_key, tsa_key = new_key(3072), new_key(), new_key()
    root_name, sub_name = ca_name(ROOT_NAME), ca_name(SUB_NAME)
    root = (
        builder(root_name, root_name, now - ONE_DAY, now + years(CA_YEARS))
        .public_key(root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    by_root = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    sub = (
        builder(sub_name, root_name, now - ONE_DAY, now + years(CA_YEARS))
        .public_key(sub_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(sub_key.public_key()), critical=False)
        .add_extension(by_root, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    tsa = (
        builder(ca_name(TSA_NAME), root_name, now - ONE_DAY, now + years(CA_YEARS))
        .public_key(tsa_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(by_root, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    write(draft / "ca" / "root-g2.pem", bundle(root_key, root))
    write(draft / "ca" / "sub-g2.pem", bundle(sub_key, sub, root))
    write(draft / "tsa" / "tsa.pem", bundle(tsa_key, tsa, root))
    write(draft / "trust" / "anchors" / "root-g2.pem", pem(root))
    write(draft / "trust" / "intermediates" / "sub-g2.pem", pem(sub))
    for name, issuer, key in (("root-g2", root_name, root_key), ("sub-g2", sub_name, sub_key)):
        listed = revocation_list(issuer, key, now, revoked=(REVOKED_SERIAL,))
        write(draft / "trust" / "crls" / f"{name}.crl", listed)


def _rsa(credential: Credential) -> rsa.RSAPrivateKey:
    if not isinstance(credential.key, rsa.RSAPrivateKey):
        raise PkiDamaged("the sub-CA's key is not RSA")
    return credential.key


def _subject(credential: Credential) -> x509.Name:
    return x509.load_der_x509_certificate(credential.certificate.dump()).subject


def _authority_id(credential: Credential) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(_rsa(credential).public_key())

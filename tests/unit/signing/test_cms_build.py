"""CMS values as we build them: read back by ours, by the general library and by OpenSSL."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing import cms
from signing.algorithms import digest
from signing.certificates import load_certificate
from signing.cms_build import Algorithms, signed_attributes, signed_data
from signing.credentials import Credential
from signing.errors import CredentialUnusable
from signing.options import VerifyOptions
from signing.pades import sign_pdf
from signing.report import Indication
from signing.verify import verify_bytes
from tests.support.papers import openssl_accepts
from tests.unit.signing.conftest import NOW, Office

CONTENT = b"content"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _self_signed(office: Office, key: Key) -> Credential:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Trần Thị Bưởi")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1 << 150)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    certificate = load_certificate(made.public_bytes(Encoding.DER))
    assert certificate is not None
    return dataclasses.replace(office.person, certificate=certificate, chain=(), key=key)


KEYS: dict[str, Callable[[], Key]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def _made(who: Credential, *, signing_time: datetime | None = None) -> bytes:
    algorithms = Algorithms.of(who.public_key)
    value = digest(algorithms.digest_name, CONTENT)
    assert value is not None
    attributes = signed_attributes(value, who.certificate, algorithms, signing_time=signing_time)
    return signed_data(attributes, who.sign(attributes), [who.certificate, *who.chain], algorithms)


@pytest.mark.parametrize("kind", KEYS)
def test_the_value_holds_and_names_its_signer(office: Office, kind: str) -> None:
    message = cms.parse(_made(_self_signed(office, KEYS[kind]()), signing_time=NOW))
    check = cms.check_signer(message, message.signer_infos[0], lambda name: digest(name, CONTENT))
    assert check.intact
    assert (check.reference_matches, check.issuer_serial_matches) == (True, True)
    assert (check.attributes_in_order, check.content_type_matches) == (True, True)
    assert check.signing_time == NOW


def test_the_bytes_are_der_as_the_general_library_writes_it(office: Office) -> None:
    made = _made(office.person, signing_time=NOW)
    parsed = asn1_cms.ContentInfo.load(made, strict=True)
    assert parsed.dump(force=True) == made
    signer = parsed["content"]["signer_infos"][0]
    names = {a["type"].native for a in signer["signed_attrs"]}
    assert names == {
        "content_type",
        "message_digest",
        "signing_time",
        "signing_certificate_v2",
        "cms_algorithm_protection",
    }


@pytest.mark.parametrize("moment", [datetime(2049, 12, 31, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)])
def test_times_beyond_2049_are_generalized(office: Office, moment: datetime) -> None:
    message = cms.parse(_made(office.person, signing_time=moment))
    check = cms.check_signer(message, message.signer_infos[0], lambda name: digest(name, CONTENT))
    assert check.signing_time == moment


def test_a_token_becomes_an_unsigned_attribute(office: Office) -> None:
    algorithms = Algorithms.of(office.person.public_key)
    attributes = signed_attributes(hashlib.sha256(CONTENT).digest(), office.person.certificate, algorithms)
    token = b"\x30\x03\x02\x01\x05"
    made = signed_data(attributes, b"value", [office.person.certificate], algorithms, timestamp=token)
    message = cms.parse(made)
    check = cms.check_signer(message, message.signer_infos[0], lambda name: digest(name, CONTENT))
    assert check.unsigned == {cms.OID_SIGNATURE_TIMESTAMP: [token]}


def test_other_keys_are_refused() -> None:
    with pytest.raises(CredentialUnusable):
        Algorithms.of(dsa.generate_private_key(1024).public_key())


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_pdf_signed_with_a_curve_passes(office: Office, kind: str) -> None:
    made = sign_pdf(office.letter, _self_signed(office, KEYS[kind]()), now=NOW)
    report = verify_bytes(made, name="x", options=VerifyOptions(no_trust=True))
    assert report.indication is Indication.TOTAL_PASSED


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_openssl_finds_it_valid(office: Office, kind: str, tmp_path: Path) -> None:
    made = _made(_self_signed(office, KEYS[kind]()), signing_time=NOW)
    assert openssl_accepts(made, CONTENT, tmp_path)

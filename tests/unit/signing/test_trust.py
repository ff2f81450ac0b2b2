"""Chains, anchors with rules, revocation lists and the algorithm policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from signing.algorithms import DEFAULT_ALGORITHMS
from signing.anchors import Purpose, load_rules
from signing.certificates import load_certificates
from signing.credentials import Credential
from signing.errors import UsageError
from signing.messages import Code
from signing.options import VerifyOptions
from signing.policy_file import load_policy
from signing.report import ChainStatus, Indication, Revocation, SubIndication
from signing.revocation import check
from signing.trust import KNOWN_ANCHORS, TrustStore
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, Office

Key = ec.EllipticCurvePrivateKey


class Authority:
    """A small CA of a test."""

    def __init__(self, name: str, issuer: Authority | None = None, *, ca: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=30))
            .not_valid_after(NOW + timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def parsed(self) -> asn1_x509.Certificate:
        return load_certificates(self.der)[0]


ROOT = Authority("Root")
SUB = Authority("Sub", ROOT)
LEAF = Authority("Leaf", SUB, ca=False)


def test_a_chain_is_completed_from_the_store() -> None:
    store = TrustStore([ROOT.parsed], intermediates=[SUB.parsed])
    assert store.path(LEAF.parsed, at=NOW).status is ChainStatus.TRUSTED


def test_a_missing_intermediate_is_named() -> None:
    outcome = TrustStore([ROOT.parsed]).path(LEAF.parsed, at=NOW)
    assert (outcome.code, outcome.detail) == (Code.CHAIN_INTERMEDIATE_MISSING, "Sub")


def test_a_private_root_is_untrusted_not_missing() -> None:
    outcome = TrustStore([Authority("Root").parsed]).path(
        LEAF.parsed, at=NOW, others=[SUB.parsed, ROOT.parsed]
    )
    assert (outcome.code, outcome.detail) == (Code.CHAIN_UNTRUSTED, "Root")


def test_a_root_of_the_same_name_with_another_key_does_not_vouch() -> None:
    outcome = TrustStore([Authority("Root").parsed]).path(LEAF.parsed, at=NOW, others=[SUB.parsed])
    assert outcome.status is ChainStatus.UNTRUSTED


def test_an_end_entity_cannot_issue() -> None:
    child = Authority("Child", LEAF, ca=False)
    store = TrustStore([ROOT.parsed], intermediates=[SUB.parsed, LEAF.parsed])
    assert store.path(child.parsed, at=NOW).sub is SubIndication.CHAIN_CONSTRAINTS_FAILURE


def test_an_expired_intermediate_breaks_the_path() -> None:
    store = TrustStore([ROOT.parsed], intermediates=[SUB.parsed])
    assert store.path(LEAF.parsed, at=NOW + timedelta(days=400)).status is ChainStatus.UNTRUSTED


def _folder(tmp_path: Path, rule: str) -> TrustStore:
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "root.crt").write_bytes(ROOT.der)
    (tmp_path / "sub.p7b").write_bytes(pkcs7.serialize_certificates([SUB.certificate], Encoding.DER))
    fingerprint = ROOT.certificate.fingerprint(hashes.SHA256()).hex(":")
    (tmp_path / "anchors.toml").write_text(f'[[anchor]]\nname = "R"\nsha256 = "{fingerprint}"\n{rule}\n')
    return TrustStore.from_folder(tmp_path)


def test_a_folder_holds_anchors_intermediates_and_rules(tmp_path: Path) -> None:
    assert _folder(tmp_path, "").path(LEAF.parsed, at=NOW).status is ChainStatus.TRUSTED


def test_an_anchor_closed_for_new_signatures_still_vouches_for_old_ones(tmp_path: Path) -> None:
    store = _folder(tmp_path, f"until = {NOW.date().isoformat()}")
    assert store.path(LEAF.parsed, at=NOW).status is ChainStatus.TRUSTED
    assert store.path(LEAF.parsed, at=NOW + timedelta(days=2)).status is ChainStatus.UNTRUSTED


def test_an_anchor_for_timestamps_does_not_vouch_for_signers(tmp_path: Path) -> None:
    store = _folder(tmp_path, 'purposes = ["timestamp"]')
    assert store.path(LEAF.parsed, at=NOW).status is ChainStatus.UNTRUSTED
    assert store.path(LEAF.parsed, at=NOW, purpose=Purpose.TIMESTAMP).status is ChainStatus.TRUSTED


@pytest.mark.parametrize("text", ["[[anchor]]\n", '[[anchor]]\nname="a"\nsha256="00"\n', "not toml ["])
def test_a_broken_anchor_list_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.toml").write_text(text)
    with pytest.raises(UsageError):
        load_rules(tmp_path / "list.toml")


def test_the_known_anchors_are_readable() -> None:
    assert len(load_rules(KNOWN_ANCHORS)) >= 4


def test_the_shipped_policy_is_the_default() -> None:
    assert load_policy(KNOWN_ANCHORS.with_name("algorithm-policy.toml")) == DEFAULT_ALGORITHMS


def test_an_unknown_policy_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[keys]\nrsaa = 1\n")
    with pytest.raises(UsageError):
        load_policy(tmp_path / "policy.toml")


def test_a_stricter_policy_takes_effect(office: Office, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[keys]\nrsa = 3000\n")
    options = VerifyOptions(no_trust=True, algorithms=load_policy(tmp_path / "policy.toml"))
    report = verify_bytes(office.signed, name="x", options=options)
    assert report.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    assert all(s.intact for s in report.signatures)


def _revoking(office: Office, since: datetime) -> TrustStore:
    """The office's store with a list that revokes the person's certificate."""
    folder = office.pki.trust_folder
    sub_file = folder.parent / "ca" / "sub-g2.pem"
    sub = Credential.from_pem(sub_file.read_bytes())
    assert isinstance(sub.key, rsa.RSAPrivateKey)
    issuer = x509.load_der_x509_certificate(sub.certificate.dump())
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(x509.load_der_x509_certificate(office.person.certificate.dump()).serial_number)
        .revocation_date(since)
        .build()
    )
    blob = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(since)
        .next_update(NOW + timedelta(days=900))
        .add_revoked_certificate(entry)
        .sign(sub.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    return TrustStore(office.pki.trust.anchors, intermediates=office.pki.trust.intermediates, crls=[blob])


def test_a_certificate_revoked_before_signing_fails(office: Office) -> None:
    store = _revoking(office, NOW - timedelta(hours=5))
    first = verify_bytes(office.signed, name="x", options=VerifyOptions(trust=store, at=NOW)).signatures[0]
    assert (first.indication, first.sub_indication) == (Indication.TOTAL_FAILED, SubIndication.REVOKED)
    assert first.revocation is Revocation.REVOKED


def test_revoked_after_a_merely_claimed_time_is_undecided(office: Office) -> None:
    store = _revoking(office, NOW + timedelta(days=1))
    options = VerifyOptions(trust=store, at=NOW + timedelta(days=2))
    first = verify_bytes(office.signed, name="x", options=options).signatures[0]
    assert first.sub_indication is SubIndication.REVOKED_NO_POE


def _response(status: ocsp.OCSPCertStatus, responder: Authority, *, issuer: Authority = SUB) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=LEAF.certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA256(),
            cert_status=status,
            this_update=NOW,
            next_update=NOW + timedelta(days=1),
            revocation_time=NOW - timedelta(days=1) if revoked else None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.NAME, responder.certificate)
        .certificates([responder.certificate])
        .sign(responder.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


@pytest.mark.parametrize(
    ("status", "responder", "at", "expected"),
    [
        (ocsp.OCSPCertStatus.GOOD, SUB, NOW, Revocation.GOOD),
        (ocsp.OCSPCertStatus.REVOKED, SUB, NOW, Revocation.REVOKED),
        (ocsp.OCSPCertStatus.UNKNOWN, SUB, NOW, Revocation.UNKNOWN),
        (ocsp.OCSPCertStatus.GOOD, ROOT, NOW, Revocation.UNKNOWN),
        (ocsp.OCSPCertStatus.GOOD, LEAF, NOW, Revocation.UNKNOWN),
        (ocsp.OCSPCertStatus.GOOD, SUB, NOW + timedelta(days=9), Revocation.UNKNOWN),
    ],
    ids=["good", "revoked", "unknown", "another authority", "not certified for it", "stale"],
)
def test_a_response_counts_if_the_issuer_stands_behind_it_and_it_is_fresh(
    status: ocsp.OCSPCertStatus, responder: Authority, at: datetime, expected: Revocation
) -> None:
    blob = _response(status, responder)
    assert check(LEAF.parsed, SUB.parsed, lists=(), responses=[blob], at=at).status is expected


@pytest.mark.parametrize("blob", [b"", b"0\x03\n\x01\x06", b"x" * 50])
def test_a_broken_response_answers_nothing(blob: bytes) -> None:
    outcome = check(LEAF.parsed, SUB.parsed, lists=[blob], responses=[blob], at=NOW)
    assert outcome.status is Revocation.UNKNOWN

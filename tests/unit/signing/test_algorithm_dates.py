"""Algorithms that are old today, in signatures that are proven to be of their time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest
from asn1crypto import algos
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from signing import cms_build
from signing.algorithms import DEFAULT_ALGORITHMS
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.errors import UsageError
from signing.messages import Code
from signing.options import VerifyOptions
from signing.policy_file import load_policy
from signing.report import Indication, Severity, SignatureReport, SubIndication
from signing.timestamps import TokenCheck
from signing.trust import TrustStore
from signing.verify import verify_bytes
from signing.xades_timestamps import Stamped, _marked
from tests.unit.signing.test_revocation import Holder

THEN = datetime(2016, 5, 1, tzinfo=UTC)
AFTER = datetime(2018, 5, 1, tzinfo=UTC)
LETTER = b"letter"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> DevPki:
    return DevPki.open_or_create(tmp_path_factory.mktemp("old") / "pki", now=THEN - timedelta(days=30))


@pytest.fixture(scope="module")
def signed(pki: DevPki) -> bytes:
    """An enveloping CMS signature with SHA-1."""
    signer: Credential = pki.issue_person("Trần Văn Cũ", agency_name="UBND phường A")
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    algorithms = cms_build.Algorithms(
        digest_name="sha1",
        digest=algos.DigestAlgorithm({"algorithm": "sha1"}).dump(),
        signature=algos.SignedDigestAlgorithm({"algorithm": "sha1_rsa"}).dump(),
    )
    attributes = cms_build.signed_attributes(
        sha1(LETTER).digest(), signer.certificate, algorithms, signing_time=THEN
    )
    value = signer.key.sign(attributes, padding.PKCS1v15(), hashes.SHA1())
    return cms_build.signed_data(attributes, value, [signer.certificate], algorithms)


def _judged(signed: bytes, tmp_path: Path, options: VerifyOptions) -> SignatureReport:
    (tmp_path / "letter").write_bytes(LETTER)
    given = replace(options, content=(tmp_path / "letter",))
    (signature,) = verify_bytes(signed, name="f", options=given).signatures
    assert signature.intact
    return signature


def test_sha1_is_settled_by_a_proof_from_its_time(pki: DevPki, signed: bytes, tmp_path: Path) -> None:
    options = VerifyOptions(trust=pki.trust, at=AFTER, existed_by=THEN)
    signature = _judged(signed, tmp_path, options)
    assert signature.indication is Indication.TOTAL_PASSED
    found = [f.severity for f in signature.findings if f.code == Code.ALGORITHM_OLD.value]
    assert found == [Severity.INFO]


@pytest.mark.parametrize("existed_by", [None, AFTER], ids=["claimed only", "proven too late"])
def test_sha1_stays_a_doubt_without_one(
    pki: DevPki, signed: bytes, tmp_path: Path, existed_by: datetime | None
) -> None:
    options = VerifyOptions(trust=pki.trust, at=AFTER, existed_by=existed_by)
    signature = _judged(signed, tmp_path, options)
    assert signature.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE


def test_without_trust_no_proof_settles_it(signed: bytes, tmp_path: Path) -> None:
    signature = _judged(signed, tmp_path, VerifyOptions(no_trust=True, existed_by=THEN))
    assert signature.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE


def test_a_policy_may_take_the_day_away(pki: DevPki, signed: bytes, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[until]\n")
    policy = load_policy(tmp_path / "policy.toml")
    options = VerifyOptions(trust=pki.trust, at=AFTER, existed_by=THEN, algorithms=policy)
    assert _judged(signed, tmp_path, options).indication is Indication.INDETERMINATE


@pytest.mark.parametrize("text", ["[until]\nsha1 = 2017\n", "[until]\nmd5 = 2017-01-01\n"])
def test_a_policy_with_a_senseless_day_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(UsageError):
        load_policy(tmp_path / "policy.toml")


@pytest.mark.parametrize(
    ("at", "sub"),
    [(datetime(2013, 6, 1, tzinfo=UTC), None), (THEN, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE)],
)
def test_a_short_key_counts_in_its_time(at: datetime, sub: SubIndication | None) -> None:
    since, until = datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    root = Holder("Root", ca=True, since=since, until=until)
    leaf = Holder("Leaf", root, since=since, until=until, key=key)
    assert TrustStore([root.parsed]).path(leaf.parsed, at=at).sub is sub


def test_the_day_itself_is_within() -> None:
    last = dict(DEFAULT_ALGORITHMS.accepted_until)["sha1"]
    assert DEFAULT_ALGORITHMS.accepted("sha1", last)
    assert not DEFAULT_ALGORITHMS.accepted("sha1", last + timedelta(microseconds=1))
    assert not DEFAULT_ALGORITHMS.accepted("md5", THEN)


def test_an_archive_timestamp_of_xades_does_not_take_in_what_was_put_after_it() -> None:
    kinds = ["signature-timestamp", "archive-timestamp", "signature-timestamp", "archive-timestamp"]
    marked = _marked([Stamped(token=TokenCheck(type=k)) for k in kinds])
    assert [s.token.encloses for s in marked] == [True, False, True, True]

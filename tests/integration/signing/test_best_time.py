"""Best signature time and anchors' dates, with real timestamp authorities and real hierarchies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.anchors import AnchorRule, Purpose
from signing.certificates import load_certificates
from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import ChainStatus, Indication, Revocation, SignatureReport, SubIndication, TimeSource
from signing.trust import TrustStore, fingerprint
from signing.tsa import TimestampClient
from signing.verify import verify_bytes
from signing.xades_sign import XmlSignatureOptions, sign_xml_told
from tests.support.pki import NOW, Authorities
from tests.support.shared import shared_folder

PASSED, OPEN = Indication.TOTAL_PASSED, Indication.INDETERMINATE
DAY = timedelta(days=1)


def _stamped(vn: Authorities, label: str = "good", tsa: str | None = "tsa") -> bytes:
    clients = TimestampClient(authorities=(vn.tsa(tsa),)) if tsa else None
    made = sign_xml_told(
        b"<a><b/></a>",
        vn.credential(label),
        now=NOW,
        options=XmlSignatureOptions(timestamps=clients),
    )
    assert not made.findings
    return made.data


def _judged(data: bytes, vn: Authorities, at: datetime, **options: object) -> SignatureReport:
    store = options.pop("trust", None) or vn.store()
    chosen = VerifyOptions(trust=store, at=at, require_revocation=False, **options)  # type: ignore[arg-type]
    return verify_bytes(data, name="f", options=chosen).signatures[0]


def _codes(signature: SignatureReport) -> set[str]:
    return {f.code for f in signature.findings}


def _ruled(vn: Authorities, label: str, **rule: object) -> TrustStore:
    anchor = vn.certificate(label)
    made = AnchorRule(name=label, sha256=fingerprint(anchor), **rule)  # type: ignore[arg-type]
    return TrustStore(
        [anchor, vn.certificate("root-g2")],
        intermediates=[vn.certificate("sub-g1"), vn.certificate("sub-g2")],
        rules={made.sha256: made},
    )


def test_a_timestamp_keeps_a_signature_good_after_its_certificate_has_ended(vn: Authorities) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert _judged(_stamped(vn, tsa=None), vn, later).sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE
    signature = _judged(_stamped(vn), vn, later)
    assert (signature.indication, signature.time_source) == (PASSED, TimeSource.TIMESTAMP)
    assert signature.best_time == NOW


def test_a_timestamp_before_the_revocation_proves_that_the_signature_is_older(vn: Authorities) -> None:
    revoking = vn.plain_list("good", since=NOW + DAY)
    store = TrustStore(vn.store().anchors, intermediates=vn.store().intermediates, crls=[revoking])
    signature = _judged(_stamped(vn), vn, NOW + 2 * DAY, trust=store)
    assert (signature.indication, signature.revocation) == (PASSED, Revocation.GOOD)
    unproven = _judged(_stamped(vn, tsa=None), vn, NOW + 2 * DAY, trust=store)
    assert unproven.sub_indication is SubIndication.REVOKED_NO_POE


def test_an_authority_that_has_ended_proves_nothing_any_more(vn: Authorities) -> None:
    data = _stamped(vn, tsa="tsa-short")
    assert _judged(data, vn, NOW + DAY).time_source is TimeSource.TIMESTAMP
    signature = _judged(data, vn, NOW + 60 * DAY)
    assert signature.time_source is TimeSource.CLAIMED
    assert Code.TIMESTAMP_EXPIRED.value in _codes(signature)


def test_a_revoked_authority_proves_nothing(vn: Authorities) -> None:
    signature = _judged(_stamped(vn, tsa="tsa-revoked"), vn, NOW, online=vn.online())
    assert signature.time_source is TimeSource.CLAIMED
    assert Code.TIMESTAMP_REVOKED.value in _codes(signature)


def test_an_authority_whose_revocation_is_not_known_still_proves(vn: Authorities) -> None:
    signature = _judged(_stamped(vn), vn, NOW)
    assert signature.time_source is TimeSource.TIMESTAMP
    assert Code.TIMESTAMP_REVOCATION_UNKNOWN.value in _codes(signature)


def test_roots_of_signers_and_of_timestamps_are_separate(vn: Authorities) -> None:
    store = _ruled(vn, "root-g2", purposes=frozenset({Purpose.DOCUMENT}))
    signature = _judged(_stamped(vn), vn, NOW, trust=store)
    assert signature.chain is ChainStatus.TRUSTED
    assert signature.time_source is TimeSource.CLAIMED
    other = _ruled(vn, "root-g2", purposes=frozenset({Purpose.TIMESTAMP}))
    signature = _judged(_stamped(vn), vn, NOW, trust=other)
    assert signature.time_source is TimeSource.TIMESTAMP
    assert signature.findings[0].code == Code.CHAIN_PURPOSE.value


def test_the_hubs_receipt_proves_a_time_where_the_caller_says_so(vn: Authorities) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    signature = _judged(_stamped(vn, tsa=None), vn, later, existed_by=NOW + DAY)
    assert (signature.indication, signature.time_source) == (PASSED, TimeSource.RECEIPT)


@pytest.mark.parametrize(
    ("sha1_until", "sub"),
    [(None, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE), (NOW + DAY, None)],
    ids=["no rule", "within its time"],
)
def test_sha1_in_certificates_counts_only_under_a_root_and_in_its_time(
    vn: Authorities, sha1_until: datetime | None, sub: SubIndication | None
) -> None:
    store = _ruled(vn, "root-g1", sha1_until=sha1_until)
    signature = _judged(_stamped(vn, "old", tsa=None), vn, NOW, trust=store)
    assert signature.sub_indication is sub
    after = _judged(_stamped(vn, "old", tsa=None), vn, NOW + 3 * DAY, trust=store)
    assert after.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    proven = _judged(_stamped(vn, "old"), vn, NOW + 3 * DAY, trust=store)
    assert proven.sub_indication is sub


def test_a_closed_root_counts_for_what_is_proven_older(vn: Authorities) -> None:
    store = _ruled(vn, "root-g2", until=NOW + DAY)
    at = NOW + 9 * DAY
    assert Code.CHAIN_CLOSED.value in _codes(_judged(_stamped(vn, tsa=None), vn, at, trust=store))
    assert _judged(_stamped(vn), vn, at, trust=store).indication is PASSED


def test_a_root_that_the_file_brings_along_does_not_get_round_the_rule(vn: Authorities) -> None:
    # The same key and name in another certificate has another fingerprint, for which no rule stands.
    store = _ruled(vn, "root-g2", until=NOW - DAY)
    forged = vn.certificate("root-g2").copy()
    forged["signature_value"] = bytes(256)
    outcome = store.path(vn.certificate("good"), at=NOW, others=[type(forged).load(forged.dump(force=True))])
    assert outcome.code is Code.CHAIN_CLOSED


def test_a_private_authority_is_named_as_such(vn: Authorities) -> None:
    data = _stamped(vn, tsa=None)
    assert Code.CHAIN_PRIVATE.value in _codes(_judged(data, vn, NOW))


@pytest.mark.shared_material
def test_the_real_hierarchies_build(tmp_path: Path) -> None:
    folder = shared_folder("certs-vn")
    (tmp_path / "anchors").mkdir()
    (tmp_path / "intermediates").mkdir()
    for path in (*folder.glob("eSign.Files/*.crt"), *folder.glob("vgca-plugin-repo/*.cer")):
        if "License" in path.name:
            continue
        is_root = path.name in {"rootcag2.crt", "vnrca256.crt", "VGCA_ROOTCA_BIN.cer", "MIC_BIN.cer"}
        part = "anchors" if is_root else "intermediates"
        (tmp_path / part / path.name).write_bytes(path.read_bytes())
    store = TrustStore.from_folder(tmp_path)
    assert len(store.anchors) == 4
    for certificate in store.intermediates:
        ends = certificate["tbs_certificate"]["validity"]["not_after"].native
        outcome = store.path(certificate, at=min(ends - DAY, NOW))
        assert outcome.status is ChainStatus.TRUSTED, outcome
    blob = (folder / "vgca-plugin-repo" / "VGCALicenseKeyGenerator.cer").read_bytes()
    outcome = store.path(load_certificates(blob)[0], at=NOW)
    assert (outcome.status, outcome.detail) == (ChainStatus.TRUSTED, "RSA/SHA1")
    private = (folder / "private-company-ca").glob("*.cer")
    for path in private:
        assert store.path(load_certificates(path.read_bytes())[0], at=NOW).status is ChainStatus.UNTRUSTED

"""Keeping a trust folder: what comes in, what is said of it, and what goes out."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from signing import trust_admin
from signing.anchors import KNOWN_ANCHORS, Purpose, known_anchors
from signing.errors import UsageError
from signing.report import ChainStatus
from signing.trust import TrustStore
from signing.trust_admin import Kind, Limits
from signing.trust_folder import TrustFolder
from tests.unit.signing.conftest import NOW
from tests.unit.signing.test_revocation import OCSP_USE, Holder

ROOT = Holder("Root “G2”\\", ca=True)
SUB = Holder("Sub", ROOT, ca=True)
LEAF = Holder("Leaf", SUB)
RESPONDER = Holder("OCSP", SUB, extensions=(OCSP_USE,))


def _file(tmp_path: Path, *holders: Holder, form: Encoding = Encoding.PEM) -> Path:
    path = tmp_path / "given.crt"
    path.write_bytes(b"".join(h.certificate.public_bytes(form) for h in holders))
    return path


def _add(tmp_path: Path, holder: Holder, limits: Limits | None = None) -> Path:
    (shown,) = trust_admin.read(_file(tmp_path, holder))
    return trust_admin.add(tmp_path / "trust", shown, limits or Limits())


def _store(tmp_path: Path) -> TrustStore:
    return TrustStore.from_folder(tmp_path / "trust")


def test_a_root_and_its_sub_ca_make_a_path(tmp_path: Path) -> None:
    _add(tmp_path, ROOT)
    _add(tmp_path, SUB)
    assert _store(tmp_path).path(LEAF.parsed, at=NOW).status is ChainStatus.TRUSTED


def test_a_certificate_is_told_for_what_it_is(tmp_path: Path) -> None:
    shown = trust_admin.read(_file(tmp_path, ROOT, SUB, LEAF, RESPONDER))
    assert [s.kind for s in shown] == [Kind.ROOT, Kind.INTERMEDIATE, Kind.HOLDER, Kind.RESPONDER]
    assert {s.known for s in shown} == {None}


@pytest.mark.parametrize("holder", [LEAF, Holder("Self", ca=False)], ids=["a signer", "a self-signed signer"])
def test_a_signer_is_no_authority(tmp_path: Path, holder: Holder) -> None:
    with pytest.raises(UsageError, match="no certification authority"):
        _add(tmp_path, holder)


def test_a_root_that_did_not_sign_itself_is_refused(tmp_path: Path) -> None:
    twin = Holder("Root", Holder("Root", ca=True), ca=True)
    with pytest.raises(UsageError, match="its own signature"):
        _add(tmp_path, twin)


def test_a_private_key_is_refused(tmp_path: Path) -> None:
    key = ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "both.pem"
    path.write_bytes(ROOT.certificate.public_bytes(Encoding.PEM) + key)
    with pytest.raises(UsageError) as failure:
        trust_admin.read(path)
    assert failure.value.code == "trust_file_key"


def test_a_key_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"a", ROOT.key, ROOT.certificate, None, NoEncryption())
    )
    with pytest.raises(UsageError):
        trust_admin.read(path)


@pytest.mark.parametrize(
    "blob", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_without_certificates_is_refused(tmp_path: Path, blob: bytes) -> None:
    (tmp_path / "a.crt").write_bytes(blob)
    with pytest.raises(UsageError):
        trust_admin.read(tmp_path / "a.crt")


def test_what_an_anchor_is_for_is_kept_and_can_be_said_anew(tmp_path: Path) -> None:
    _add(tmp_path, ROOT, Limits(purposes=frozenset({Purpose.TIMESTAMP}), until=date(2030, 1, 1)))
    rule = _store(tmp_path).rule_of(ROOT.parsed)
    assert rule is not None
    assert (rule.purposes, rule.until) == (
        frozenset({Purpose.TIMESTAMP}),
        datetime(2030, 1, 1, 23, 59, 59, 999999, tzinfo=UTC),
    )
    trust_admin.limit(tmp_path / "trust", trust_admin.show(ROOT.parsed), Limits(until=date(2025, 1, 1)))
    assert _store(tmp_path).path(SUB.parsed, at=NOW).status is ChainStatus.UNTRUSTED


def test_dates_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _add(tmp_path, ROOT, Limits(since=date(2026, 1, 2), until=date(2026, 1, 1)))
    assert not (tmp_path / "trust" / "anchors").exists()


def test_an_intermediate_has_no_limits_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _add(tmp_path, SUB, Limits(until=date(2030, 1, 1)))


def test_a_responder_is_trusted_for_ocsp_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _add(tmp_path, RESPONDER)
    with pytest.raises(UsageError):
        _add(tmp_path, ROOT, Limits(purposes=frozenset({Purpose.OCSP})))
    _add(tmp_path, RESPONDER, Limits(purposes=frozenset({Purpose.OCSP})))
    store = _store(tmp_path)
    assert store.trusts_responder(RESPONDER.parsed)
    assert not store.trusts_responder(LEAF.parsed)
    assert store.path(RESPONDER.parsed, at=NOW).status is ChainStatus.UNTRUSTED


def test_what_is_taken_out_is_kept_aside(tmp_path: Path) -> None:
    path = _add(tmp_path, ROOT, Limits(until=date(2030, 1, 1)))
    (moved,) = trust_admin.remove(tmp_path / "trust", trust_admin.show(ROOT.parsed).sha256[:8].upper())
    assert (path.exists(), moved.exists()) == (False, True)
    assert _store(tmp_path).anchors == ()
    assert not list((tmp_path / "trust" / "anchors.d").iterdir())


@pytest.mark.parametrize("start", ["", "zz", "0123456789abcdef"])
def test_a_fingerprint_must_name_one(tmp_path: Path, start: str) -> None:
    _add(tmp_path, ROOT)
    with pytest.raises(UsageError):
        trust_admin.remove(tmp_path / "trust", start)


def test_a_check_names_what_to_look_at(tmp_path: Path) -> None:
    ending = Holder("Ending", ca=True, until=NOW + timedelta(days=30))
    ended = Holder("Ended", ROOT, ca=True, until=NOW - timedelta(days=1))
    store = TrustStore(
        [ROOT.parsed, ending.parsed], intermediates=[ended.parsed, Holder("Orphan", LEAF, ca=True).parsed]
    )
    found = {(p.code, p.name, p.grave) for p in trust_admin.check(store, NOW)}
    assert ("expires_soon", "Ending", True) in found
    assert ("expired", "Ended", False) in found
    assert ("no_root", "Orphan", False) in found
    assert ("no_root", "Ended", False) not in found
    assert {c for c, _, _ in found} == {"unknown_anchor", "expires_soon", "expired", "no_root"}


def test_an_empty_folder_needs_an_action() -> None:
    assert [p.code for p in trust_admin.check(TrustStore(), NOW) if p.grave] == ["no_anchor"]


def test_a_changed_folder_is_read_again_and_a_broken_one_is_not(tmp_path: Path) -> None:
    _add(tmp_path, ROOT)
    folder = TrustFolder(tmp_path / "trust")
    first = folder.store()
    assert folder.store() is first
    _add(tmp_path, SUB)
    second = folder.store()
    assert second.version != first.version
    (tmp_path / "trust" / "anchors" / "half.crt").write_bytes(b"-----BEGIN")
    assert folder.store() is second
    (tmp_path / "trust" / "anchors" / "half.crt").unlink()
    assert folder.store().version == second.version


def test_the_version_changes_with_anchors_rules_and_lists(tmp_path: Path) -> None:
    seen = {TrustStore([ROOT.parsed]).version, TrustStore([], intermediates=[ROOT.parsed]).version}
    _add(tmp_path, ROOT, Limits(until=date(2030, 1, 1)))
    seen.add(_store(tmp_path).version)
    (tmp_path / "trust" / "crls").mkdir()
    (tmp_path / "trust" / "crls" / "a.crl").write_bytes(b"x")
    seen.add(_store(tmp_path).version)
    assert len(seen) == 4


def test_the_known_anchors_speak_of_documents_and_timestamps_alone() -> None:
    assert all(Purpose.OCSP not in rule.purposes for rule in known_anchors().values())


def test_a_wheel_takes_the_known_anchors_along() -> None:
    project = tomllib.loads((KNOWN_ANCHORS.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    found = project["tool"]["setuptools"]
    assert "certs" in found["packages"]["find"]["include"]
    assert "*.toml" in found["package-data"]["*"]

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.certificates import describe, kind
from signing.devpki import DevPki
from signing.errors import PkiDamaged
from signing.report import CertificateKind, ChainStatus

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("devpki") / "pki"
    DevPki.open_or_create(made, now=NOW)
    return made


def test_opening_again_gives_the_same_root(folder: Path) -> None:
    first, second = DevPki.open_or_create(folder, now=NOW), DevPki.open_or_create(folder, now=NOW)
    assert first.trust.version == second.trust.version


def test_the_same_person_gets_the_same_credential_again(folder: Path) -> None:
    pki = DevPki.open_or_create(folder, now=NOW)
    one = pki.issue_person("Trần Thị Bé", agency_name="UBND phường A")
    again = DevPki.open_or_create(folder, now=NOW).issue_person("Trần Thị Bé", agency_name="UBND phường A")
    assert one.certificate.dump() == again.certificate.dump()


def test_private_keys_are_readable_by_their_owner_alone(folder: Path) -> None:
    DevPki.open_or_create(folder, now=NOW).issue_organisation("UBND phường A")
    modes = {
        p: stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*.pem") if b"PRIVATE KEY" in p.read_bytes()
    }
    assert len(modes) >= 4
    assert set(modes.values()) == {0o600}


def test_the_trust_folder_holds_no_private_key(folder: Path) -> None:
    files = [p for p in (folder / "trust").rglob("*") if p.is_file()]
    assert files
    assert not [p for p in files if b"PRIVATE" in p.read_bytes()]


def test_holders_are_person_and_organisation_by_their_attributes(folder: Path) -> None:
    pki = DevPki.open_or_create(folder, now=NOW)
    person = pki.issue_person("Trần Thị Bé", agency_name="UBND phường A").certificate
    organisation = pki.issue_organisation("UBND phường A").certificate
    assert (kind(person), kind(organisation)) == (CertificateKind.PERSON, CertificateKind.ORGANISATION)
    assert "UID=CCCD:" in describe(person).subject
    assert "UID=MST:" in describe(organisation).subject


def test_a_holder_leads_to_the_root(folder: Path) -> None:
    pki = DevPki.open_or_create(folder, now=NOW)
    outcome = pki.trust.path(pki.issue_organisation("UBND phường A").certificate, at=NOW)
    assert outcome.status is ChainStatus.TRUSTED
    assert len(outcome.path) == 3


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(PkiDamaged):
        DevPki.open_or_create(tmp_path, now=NOW)
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_what_a_crash_left_beside_the_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".pki.0badc0ffee00" / "ca").mkdir(parents=True)
    assert DevPki.open_or_create(tmp_path / "pki", now=NOW).trust.anchors

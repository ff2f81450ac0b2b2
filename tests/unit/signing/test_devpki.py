from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.certificates import describe, kind
from signing.devpki import DevPki
from signing.devpki_shapes import Shape
from signing.errors import PkiDamaged
from signing.options import VerifyOptions
from signing.report import CertificateKind, ChainStatus, Indication
from signing.verify import verify_bytes
from signing.xades_sign import sign_xml

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


def test_an_old_folder_gains_the_other_hierarchies(tmp_path: Path) -> None:
    pki = DevPki.open_or_create(tmp_path / "pki", now=NOW)
    assert len(pki.trust.anchors) == 1
    pki.complete()
    assert len(pki.trust.anchors) == 3
    assert DevPki.open_or_create(tmp_path / "pki", now=NOW).trust.version == pki.trust.version


def test_what_a_crash_left_half_done_is_completed_and_nothing_made_twice(tmp_path: Path) -> None:
    pki = DevPki.open_or_create(tmp_path / "pki", now=NOW)
    pki.complete()
    before = (tmp_path / "pki" / "ca" / "sub-public.pem").read_bytes()
    for lost in ("ca/sub-silent.pem", "trust/intermediates/sub-silent.pem", "trust/crls/sub-public.crl"):
        (tmp_path / "pki" / lost).unlink()
    pki.complete()
    assert (tmp_path / "pki" / "ca" / "sub-public.pem").read_bytes() == before
    special = pki.issue_special(Shape.RESPONDER_DEAD, "Lê Thị Cúc", agency_name="Công ty C")
    assert pki.trust.path(special.certificate, at=NOW).status is ChainStatus.TRUSTED


PASSED, OPEN = Indication.TOTAL_PASSED, Indication.INDETERMINATE


@pytest.mark.parametrize(
    ("shape", "indication", "code"),
    [
        (Shape.PUBLIC, PASSED, None),
        (Shape.OLD, PASSED, "ALGORITHM_OLD"),
        (Shape.EXPIRED, OPEN, "CERTIFICATE_EXPIRED_NO_PROOF"),
        (Shape.NOT_YET_VALID, OPEN, "CERTIFICATE_NOT_YET_VALID"),
        (Shape.REVOKED, Indication.TOTAL_FAILED, "CERTIFICATE_REVOKED"),
        (Shape.INTERMEDIATE_MISSING, OPEN, "CHAIN_INTERMEDIATE_MISSING"),
        (Shape.RESPONDER_DEAD, OPEN, "REVOCATION_UNKNOWN"),
    ],
)
def test_each_peculiarity_is_judged_for_what_it_is(
    folder: Path, shape: Shape, indication: Indication, code: str | None
) -> None:
    pki = DevPki.open_or_create(folder, now=NOW)
    signer = pki.issue_special(shape, "Lê Thị Cúc", agency_name="Công ty C")
    data = sign_xml(b"<vanban>1</vanban>", signer, now=NOW)
    report = verify_bytes(data, name="a.xml", options=VerifyOptions(trust=pki.trust, now=NOW))
    (signature,) = report.signatures
    assert signature.intact
    assert signature.indication is indication
    assert code is None or code in [f.code for f in signature.findings]

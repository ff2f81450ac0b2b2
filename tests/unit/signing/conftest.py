"""A development PKI and a signed letter, made once per session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.simulator.letter import make_letter
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.options import VerifyOptions
from signing.pades import append_signature, sign_letter
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from tests.support.raw_form import raw_form

NOW = datetime(2026, 1, 5, 8, 30, 45, tzinfo=UTC)
SIGNER = "Nguyễn Văn Ẩn"
AGENCY = "Ủy ban nhân dân phường Thới Hòa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A commune's people and papers."""

    pki: DevPki
    person: Credential
    organisation: Credential
    letter: bytes
    signed: bytes


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    pki = DevPki.open_or_create(tmp_path_factory.mktemp("signing") / "pki", now=NOW)
    person = pki.issue_person(SIGNER, agency_name=AGENCY)
    organisation = pki.issue_organisation(AGENCY)
    letter = make_letter(
        governing_body="Ủy ban nhân dân thành phố Bến Cát",
        issuing_body=AGENCY,
        code_number="123",
        code_notation="UBND-VP",
        place="Thới Hòa",
        issued_on=date(2026, 1, 5),
        subject="báo cáo kết quả chuyển đổi số quý IV năm 2025",
        addressees=["Ủy ban nhân dân thành phố Bến Cát"],
        paragraphs=["Thực hiện Kế hoạch số 45/KH-UBND, Ủy ban nhân dân phường báo cáo như sau."],
        signing_authority="TM. Ủy ban nhân dân",
        signer_title="Chủ tịch",
        signer_name=SIGNER,
        copies_to=["Như trên", "Lưu: VT"],
    )
    signed = sign_letter(letter, person=person, organisation=organisation, now=NOW)
    return Office(pki=pki, person=person, organisation=organisation, letter=letter, signed=signed)


@pytest.fixture
def judged(office: Office) -> Callable[[bytes], FileReport]:
    """Verify with the office's own trust store, at the time of signing."""

    def run(data: bytes) -> FileReport:
        return verify_bytes(data, name="file", options=VerifyOptions(trust=office.pki.trust, at=NOW))

    return run


@pytest.fixture
def file_with(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "file.pdf"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def signed_form(office: Office) -> bytes:
    """A PDF with one of each thing that an update may change (`tests.support.raw_form`), signed once."""
    made = append_signature(raw_form(), office.person, now=NOW).data
    assert judged_form(made).indication is Indication.TOTAL_PASSED
    return made


def judged_form(data: bytes) -> FileReport:
    """The verdict on what became of it; nobody is asked whom to trust."""
    return verify_bytes(data, name="f", options=VerifyOptions(no_trust=True))

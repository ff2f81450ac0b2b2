"""Whose signature it is, decided on rows and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.acceptance import (
    AcceptancePolicy,
    Decision,
    FileFact,
    FilePlace,
    OnFailed,
    SignatureFact,
    SignatureRole,
    Verdict,
)
from hub.domain.signers import (
    AgencyCertificate,
    CertificateState,
    Sender,
    Signer,
    SignerBond,
    SignerKind,
    bind,
    plain_name,
)

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PRINT, OTHER_PRINT = b"\x01" * 32, b"\x02" * 32
SENDER = Sender(units=frozenset({"A", "A-OLD"}), names=("Ủy ban nhân dân phường Thới Hòa",))
DIRECTORY = [("A", plain_name(SENDER.names[0])), ("B", plain_name("UBND phường Bến Cát"))]


def row(unit: str, state: str = "confirmed", **fields: object) -> AgencyCertificate:
    given = {"kind": SignerKind.ORGANISATION, "fingerprint": PRINT} | fields
    return AgencyCertificate(unit_id=unit, state=CertificateState(state), **given)  # type: ignore[arg-type]


def bond(
    *rows: AgencyCertificate, name: str = "Công ty X", kind: SignerKind = SignerKind.ORGANISATION
) -> SignerBond:
    signer = Signer(fingerprint=PRINT, kind=kind, names=(name,), at=NOW)
    return bind(signer, SENDER, rows=rows, agencies=DIRECTORY).bond


@pytest.mark.parametrize(
    "name", ["UBND PHƯỜNG THỚI HÒA", "Uỷ ban nhân dân  phường Thới Hoà", SENDER.names[0]]
)
def test_the_senders_own_name_fits_however_it_is_written(name: str) -> None:
    assert bond(name=name) is SignerBond.NAMED_SENDER


def test_anothers_name_is_another_and_nobodys_name_is_unknown() -> None:
    assert bond(name="Ủy ban nhân dân phường Bến Cát") is SignerBond.OTHER
    assert bond(name="Công ty X") is SignerBond.UNKNOWN
    assert bond(name="") is SignerBond.UNKNOWN


@pytest.mark.parametrize("unit", ["A", "A-OLD"])
def test_a_confirmed_row_counts_before_any_name_also_of_a_predecessor(unit: str) -> None:
    assert bond(row(unit), name="Ủy ban nhân dân phường Bến Cát") is SignerBond.SENDER
    assert bond(row("B"), name=SENDER.names[0]) is SignerBond.OTHER


@pytest.mark.parametrize("state", ["proposed", "refused"])
def test_a_row_that_is_not_confirmed_gives_nothing(state: str) -> None:
    assert bond(row("A", state)) is SignerBond.UNKNOWN
    assert bond(row("B", state)) is SignerBond.UNKNOWN


def test_a_refused_row_takes_the_name_its_weight() -> None:
    assert bond(row("A", "refused"), name=SENDER.names[0]) is SignerBond.UNKNOWN


def test_a_row_counts_within_its_dates_and_for_its_certificate() -> None:
    assert bond(row("A", valid_to=NOW - timedelta(days=1))) is SignerBond.UNKNOWN
    assert bond(row("A", valid_from=NOW + timedelta(days=1))) is SignerBond.UNKNOWN
    assert bond(row("A", fingerprint=OTHER_PRINT)) is SignerBond.UNKNOWN


def test_a_person_is_judged_by_confirmed_rows_alone() -> None:
    person = SignerKind.PERSON
    assert bond(name="UBND phường Bến Cát", kind=person) is SignerBond.OPEN
    assert bond(row("B", kind=person), kind=person) is SignerBond.OTHER
    assert bond(row("A", kind=person), kind=person) is SignerBond.SENDER


def test_a_name_of_the_directory_makes_an_unknown_certificate_an_organisations() -> None:
    unknown = SignerKind.UNKNOWN
    assert bond(name=SENDER.names[0], kind=unknown) is SignerBond.NAMED_SENDER
    assert bond(name="UBND phường Bến Cát", kind=unknown) is SignerBond.OTHER
    assert bond(name="Nguyễn Văn A", kind=unknown) is SignerBond.OPEN


def decision(
    bond: SignerBond, place: FilePlace = FilePlace.MAIN, *, on_other_signer: OnFailed = OnFailed.HOLD
) -> Decision:
    signatures = (
        SignatureFact(role=SignatureRole.SIGNER, verdict=Verdict.PASSED),
        SignatureFact(role=SignatureRole.ORGANISATION, verdict=Verdict.PASSED, bond=bond),
    )
    file = FileFact(name="b.pdf", place=place, verdict=Verdict.PASSED, signatures=signatures)
    return (
        AcceptancePolicy(require_main=frozenset(), on_other_signer=on_other_signer).evaluate([file]).decision
    )


def test_another_agencys_stamp_holds_the_document_and_never_passes_unseen() -> None:
    assert decision(SignerBond.OTHER) is Decision.HOLD
    assert decision(SignerBond.OTHER, FilePlace.ANNEX) is Decision.DELIVER_WITH_WARNING
    assert decision(SignerBond.OTHER, on_other_signer=OnFailed.REFUSE) is Decision.REFUSE
    assert decision(SignerBond.OTHER, on_other_signer=OnFailed.WARN) is Decision.DELIVER_WITH_WARNING
    assert decision(SignerBond.UNKNOWN) is Decision.DELIVER_WITH_WARNING
    for fine in (SignerBond.SENDER, SignerBond.NAMED_SENDER, SignerBond.OPEN):
        assert decision(fine) is Decision.DELIVER

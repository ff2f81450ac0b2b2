from __future__ import annotations

import json
import pickle  # noqa: TID251 - what multiprocessing does
from datetime import UTC, datetime, timedelta, timezone

import pytest

from signing.messages import Code, conclusion, finding
from signing.report import (
    CertificateInfo,
    FileFormat,
    FileReport,
    Indication,
    Severity,
    SignatureReport,
    SubIndication,
    worst,
)
from signing.report_json import instant, mask_personal, to_json

SIGNER = CertificateInfo(
    subject="UID=CCCD:074123456789, CN=Nguyễn Văn An, C=VN",
    issuer="CN=CA",
    serial="0a",
    not_before=None,
    not_after=None,
)
SIGNATURE = SignatureReport(
    id="S1",
    signer=SIGNER,
    signing_time=datetime(2026, 1, 5, 15, 30, 45, tzinfo=timezone(timedelta(hours=7))),
    indication=Indication.TOTAL_FAILED,
    sub_indication=SubIndication.HASH_FAILURE,
    findings=(finding(Code.CONTENT_CHANGED, Severity.ERROR),),
)
REPORT = FileReport(
    file="a.pdf",
    format=FileFormat.PDF,
    sha256="00",
    indication=Indication.TOTAL_FAILED,
    sub_indication=SubIndication.HASH_FAILURE,
    signatures=(SIGNATURE,),
)


def test_the_object_has_exactly_the_documented_keys() -> None:
    made = to_json(REPORT)
    assert list(made) == [
        "file", "format", "sha256", "indication", "sub_indication", "signatures", "findings", "elapsed_ms",
    ]  # fmt: skip
    keys = (
        "id field format role role_basis certificate_kind signer signing_time best_time time_source "
        "timestamps revision page rect docmdp reason location intact covers scope changes chain revocation "
        "algorithms indication sub_indication findings"
    )
    assert list(made["signatures"][0]) == keys.split()
    assert list(made["signatures"][0]["signer"]) == ["subject", "issuer", "serial", "not_before", "not_after"]
    assert list(made["signatures"][0]["findings"][0]) == ["code", "severity", "text"]


def test_personal_numbers_are_masked_unless_asked_for() -> None:
    assert "074123456789" not in json.dumps(to_json(REPORT))
    assert "CCCD:*********789" in to_json(REPORT)["signatures"][0]["signer"]["subject"]
    assert "074123456789" in json.dumps(to_json(REPORT, show_personal=True))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("UID=MST:3700123456", "UID=MST:*******456"),
        ("UID=CMND:281234567, CN=A", "UID=CMND:******567, CN=A"),
        ("SERIALNUMBER=PNOEE-38001085718", "SERIALNUMBER=PNOEE-********718"),
        ("CN=Ủy ban nhân dân", "CN=Ủy ban nhân dân"),
    ],
)
def test_only_numbers_of_people_and_taxpayers_are_masked(text: str, masked: str) -> None:
    assert mask_personal(text) == masked


def test_times_are_written_in_utc() -> None:
    assert to_json(REPORT)["signatures"][0]["signing_time"] == "2026-01-05T08:30:45Z"
    assert instant(datetime(2026, 1, 5, tzinfo=UTC)) == "2026-01-05T00:00:00Z"


def test_texts_are_vietnamese_unless_english_is_asked_for() -> None:
    assert "bị thay đổi" in to_json(REPORT)["signatures"][0]["findings"][0]["text"]
    assert "changed" in to_json(REPORT, language="en")["signatures"][0]["findings"][0]["text"]


def test_a_report_crosses_a_process_boundary() -> None:
    assert pickle.loads(pickle.dumps(REPORT)) == REPORT


def test_the_file_is_as_bad_as_its_worst_signature() -> None:
    passed = SignatureReport(id="S0", indication=Indication.TOTAL_PASSED)
    unclear = SignatureReport(
        id="S2", indication=Indication.INDETERMINATE, sub_indication=SubIndication.TRY_LATER
    )
    assert worst((passed, SIGNATURE, unclear)) == (Indication.TOTAL_FAILED, SubIndication.HASH_FAILURE)
    assert worst((passed, unclear)) == (Indication.INDETERMINATE, SubIndication.TRY_LATER)
    assert worst(()) == (Indication.NO_SIGNATURE, None)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_sentence_in_both_languages(code: Code) -> None:
    made = finding(code, detail="x", pages="1", count=1, date="01/01/2026")
    assert made.code == code.value
    assert made.vi.endswith(".")
    assert made.en.endswith(".")
    assert "{" not in made.vi + made.en


@pytest.mark.parametrize("indication", list(Indication))
def test_every_verdict_has_its_official_wording(indication: Indication) -> None:
    vi, en = conclusion(indication.value, "lý do")
    assert vi
    assert en

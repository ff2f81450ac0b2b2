from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.report import (
    CertificateInfo,
    FileFormat,
    FileReport,
    Finding,
    Indication,
    SignatureReport,
    TimestampReport,
)
from signing.report_codec import ReportInvalid, decode, encode

MOMENTS = st.none() | st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the zone is given beside
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7))]),
)
# Names in a signed file are its signer's to choose: any character, halves of surrogates too.
st.register_type_strategy(str, st.text(st.characters(exclude_categories=[]), max_size=8))
st.register_type_strategy(float, st.floats(allow_nan=False))
CERTIFICATES = st.builds(CertificateInfo, not_before=MOMENTS, not_after=MOMENTS)
STAMPS = st.builds(TimestampReport, time=MOMENTS)
FINDINGS = st.lists(st.builds(Finding), max_size=2).map(tuple)
SIGNATURES = st.builds(
    SignatureReport,
    signer=st.none() | CERTIFICATES,
    attachment=st.none() | st.text(),
    signing_time=MOMENTS,
    best_time=MOMENTS,
    timestamps=st.lists(STAMPS, max_size=2).map(tuple),
    rect=st.none() | st.tuples(*[st.floats(allow_nan=False)] * 4),
    findings=FINDINGS,
)
REPORTS = st.builds(
    FileReport,
    signatures=st.lists(SIGNATURES, max_size=2).map(tuple),
    findings=FINDINGS,
    elapsed_ms=st.floats(0, 1),
)
PLAIN = FileReport(
    file="a", format=FileFormat.PDF, sha256="00", indication=Indication.NO_SIGNATURE, elapsed_ms=1.5
)


@given(REPORTS)
def test_what_was_encoded_comes_back_exactly(report: FileReport) -> None:
    assert decode(encode(report)) == report


@pytest.mark.parametrize(
    "change",
    [
        {"indication": "GREEN"},
        {"indication": True},
        {"file": 7},
        {"signatures": {}},
        {"signatures": [{}]},
        {"elapsed_ms": "1"},
        {"elapsed_ms": True},
        {"more": 1},
        {"findings": [["code"]]},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ReportInvalid):
        decode(json.dumps(json.loads(encode(PLAIN)) | change).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"file": "a"}', b"\x80N."])
def test_bytes_of_another_kind_are_refused(data: bytes) -> None:
    with pytest.raises(ReportInvalid):
        decode(data)

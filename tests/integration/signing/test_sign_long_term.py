"""PAdES B-LT and B-LTA as made here, with real authorities over HTTP; and what is left when they are away."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.errors import CredentialUnusable, UsageError
from signing.evidence import LongTerm
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf, sign_pdf_told
from signing.report import Changes, FileReport, Indication, Revocation, TimeSource
from signing.tsa import Signed, TimestampClient
from signing.verify import verify_bytes
from tests.support.papers import small_letter
from tests.support.pki import NOW, Authorities

PASSED = Indication.TOTAL_PASSED


@pytest.fixture(scope="module")
def letter() -> bytes:
    return small_letter("Nguyễn Văn Thử")


def _options(
    vn: Authorities, *, archive: bool = True, tsa: str | None = None, online: bool = True
) -> SignatureOptions:
    source = vn.online() if online else None
    return SignatureOptions(
        timestamps=TimestampClient(authorities=(tsa or vn.tsa(),)),
        long_term=LongTerm(trust=vn.store(), online=source, archive=archive),
    )


def _sign(vn: Authorities, letter: bytes, options: SignatureOptions, *, label: str = "good") -> Signed:
    return sign_pdf_told(letter, vn.credential(label), now=NOW, options=options)


def _judged(vn: Authorities, data: bytes, at: datetime) -> FileReport:
    """Offline, without the sub-CAs: only what the file carries can help."""
    options = VerifyOptions(trust=vn.store(intermediates=False), at=at, compare_pages=False)
    return verify_bytes(data, name="f", options=options)


@pytest.mark.parametrize(("archive", "level"), [(False, "PAdES-B-LT"), (True, "PAdES-B-LTA")])
@pytest.mark.parametrize("label", ["good", "crl-only", "dead-ocsp"])
def test_the_file_carries_all_that_is_needed_to_judge_it(
    vn: Authorities, letter: bytes, label: str, archive: bool, level: str
) -> None:
    made = _sign(vn, letter, _options(vn, archive=archive), label=label)
    vn.asked.clear()
    signature = _judged(vn, made.data, NOW + timedelta(hours=1)).signatures[0]
    assert (made.findings, vn.asked) == ((), [])
    assert (signature.format, signature.indication) == (level, PASSED)
    assert (signature.revocation, signature.changes) == (Revocation.GOOD, Changes.PERMITTED)


def test_an_archived_signature_holds_after_the_certificates_end(vn: Authorities, letter: bytes) -> None:
    made = _sign(vn, letter, _options(vn))
    signature = _judged(vn, made.data, datetime(2031, 1, 1, tzinfo=UTC)).signatures[0]
    assert (signature.indication, signature.best_time) == (PASSED, NOW)
    assert signature.time_source is TimeSource.TIMESTAMP


def test_long_term_data_only_append(vn: Authorities, letter: bytes) -> None:
    assert _sign(vn, letter, _options(vn)).data.startswith(letter)


def test_one_may_still_sign_behind_an_archived_signature(vn: Authorities, letter: bytes) -> None:
    first = _sign(vn, letter, _options(vn)).data
    second = sign_pdf_told(first, vn.credential("crl-only"), now=NOW, options=_options(vn)).data
    report = _judged(vn, second, NOW + timedelta(hours=1))
    assert [s.format for s in report.signatures] == [
        "PAdES-B-LTA",
        "DocTimeStamp",
        "PAdES-B-LTA",
        "DocTimeStamp",
    ]
    assert {s.indication for s in report.signatures} == {PASSED}


@pytest.mark.parametrize("label", ["dead", "junk", "foreign-crl"])
def test_without_an_answer_about_revocation_the_signature_stays_at_b_t_and_says_so(
    vn: Authorities, letter: bytes, label: str
) -> None:
    made = _sign(vn, letter, _options(vn), label=label)
    options = VerifyOptions(no_trust=True)
    (signature,) = verify_bytes(made.data, name="f", options=options).signatures
    assert signature.format == "PAdES-B-T"
    assert [f.code for f in made.findings] == ["LONG_TERM_UNAVAILABLE"]


def test_without_the_network_nothing_is_asked_and_the_signature_stays_at_b_t(
    vn: Authorities, letter: bytes
) -> None:
    made = _sign(vn, letter, _options(vn, online=False))
    assert [f.code for f in made.findings] == ["LONG_TERM_UNAVAILABLE"]
    assert vn.asked == ["/vn/tsa/tsa"]


def test_without_a_timestamp_authority_the_signature_stays_at_b_b_and_says_so(
    vn: Authorities, letter: bytes
) -> None:
    made = _sign(vn, letter, _options(vn, tsa="http://127.0.0.1:9/"))
    (signature,) = verify_bytes(made.data, name="f", options=VerifyOptions(no_trust=True)).signatures
    assert signature.format == "PAdES-B-B"
    assert [f.code for f in made.findings] == ["TIMESTAMP_UNAVAILABLE"]


def test_an_authority_that_dies_between_two_timestamps_leaves_b_lt(vn: Authorities, letter: bytes) -> None:
    real, asked = TimestampClient(authorities=(vn.tsa(),)), list[bytes]()

    def once(url: str, body: bytes, seconds: float) -> bytes:
        asked.append(body)
        if len(asked) > 1:
            raise TimeoutError
        return real.send(url, body, seconds)

    options = SignatureOptions(
        timestamps=TimestampClient(authorities=(vn.tsa(),), send=once),
        long_term=LongTerm(trust=vn.store(), online=vn.online(), archive=True),
    )
    made = _sign(vn, letter, options)
    assert _judged(vn, made.data, NOW).signatures[0].format == "PAdES-B-LT"
    assert [f.code for f in made.findings] == ["ARCHIVE_TIMESTAMP_UNAVAILABLE"]


@pytest.mark.parametrize("label", ["revoked", "held", "crl-revoked"])
def test_a_revoked_certificate_is_not_signed_with(vn: Authorities, letter: bytes, label: str) -> None:
    with pytest.raises(CredentialUnusable) as refusal:
        _sign(vn, letter, _options(vn), label=label)
    assert refusal.value.code == "credential_revoked"


def test_long_term_data_without_a_timestamp_authority_are_a_usage_error(
    vn: Authorities, letter: bytes
) -> None:
    options = SignatureOptions(long_term=LongTerm(trust=vn.store()))
    with pytest.raises(UsageError) as refusal:
        sign_pdf(letter, vn.credential("good"), now=NOW, options=options)
    assert refusal.value.code == "level_conflict"


@pytest.mark.needs("pdfsig")
def test_poppler_calls_signature_and_document_timestamp_valid(
    vn: Authorities, letter: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(_sign(vn, letter, _options(vn)).data)
    said = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    assert said.count("Signature is Valid.") >= 1
    assert "Invalid" not in said

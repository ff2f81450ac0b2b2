"""Prepare, sign elsewhere, finish: what comes out, and what is refused on the way."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.credentials import Credential
from signing.elsewhere import VALID_FOR, Waiting, finish, prepare_markup, prepare_pdf
from signing.errors import CredentialUnusable, DocumentRefused, SigningFailed
from signing.report import FileReport, Indication
from signing.sealed import MARK, Checked, read_state, write_state
from signing.xades_sign import Packaging, XmlSignatureOptions
from tests.unit.signing.conftest import NOW, Office
from tests.unit.signing.test_xml_signing import ENVELOPING, LETTER, _curve_credential

Judged = Callable[[bytes], FileReport]


def _pdf(office: Office, credential: Credential | None = None, data: bytes | None = None) -> Waiting:
    signer = credential or office.person
    return prepare_pdf(data or office.letter, (signer.certificate, *signer.chain), now=NOW)


def _xml(office: Office, data: bytes = LETTER, options: XmlSignatureOptions | None = None) -> Waiting:
    signer = office.person
    return prepare_markup(data, (signer.certificate, *signer.chain), now=NOW, options=options)


def test_a_pdf_is_finished_with_a_value_made_elsewhere(office: Office, judged: Judged) -> None:
    waiting = _pdf(office)
    made = finish(office.letter, waiting.state, office.person.sign(waiting.to_sign), now=NOW)
    assert made.data.startswith(office.letter)
    (signature,) = judged(made.data).signatures
    assert (signature.format, signature.indication) == ("PAdES-B-B", Indication.TOTAL_PASSED)


def test_a_letter_that_is_signed_already_is_finished_too(office: Office, judged: Judged) -> None:
    waiting = _pdf(office, office.organisation, office.signed)
    value = office.organisation.sign(waiting.to_sign)
    report = judged(finish(office.signed, waiting.state, value, now=NOW).data)
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 3


@pytest.mark.parametrize("options", [None, ENVELOPING], ids=["enveloped", "enveloping"])
def test_xml_is_finished_with_a_value_made_elsewhere(
    office: Office, judged: Judged, options: XmlSignatureOptions | None
) -> None:
    waiting = _xml(office, options=options)
    made = finish(LETTER, waiting.state, office.person.sign(waiting.to_sign), now=NOW)
    (signature,) = judged(made.data).signatures
    assert (signature.format, signature.indication) == ("XAdES-B-B", Indication.TOTAL_PASSED)


def test_the_state_of_an_enveloping_signature_does_not_hold_the_document(office: Office) -> None:
    large = b"x" * 300_000
    options = XmlSignatureOptions(packaging=Packaging.ENVELOPING)
    assert len(_xml(office, large, options).state) < 30_000


@pytest.mark.parametrize("raw", [False, True], ids=["DER", "r and s"])
def test_a_value_on_a_curve_may_be_written_both_ways(office: Office, raw: bool) -> None:
    credential = _curve_credential(office, ec.generate_private_key(ec.SECP256R1()))
    waiting = _pdf(office, credential)
    value = credential.sign(waiting.to_sign)
    if raw:
        value = b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(value))
    assert finish(office.letter, waiting.state, value, now=NOW).data.startswith(office.letter)
    assert waiting.algorithm == "ecdsa-sha256"


@pytest.mark.needs("openssl")
def test_openssl_signs_what_was_prepared(office: Office, judged: Judged, tmp_path: Path) -> None:
    waiting = _pdf(office)
    key = office.person.key
    assert not isinstance(key, ec.EllipticCurvePrivateKey)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[union-attr]
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "tbs").write_bytes(waiting.to_sign)
    value = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", tmp_path / "key.pem", tmp_path / "tbs"],
        check=True,
        capture_output=True,
    ).stdout
    made = finish(office.letter, waiting.state, value, now=NOW, chain=(office.person.certificate,))
    assert judged(made.data).indication is Indication.TOTAL_PASSED


def _code(call: Callable[[], object]) -> str:
    with pytest.raises(DocumentRefused) as refusal:
        call()
    return refusal.value.code


def test_another_document_is_refused(office: Office) -> None:
    waiting = _pdf(office)
    value, other = office.person.sign(waiting.to_sign), office.letter + b"\n"
    assert _code(lambda: finish(other, waiting.state, value, now=NOW)) == "prepared_other_document"


@pytest.mark.parametrize("kind", ["other key", "other bytes", "junk", "empty"])
def test_a_value_that_does_not_fit_is_refused(office: Office, kind: str) -> None:
    waiting = _pdf(office)
    value = {
        "other key": office.organisation.sign(waiting.to_sign),
        "other bytes": office.person.sign(waiting.to_sign + b"x"),
        "junk": b"\1" * 256,
        "empty": b"",
    }[kind]
    assert _code(lambda: finish(office.letter, waiting.state, value, now=NOW)) == "value_wrong"


def test_a_value_with_another_signers_certificate_is_refused(office: Office) -> None:
    waiting = _pdf(office)
    value, chain = office.person.sign(waiting.to_sign), (office.organisation.certificate,)
    code = _code(lambda: finish(office.letter, waiting.state, value, now=NOW, chain=chain))
    assert code == "value_other_certificate"


@pytest.mark.parametrize("late", [VALID_FOR + timedelta(seconds=1), timedelta(hours=-1)])
def test_what_was_prepared_too_long_ago_or_in_the_future_is_refused(office: Office, late: timedelta) -> None:
    waiting = _pdf(office)
    value = office.person.sign(waiting.to_sign)
    assert _code(lambda: finish(office.letter, waiting.state, value, now=NOW + late)) == "prepared_expired"


@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_state_is_refused(office: Office, place: int, flip: int) -> None:
    waiting = _xml(office)
    blob = bytearray(base64.urlsafe_b64decode(waiting.state))
    blob[place % len(blob)] ^= flip
    text = base64.urlsafe_b64encode(blob).decode()
    value = office.person.sign(waiting.to_sign)
    assert _code(lambda: finish(LETTER, text, value, now=NOW)) == "state_damaged"


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("hole", [0, 10]),
        ("hole", [-5, 10]),
        ("hole", "x"),
        ("tail", "!!"),
        ("format", "zip"),
        ("certificates", []),
        ("certificates", ["AAAA"]),
        ("prepared_at", "yesterday"),
        ("size", -1),
        ("to_sign", None),
    ],
)
def test_a_state_that_somebody_sealed_anew_is_refused_where_it_makes_no_sense(
    office: Office, field: str, changed: object
) -> None:
    waiting = _pdf(office)
    fields = read_state(waiting.state, Checked()) | {field: changed}
    value = office.person.sign(waiting.to_sign)
    with pytest.raises((DocumentRefused, CredentialUnusable)):
        finish(office.letter, write_state(fields, Checked()), value, now=NOW)


def test_a_state_whose_picture_was_exchanged_does_not_verify(office: Office) -> None:
    first = _pdf(office)
    second = prepare_pdf(office.letter, (office.person.certificate,), now=NOW + timedelta(days=1))
    fields = read_state(first.state, Checked())
    other = read_state(second.state, Checked())
    forged = write_state({**fields, "tail": other["tail"], "hole": other["hole"]}, Checked())
    value = office.person.sign(first.to_sign)
    with pytest.raises(SigningFailed) as refusal:
        finish(office.letter, forged, value, now=NOW)
    assert refusal.value.code == "signature_not_verified"


@pytest.mark.parametrize("text", ["", "AAAA", "%%%", base64.b64encode(MARK).decode(), "é"])
def test_what_is_no_state_is_refused(office: Office, text: str) -> None:
    assert _code(lambda: finish(office.letter, text, b"", now=NOW)) == "state_damaged"

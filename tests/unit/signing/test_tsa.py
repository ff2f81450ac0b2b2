"""Timestamps: what counts as an answer, and what becomes of a signature without one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asn1crypto import algos, cms, core, keys, tsp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.timestamps import DummyTimeStamper

from signing.errors import UsageError
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf_told
from signing.report import Indication, SignatureReport, TimeSource
from signing.tsa import Send, TimestampClient, TimestampUnavailable
from signing.verify import verify_bytes
from signing.xades_sign import XmlSignatureOptions, sign_xml_told
from tests.unit.signing.conftest import NOW, Office

STAMPED = NOW + timedelta(seconds=3)
URL = "http://tsa.invalid/"


@pytest.fixture(scope="module")
def authority(office: Office) -> Send:
    credential = office.pki.timestamp_authority
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    der = credential.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stamper = DummyTimeStamper(
        tsa_cert=credential.certificate, tsa_key=keys.PrivateKeyInfo.load(der), fixed_dt=STAMPED
    )

    def send(_url: str, body: bytes, _seconds: float) -> bytes:
        return bytes(stamper.request_tsa_response(tsp.TimeStampReq.load(body)).dump())

    return send


def _dead(_url: str, _body: bytes, _seconds: float) -> bytes:
    raise TimeoutError


def _with(body: bytes, **changed: object) -> bytes:
    request = tsp.TimeStampReq.load(body)
    for name, value in changed.items():
        request[name] = value
    return bytes(request.dump())


def _other_digest() -> tsp.MessageImprint:
    return tsp.MessageImprint(
        {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": b"\0" * 32}
    )


def _client(send: Send) -> TimestampClient:
    return TimestampClient(authorities=(URL,), send=send)


def _only(data: bytes, office: Office) -> SignatureReport:
    options = VerifyOptions(trust=office.pki.trust, at=STAMPED)
    (signature,) = verify_bytes(data, name="f", options=options).signatures
    return signature


def _signed(office: Office, kind: str, client: TimestampClient) -> tuple[SignatureReport, list[str]]:
    if kind == "pdf":
        made = sign_pdf_told(
            office.letter, office.person, now=NOW, options=SignatureOptions(timestamps=client)
        )
    else:
        chosen = XmlSignatureOptions(timestamps=client)
        made = sign_xml_told(b"<a><b>1</b></a>", office.person, now=NOW, options=chosen)
    return _only(made.data, office), [f.code for f in made.findings]


@pytest.mark.parametrize(("kind", "form"), [("pdf", "PAdES-B-T"), ("xml", "XAdES-B-T")])
def test_a_timestamp_proves_the_time(office: Office, authority: Send, kind: str, form: str) -> None:
    signature, findings = _signed(office, kind, _client(authority))
    assert (signature.format, signature.indication, findings) == (form, Indication.TOTAL_PASSED, [])
    assert (signature.best_time, signature.time_source) == (STAMPED, TimeSource.TIMESTAMP)


@pytest.mark.parametrize(("kind", "form"), [("pdf", "PAdES-B-B"), ("xml", "XAdES-B-B")])
def test_without_an_authority_the_signature_is_made_all_the_same(
    office: Office, kind: str, form: str
) -> None:
    signature, findings = _signed(office, kind, _client(_dead))
    assert (signature.format, signature.indication) == (form, Indication.TOTAL_PASSED)
    assert findings == ["TIMESTAMP_UNAVAILABLE"]


def test_the_second_authority_is_asked_when_the_first_is_silent(authority: Send) -> None:
    asked: list[str] = []

    def send(url: str, body: bytes, seconds: float) -> bytes:
        asked.append(url)
        return _dead(url, body, seconds) if len(asked) == 1 else authority(url, body, seconds)

    client = TimestampClient(authorities=("http://a/", "http://b/"), send=send)
    assert cms.ContentInfo.load(client.token(b"\1" * 32))["content_type"].native == "signed_data"
    assert asked == ["http://a/", "http://b/"]


def _answer_wrong_nonce(authority: Send) -> Send:
    return lambda url, body, seconds: authority(url, _with(body, nonce=core.Integer(5)), seconds)


def _answer_other_digest(authority: Send) -> Send:
    return lambda url, body, seconds: authority(url, _with(body, message_imprint=_other_digest()), seconds)


def _answer_forged(authority: Send) -> Send:
    def send(url: str, body: bytes, seconds: float) -> bytes:
        answer = bytearray(authority(url, body, seconds))
        answer[-1] ^= 1
        return bytes(answer)

    return send


def _answer_refusal(_authority: Send) -> Send:
    refusal = b"\x30\x05\x30\x03\x02\x01\x02"  # PKIStatusInfo with status rejection, no token
    return lambda _url, _body, _seconds: refusal


def _answer_junk(_authority: Send) -> Send:
    return lambda _url, _body, _seconds: b"<html>"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_answer_wrong_nonce, "wrong nonce"),
        (_answer_other_digest, "imprint"),
        (_answer_forged, "signature"),
        (_answer_refusal, "rejection"),
        (_answer_junk, "cannot be read"),
    ],
)
def test_an_answer_that_does_not_hold_is_none(authority: Send, make: object, reason: str) -> None:
    assert callable(make)
    with pytest.raises(TimestampUnavailable) as failure:
        _client(make(authority)).token(b"\1" * 32)
    assert len(failure.value.reasons) == 1
    assert reason in failure.value.reasons[0]


def test_a_token_under_another_policy_is_none(authority: Send) -> None:
    asked: list[str | None] = []

    def send(url: str, body: bytes, seconds: float) -> bytes:
        asked.append(tsp.TimeStampReq.load(body)["req_policy"].native)
        return authority(url, body, seconds)

    answered = "1.3.6.1.4.1.99999.1"
    with pytest.raises(TimestampUnavailable, match="policy"):
        TimestampClient(authorities=(URL,), send=send, policies=frozenset({answered})).token(b"\1" * 32)
    assert asked == [answered]


def test_authorities_that_all_answer_badly_cost_the_timestamp_but_not_the_signature(
    office: Office, authority: Send
) -> None:
    wrong, silent = _answer_wrong_nonce(authority), _dead
    turns = iter([wrong, silent])

    def send(url: str, body: bytes, seconds: float) -> bytes:
        return next(turns)(url, body, seconds)

    client = TimestampClient(authorities=("http://a/", "http://b/"), send=send)
    signature, findings = _signed(office, "pdf", client)
    assert (signature.format, signature.indication) == ("PAdES-B-B", Indication.TOTAL_PASSED)
    assert findings == ["TIMESTAMP_UNAVAILABLE"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "tsa", "http://"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        TimestampClient(authorities=(url,))

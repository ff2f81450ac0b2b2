"""CMS values with altered, missing, doubled or borrowed parts; and odd ones that are sound."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from asn1crypto import cms

from signing import cms_build, der
from signing.cms_verify import MAX_SIGNERS
from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, Office
from tests.unit.signing.test_cades_archive import _token

_NO_TOKEN = cms.ContentInfo({"content_type": "data", "content": b"no token"}).dump()
LETTER = "Kính gửi: Sở Nội vụ".encode()
Alter = Callable[[list[cms.CMSAttribute]], list[cms.CMSAttribute]]


def _judge(data: bytes) -> FileReport:
    return verify_bytes(data, name="x", options=VerifyOptions(no_trust=True))


def _codes(report: FileReport) -> set[str]:
    return {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}


def _signed(office: Office, alter: Alter = list, *, stamp: bytes | None = None) -> cms.ContentInfo:
    """An enveloping message whose signed attributes are altered before they are signed."""
    signer = office.person
    algorithms = cms_build.Algorithms.of(signer.public_key)
    made = cms_build.signed_attributes(
        sha256(LETTER).digest(), signer.certificate, algorithms, signing_time=NOW
    )
    attributes = cms.CMSAttributes(alter(list(cms.CMSAttributes.load(made)))).dump(force=True)
    value = signer.sign(attributes)
    blob = cms_build.signed_data(attributes, value, [signer.certificate], algorithms, timestamp=stamp)
    info = cms.ContentInfo.load(blob)
    info["content"]["encap_content_info"] = {"content_type": "data", "content": LETTER}
    return cms.ContentInfo.load(info.dump(force=True))


def _without(name: str) -> Alter:
    return lambda attributes: [a for a in attributes if a["type"].native != name]


def _twice(name: str) -> Alter:
    return lambda attributes: attributes + [a for a in attributes if a["type"].native == name]


def _other_type(attributes: list[cms.CMSAttribute]) -> list[cms.CMSAttribute]:
    other = cms.CMSAttribute({"type": "content_type", "values": ["signed_data"]})
    return [other, *_without("content_type")(attributes)]


def _other_digest(attributes: list[cms.CMSAttribute]) -> list[cms.CMSAttribute]:
    other = cms.CMSAttribute({"type": "message_digest", "values": [sha256(b"other").digest()]})
    return [other, *_without("message_digest")(attributes)]


def test_the_message_as_it_is_built_passes(office: Office) -> None:
    assert _judge(_signed(office).dump()).indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    "alter",
    [
        _without("message_digest"),
        _without("content_type"),
        _twice("message_digest"),
        _twice("content_type"),
        _other_type,
        _other_digest,
    ],
)
def test_signed_attributes_that_do_not_speak_of_the_content_fail(office: Office, alter: Alter) -> None:
    assert _judge(_signed(office, alter).dump()).indication is Indication.TOTAL_FAILED


def test_attributes_taken_for_a_document_are_not_a_pass(office: Office) -> None:
    info = _signed(office)
    signer = info["content"]["signer_infos"][0]
    attributes = signer["signed_attrs"].untag().dump()
    stripped = cms.SignerInfo(
        {k: signer[k] for k in ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")}
    )
    info["content"]["signer_infos"] = [stripped]
    info["content"]["encap_content_info"] = {"content_type": "data", "content": attributes}
    report = _judge(info.dump(force=True))
    assert report.signatures[0].intact
    assert report.indication is Indication.INDETERMINATE


def test_a_broken_signer_beside_a_good_one_is_not_hidden(office: Office) -> None:
    info = _signed(office)
    good = info["content"]["signer_infos"][0]
    bad = cms.SignerInfo.load(good.dump())
    value = bytearray(bad["signature"].native)
    value[7] ^= 1
    bad["signature"] = bytes(value)
    for order in ([good, bad], [bad, good], [good] * MAX_SIGNERS + [bad]):
        # Not a canonical set: the order is the attacker's.
        infos = b"".join(s.dump(force=True) for s in order)
        report = _judge(_with_signers(info, infos))
        assert report.indication is not Indication.TOTAL_PASSED
        assert any(s.indication is Indication.TOTAL_PASSED for s in report.signatures)


def _with_signers(info: cms.ContentInfo, infos: bytes) -> bytes:
    parts = info["content"]
    head = b"".join(
        parts[k].dump() for k in ("version", "digest_algorithms", "encap_content_info", "certificates")
    )
    body = head + _element(0x31, infos)
    return _element(0x30, info["content_type"].dump() + _element(0xA0, _element(0x30, body)))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content).to_bytes(4, "big")
    return bytes((tag, 0x84)) + size + content


def test_lengths_in_long_form_are_read(office: Office) -> None:
    info = _signed(office)
    signer = info["content"]["signer_infos"][0]
    assert _judge(_with_signers(info, signer.dump())).indication is Indication.TOTAL_PASSED


def test_indefinite_lengths_are_read(office: Office) -> None:
    def unbounded(data: bytes, found: der.Element, depth: int) -> bytes:
        inside = data[found.inside : found.inside_end]
        if depth and data[found.start] & 0x20:
            inside = b"".join(unbounded(data, e, depth - 1) for e in der.children(data, found))
            return data[found.start : found.start + 1] + b"\x80" + inside + b"\0\0"
        return data[found.start : found.end]

    blob = _signed(office).dump()
    odd = unbounded(blob, der.element(blob, 0, len(blob)), 4)
    assert odd != blob
    assert _judge(odd).indication is Indication.TOTAL_PASSED


def test_without_its_certificate_nobody_has_signed(office: Office) -> None:
    info = _signed(office)
    info["content"]["certificates"] = [office.organisation.certificate]
    report = _judge(info.dump(force=True))
    assert report.indication is Indication.INDETERMINATE
    assert "NO_SIGNING_CERTIFICATE_FOUND" in _codes(report)


@pytest.mark.parametrize("spoiled", ["imprint", "copied", "value", "not a token"])
def test_a_timestamp_that_is_not_about_this_value_is_not_a_pass(office: Office, spoiled: str) -> None:
    value = _signed(office)["content"]["signer_infos"][0]["signature"].native
    good = _token(office, sha256(value).digest(), NOW)
    assert _judge(_signed(office, stamp=good.dump()).dump()).indication is Indication.TOTAL_PASSED
    if spoiled == "value":
        signer = good["content"]["signer_infos"][0]
        signer["signature"] = bytes(reversed(signer["signature"].native))
        stamp = good.dump(force=True)
    else:
        other = {"imprint": b"x" * 32, "copied": sha256(b"another value").digest()}.get(spoiled)
        stamp = _token(office, other, NOW).dump() if other else _NO_TOKEN
    report = _judge(_signed(office, stamp=stamp).dump())
    assert report.indication is Indication.INDETERMINATE
    assert "TIMESTAMP_INVALID" in _codes(report)

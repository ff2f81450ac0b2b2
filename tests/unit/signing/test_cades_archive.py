"""Archive timestamps of CAdES, made here by the standard's words and read by the verifier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from asn1crypto import algos, cms, core, keys, tsp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.timestamps import DummyTimeStamper

from signing import cms_build
from signing.options import VerifyOptions
from signing.report import Indication, SignatureReport, SubIndication, TimeSource
from signing.verify import verify_bytes
from tests.support.shared import shared_folder
from tests.unit.signing.conftest import NOW, Office

LETTER = b"letter"
STAMPED = NOW + timedelta(days=1)
ARCHIVE, INDEX = "0.4.0.1733.2.4", "0.4.0.19122.1.5"


def _token(office: Office, imprint: bytes, at: datetime) -> cms.ContentInfo:
    credential = office.pki.timestamp_authority
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    der = credential.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stamper = DummyTimeStamper(
        tsa_cert=credential.certificate, tsa_key=keys.PrivateKeyInfo.load(der), fixed_dt=at
    )
    request = tsp.TimeStampReq(
        {
            "version": 1,
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": imprint,
            },
            "cert_req": True,
        }
    )
    return stamper.request_tsa_response(request)["time_stamp_token"]


def _signed(office: Office) -> cms.ContentInfo:
    """A detached-built message made enveloping, with a signature timestamp."""
    signer = office.person
    algorithms = cms_build.Algorithms.of(signer.public_key)
    attributes = cms_build.signed_attributes(
        sha256(LETTER).digest(), signer.certificate, algorithms, signing_time=NOW
    )
    value = signer.sign(attributes)
    stamp = _token(office, sha256(value).digest(), NOW).dump()
    blob = cms_build.signed_data(attributes, value, [signer.certificate], algorithms, timestamp=stamp)
    info = cms.ContentInfo.load(blob)
    info["content"]["encap_content_info"] = {"content_type": "data", "content": LETTER}
    return cms.ContentInfo.load(info.dump(force=True))


def _sequence(*parts: bytes) -> bytes:
    body = b"".join(parts)
    made: core.Sequence = core.Sequence()
    made.contents = body
    return bytes(made.dump(force=True))


def _archived(
    office: Office, at: datetime, *, change_index: Callable[[list[bytes]], list[bytes]] = list
) -> bytes:
    """The message with an archive timestamp over everything that is in it."""
    info = _signed(office)
    data, signer = info["content"], info["content"]["signer_infos"][0]
    hashed = [sha256(c.dump()).digest() for c in data["certificates"]]
    unsigned = [
        sha256(a["type"].dump() + v.dump()).digest() for a in signer["unsigned_attrs"] for v in a["values"]
    ]
    groups: tuple[list[bytes], ...] = (hashed, [], change_index(unsigned))
    index = _sequence(
        algos.DigestAlgorithm({"algorithm": "sha256"}).dump(),
        *(_sequence(*(core.OctetString(h).dump() for h in group)) for group in groups),
    )
    fields = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    message = (
        data["encap_content_info"]["content_type"].dump()
        + sha256(LETTER).digest()
        + b"".join(signer[f].dump() for f in fields)
        + index
    )
    token = _token(office, sha256(message).digest(), at)
    own = token["content"]["signer_infos"][0]
    own["unsigned_attrs"] = [_attribute(INDEX, index)]
    signer["unsigned_attrs"].append(_attribute(ARCHIVE, token.dump(force=True)))
    return bytes(info.dump(force=True))


def _attribute(oid: str, value: bytes) -> cms.CMSAttribute:
    values = bytearray(_sequence(value))
    values[0] = 0x31
    return cms.CMSAttribute.load(_sequence(core.ObjectIdentifier(oid).dump(), bytes(values)))


def _judged(office: Office, blob: bytes, at: datetime, *, no_trust: bool = False) -> SignatureReport:
    options = VerifyOptions(trust=None if no_trust else office.pki.trust, no_trust=no_trust, at=at)
    return verify_bytes(blob, name="f", options=options).signatures[0]


def test_an_archive_timestamp_is_evaluated(office: Office) -> None:
    signature = _judged(office, _archived(office, STAMPED), STAMPED)
    assert (signature.format, signature.indication) == ("CAdES-B-LTA", Indication.TOTAL_PASSED)
    assert [t.type for t in signature.timestamps] == ["signature-timestamp", "archive-timestamp"]
    assert (signature.best_time, signature.time_source) == (NOW, TimeSource.TIMESTAMP)


def test_what_the_index_names_must_be_in_the_file(office: Office) -> None:
    blob = _archived(office, STAMPED, change_index=lambda found: [*found, b"\0" * 32])
    signature = _judged(office, blob, STAMPED, no_trust=True)
    assert signature.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
    assert "index: attribute" in signature.findings[0].en


def test_one_changed_byte_of_the_index_is_seen(office: Office) -> None:
    blob = bytearray(_archived(office, STAMPED))
    place = bytes(blob).rindex(sha256(office.person.certificate.dump()).digest())
    blob[place] ^= 1
    signature = _judged(office, bytes(blob), STAMPED, no_trust=True)
    assert signature.indication is Indication.INDETERMINATE


def test_an_archive_timestamp_carries_the_time_over_the_end_of_the_authority(office: Office) -> None:
    ended = datetime(2050, 1, 1, tzinfo=UTC)
    # Both authorities have ended by then: without a later timestamp nothing is proven any more.
    signature = _judged(office, _archived(office, STAMPED), ended)
    assert signature.time_source is TimeSource.CLAIMED


@pytest.mark.shared_material
def test_an_archived_file_of_others_holds() -> None:
    (path,) = shared_folder("corpus", "files").glob("*Signature-C-A-XL-1.p7m")
    report = verify_bytes(
        Path(path).read_bytes(), name="f", options=VerifyOptions(no_trust=True, compare_pages=False)
    )
    (signature,) = report.signatures
    assert [t.indication for t in signature.timestamps] == [Indication.TOTAL_PASSED] * 2

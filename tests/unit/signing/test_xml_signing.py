"""XAdES as we make it, judged by our own verifier, libxmlsec and signxml."""

from __future__ import annotations

import base64
import dataclasses
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.xades.xades import XAdESVerifier

from signing import _endesive_compat
from signing.certificates import load_certificate
from signing.credentials import Credential
from signing.errors import CredentialUnusable, DocumentRefused, SigningFailed
from signing.options import VerifyOptions
from signing.report import Coverage, Indication, SignatureReport
from signing.verify import verify_bytes
from signing.xades import V132
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml
from signing.xml_room import _end_tag, room_in
from signing.xmldsig import ds
from tests.unit.signing.conftest import NOW, Office

LETTER = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- trước --><thư xmlns="urn:x" xmlns:e=\'urn:e\' e:b="2" '
    "a='1'><e:đầu>Số: 123/UBND &#10;</e:đầu><thân><![CDATA[a < b]]> &amp; c</thân>\n</thư >\n<!-- sau -->"
).encode()
EDXML = (
    '<edXML xmlns="urn:q"><q:edXMLEnvelope xmlns:q="urn:q"><q:edXMLHeader><q:MessageHeader>Số 1'
    "</q:MessageHeader></q:edXMLHeader><q:edXMLBody/></q:edXMLEnvelope></edXML>"
).encode()
ENVELOPING = XmlSignatureOptions(packaging=Packaging.ENVELOPING, media_type="application/octet-stream")


def _only(made: bytes, office: Office) -> SignatureReport:
    report = verify_bytes(made, name="x", options=VerifyOptions(trust=office.pki.trust, at=NOW))
    (signature,) = report.signatures
    return signature


@pytest.fixture(scope="module")
def enveloped(office: Office) -> bytes:
    return sign_xml(LETTER, office.person, now=NOW)


@pytest.fixture(scope="module")
def enveloping(office: Office) -> bytes:
    return sign_xml(LETTER, office.person, now=NOW, options=ENVELOPING)


def _curve_credential(
    office: Office, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
) -> Credential:
    name = x509.load_der_x509_certificate(office.person.certificate.dump()).subject
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    certificate = load_certificate(made.public_bytes(Encoding.DER))
    assert certificate is not None
    return Credential(certificate=certificate, key=key)


def test_both_packagings_pass_as_baseline_b(office: Office, enveloped: bytes, enveloping: bytes) -> None:
    for made in (enveloped, enveloping):
        signature = _only(made, office)
        assert (signature.format, signature.indication) == ("XAdES-B-B", Indication.TOTAL_PASSED)
        assert (signature.signing_time, signature.covers) == (NOW, Coverage.WHOLE_FILE)


def test_an_enveloped_signature_leaves_every_other_byte(enveloped: bytes) -> None:
    start, end = enveloped.index(b"<ds:Signature "), enveloped.index(b"</ds:Signature>") + 15
    assert enveloped[:start] + enveloped[end:] == LETTER


def test_an_enveloping_signature_holds_the_very_bytes(enveloping: bytes) -> None:
    content = etree.fromstring(enveloping).find(ds("Object") + "[@Encoding]")
    assert content is not None
    assert base64.b64decode(content.text or "") == LETTER


def test_anything_at_all_can_be_enveloped_in_a_signature(office: Office) -> None:
    made = sign_xml(bytes(range(256)), office.person, now=NOW, options=ENVELOPING)
    assert _only(made, office).indication is Indication.TOTAL_PASSED


def test_edxml_is_signed_at_the_end_of_its_header(office: Office) -> None:
    made = sign_xml(EDXML, office.organisation, now=NOW)
    header = next(e for e in etree.fromstring(made).iter("{urn:q}edXMLHeader"))
    assert header[-1].tag == ds("Signature")
    assert [r.get("URI", "")[:1] for r in header[-1].iter(ds("Reference"))] == ["", "#"]
    assert _only(made, office).indication is Indication.TOTAL_PASSED


def test_the_certificate_is_named_in_the_form_of_the_standard(enveloped: bytes) -> None:
    root = etree.fromstring(enveloped)
    assert next(root.iter(f"{{{V132}}}IssuerSerialV2"), None) is not None
    assert next(root.iter(f"{{{V132}}}SigningCertificate"), None) is None
    assert next(root.iter(f"{{{V132}}}UnsignedProperties"), None) is None
    assert b"certum" not in enveloped


@given(data=st.data(), flip=st.integers(1, 255))
def test_one_changed_byte_is_never_a_pass_with_the_content_as_signed(
    enveloped: bytes, data: st.DataObject, flip: int
) -> None:
    """Bytes that canonical form does not keep (blanks inside tags, comments) may change; content may not."""
    signature = range(enveloped.index(b"<ds:Signature "), enveloped.index(b"</ds:Signature>") + 15)
    place = data.draw(st.integers(0, len(enveloped) - 1).filter(lambda n: n not in signature))
    broken = bytearray(enveloped)
    broken[place] ^= flip
    report = verify_bytes(bytes(broken), name="x", options=VerifyOptions(no_trust=True))
    if report.indication is Indication.TOTAL_PASSED:
        assert _meaning(bytes(broken)) == _meaning(enveloped)


def _meaning(data: bytes) -> bytes:
    return etree.tostring(etree.fromstring(data), method="c14n", exclusive=True, with_comments=False)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_elliptic_keys_sign_too(office: Office, curve: ec.EllipticCurve) -> None:
    made = sign_xml(LETTER, _curve_credential(office, ec.generate_private_key(curve)), now=NOW)
    report = verify_bytes(made, name="x", options=VerifyOptions(no_trust=True))
    assert report.indication is Indication.TOTAL_PASSED


def test_a_key_that_xml_has_no_name_for_is_refused(office: Office) -> None:
    with pytest.raises(CredentialUnusable):
        sign_xml(LETTER, _curve_credential(office, ed25519.Ed25519PrivateKey.generate()), now=NOW)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "windows-1258", "iso-8859-1"])
@pytest.mark.parametrize("text", ["<a>b é</a>", "<a>é<b/></a ><!-- </a> -->", "<é><![CDATA[</é>]]></é>"])
def test_the_encoding_stays_and_the_signature_holds(office: Office, encoding: str, text: str) -> None:
    declared = encoding.removesuffix("-le").removesuffix("-be")
    data = f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding)
    made = sign_xml(data, office.person, now=NOW)
    signature = _only(made, office)
    assert (signature.indication, signature.covers) == (Indication.TOTAL_PASSED, Coverage.WHOLE_FILE)
    place = next(n for n, (old, new) in enumerate(zip(data, made, strict=False)) if old != new)
    assert made.endswith(data[place:])
    assert made.decode(encoding).count("Signature>") > 0


@pytest.mark.parametrize(
    "document",
    [
        "<a>x</a>",
        "<a><a>x</a></a >\r\n\t ",
        "<a><!-- </a> -->x</a>",
        "<a>x</a><!-- </a> -->",
        "<a>x<![CDATA[</a>]]></a><?p </a>?>",
        "<!-- </a> --><a>x</a>",
        "<edXML><!-- </edXMLHeader> --><edXMLHeader><x/></edXMLHeader><edXMLBody/></edXML>",
        "<edXML><edXMLHeader><x/></edXMLHeader ><edXMLBody><x/></edXMLBody></edXML>",
        '<edXML xmlns:q="u"><q:edXMLHeader><x/></q:edXMLHeader>\n<edXMLBody a="&lt;/edXMLHeader>"/></edXML>',
    ],
)
def test_the_room_is_that_which_a_parser_finds(document: str) -> None:
    data = document.encode()
    root = etree.fromstring(data)
    name = "edXMLHeader" if root.tag == "edXML" else "a"
    assert room_in(data, root).place == _end_tag(data, name)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not xml", "xml_unsignable"),
        (b"<a><b></a>", "xml_unsignable"),
        (b"<a/>", "xml_unsignable"),
        (b"<edXML><x>1</x></edXML>", "xml_unsignable"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "xml_unsignable"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>b</a>'.encode("utf-32"), "xml_unsignable"),
    ],
)
def test_xml_that_cannot_bear_a_signature_is_refused(office: Office, data: bytes, code: str) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        sign_xml(data, office.person, now=NOW)
    assert refusal.value.code == code


def test_signed_xml_is_not_signed_again(office: Office, enveloped: bytes) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        sign_xml(enveloped, office.organisation, now=NOW)
    assert refusal.value.code == "xml_signed"


def test_a_value_that_does_not_verify_is_thrown_away(office: Office) -> None:
    mismatched = dataclasses.replace(office.person, certificate=office.organisation.certificate)
    with pytest.raises(SigningFailed):
        sign_xml(LETTER, mismatched, now=NOW)


@pytest.mark.needs("xmlsec1")
@pytest.mark.parametrize("packaging", list(Packaging))
def test_xmlsec_finds_it_valid(
    packaging: Packaging, enveloped: bytes, enveloping: bytes, office: Office, tmp_path: Path
) -> None:
    path, key = tmp_path / "signed.xml", tmp_path / "signer.pem"
    path.write_bytes(enveloped if packaging is Packaging.ENVELOPED else enveloping)
    key.write_bytes(_pem(office.person))
    properties = ["--id-attr:Id", f"{V132}:SignedProperties", "--id-attr:Id", f"{ds('')[1:-1]}:Object"]
    done = subprocess.run(
        [
            "xmlsec1",
            "--verify",
            "--pubkey-cert-pem",
            str(key),
            "--enabled-key-data",
            "rsa",
            *properties,
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "OK" in done.stdout + done.stderr) == (0, True), done.stderr


def test_signxml_finds_it_valid(office: Office) -> None:
    made = sign_xml(EDXML, office.person, now=NOW)
    checked = XAdESVerifier().verify(made, x509_cert=_pem(office.person).decode(), expect_references=2)
    assert len(checked) == 2


def _pem(credential: Credential) -> bytes:
    return x509.load_der_x509_certificate(credential.certificate.dump()).public_bytes(Encoding.PEM)


def test_all_of_endesive_imports_and_leaves_nothing_of_the_stand_ins() -> None:
    script = (
        "import sys; from signing._endesive_compat import imported; imported('endesive.pdf'); "
        "imported('endesive.verifier'); sys.exit(bool({'oscrypto', 'certvalidator'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_frame_stands_alone(office: Office) -> None:
    frame = _endesive_compat.signature_skeleton(name="n", now=NOW)
    assert frame.getparent() is None
    assert frame.nsmap == {"ds": ds("")[1:-1]}
    assert [e.text for e in frame.iter(f"{{{V132}}}SigningTime")] == ["2026-01-05T08:30:45Z"]

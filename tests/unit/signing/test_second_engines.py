"""What we sign, judged by engines that are not ours: signxml for XML, OpenSSL for the CMS in a PDF."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from signing.asic_sign import DataFile, add_signature, sign_container
from signing.certificates import load_certificate
from signing.credentials import Credential
from signing.pades import sign_pdf
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml
from tests.support.papers import openssl_accepts
from tests.unit.signing.conftest import NOW, Office

# Names in ASCII: signxml writes a document as ASCII and reads it again, where other names do not survive.
LETTER = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- trước --><thu xmlns="urn:x" xmlns:e="urn:e" e:b="2" a="1"'
    "><e:dau>Số: 123/UBND &#10;</e:dau><than><![CDATA[a < b]]> &amp; c</than>\r\n</thu><!-- sau -->"
).encode()
FILES = (
    DataFile(name="Công văn số 1.txt", data="Kính gửi".encode() * 40),
    DataFile(name="phụ lục.xml", data=LETTER),
)
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
KEYS = ["RSA", *CURVES]


@pytest.fixture(scope="module")
def holder(office: Office) -> Callable[[str], Credential]:
    made: dict[str, Credential] = {"RSA": office.person}

    def of(kind: str) -> Credential:
        if kind not in made:
            made[kind] = _curve(CURVES[kind])
        return made[kind]

    return of


def _curve(curve: ec.EllipticCurve) -> Credential:
    key = ec.generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nguyễn Văn Cong")])
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    certificate = load_certificate(made.public_bytes(Encoding.DER))
    assert certificate is not None
    return Credential(certificate=certificate, key=key)


def _pem(credential: Credential) -> str:
    made = x509.load_der_x509_certificate(credential.certificate.dump())
    return made.public_bytes(Encoding.PEM).decode()


def _by_signxml(
    data: bytes, signer: Credential, verifier: str, *, references: int = 2, **options: Any
) -> list[Any]:
    expected: dict[str, Any] = {"require_x509": True, "expect_references": references}
    chosen: dict[str, Any] = {"x509_cert": _pem(signer), **options}
    if verifier == "XAdES":
        chosen["expect_config"] = XAdESSignatureConfiguration(**expected)
        return [*XAdESVerifier().verify(data, **chosen)]
    chosen["expect_config"] = SignatureConfiguration(**expected)
    found: Any = XMLVerifier().verify(data, **chosen)
    return [*found]


@pytest.mark.parametrize("verifier", ["XMLDSig", "XAdES"])
@pytest.mark.parametrize("packaging", list(Packaging))
@pytest.mark.parametrize("kind", KEYS)
def test_signxml_finds_every_packaging_and_key_valid(
    holder: Callable[[str], Credential], kind: str, packaging: Packaging, verifier: str
) -> None:
    options = XmlSignatureOptions(packaging=packaging)
    made = sign_xml(LETTER, holder(kind), now=NOW, options=options)
    assert len(_by_signxml(made, holder(kind), verifier)) == 2


@pytest.mark.parametrize("kind", KEYS)
def test_signxml_sees_what_is_covered_as_we_do(holder: Callable[[str], Credential], kind: str) -> None:
    made = sign_xml(LETTER, holder(kind), now=NOW)
    document = _by_signxml(made, holder(kind), "XMLDSig")[0].signed_xml
    assert document.tag == "{urn:x}thu"
    assert etree.QName(document[-1]).localname != "Signature"


@pytest.mark.parametrize(("old", "new"), [(b"123/UBND", b"124/UBND"), (b'a="1"', b'a="2"')])
@pytest.mark.parametrize("packaging", list(Packaging))
def test_signxml_refuses_what_was_changed(
    holder: Callable[[str], Credential], packaging: Packaging, old: bytes, new: bytes
) -> None:
    plain = LETTER if packaging is Packaging.ENVELOPED else LETTER.replace(old, new)
    made = sign_xml(plain, holder("P-256"), now=NOW, options=XmlSignatureOptions(packaging=packaging))
    if packaging is Packaging.ENVELOPED:
        changed = made.replace(old, new)
    else:
        other = sign_xml(LETTER, holder("P-256"), now=NOW, options=XmlSignatureOptions(packaging=packaging))
        changed = made.replace(_content(made), _content(other))
    assert changed != made
    with pytest.raises((InvalidDigest, InvalidSignature)):
        _by_signxml(changed, holder("P-256"), "XMLDSig")


def _content(made: bytes) -> bytes:
    (found,) = re.findall(rb"<ds:Object [^>]*Encoding=[^>]*>([^<]+)<", made)
    return bytes(found)


@pytest.mark.parametrize("verifier", ["XMLDSig", "XAdES"])
@pytest.mark.parametrize("kind", KEYS)
def test_signxml_finds_each_signature_of_a_container_valid(
    holder: Callable[[str], Credential], office: Office, kind: str, verifier: str
) -> None:
    first = sign_container(FILES, holder(kind), now=NOW).data
    both = add_signature(first, office.organisation, now=NOW).data
    with zipfile.ZipFile(BytesIO(both)) as archive:
        signatures = sorted(n for n in archive.namelist() if n.startswith("META-INF/signatures"))
        for name, signer in zip(signatures, (holder(kind), office.organisation), strict=True):
            found = _detached(archive, archive.read(name), signer, verifier)
            assert len(found) == len(FILES) + 1


def _detached(archive: zipfile.ZipFile, blob: bytes, signer: Credential, verifier: str) -> list[Any]:
    def resolve(uri: str) -> bytes:
        return archive.read(unquote(uri))

    return _by_signxml(blob, signer, verifier, references=len(FILES) + 1, uri_resolver=resolve)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("kind", KEYS)
def test_openssl_finds_the_cms_of_a_pdf_valid_over_its_byte_range(
    holder: Callable[[str], Credential], office: Office, kind: str, tmp_path: Path
) -> None:
    made = sign_pdf(office.letter, holder(kind), now=NOW)
    value, content = _taken_out(made)
    assert openssl_accepts(value, content, tmp_path)
    assert not openssl_accepts(value, content[:-1] + bytes([content[-1] ^ 1]), tmp_path)


@pytest.mark.needs("openssl")
def test_openssl_finds_every_cms_of_a_letter_with_two_signatures_valid(
    office: Office, tmp_path: Path
) -> None:
    for number in range(2):
        assert openssl_accepts(*_taken_out(office.signed, number), tmp_path)


def _taken_out(pdf: bytes, number: int = 0) -> tuple[bytes, bytes]:
    """The value and the bytes it is over, as anybody reads them who knows the format."""
    ranges = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", pdf)
    first, length, second, rest = map(int, ranges[number])
    hole = pdf[first + length : second]
    value = bytes.fromhex(hole.strip(b"<>").decode())
    return value, pdf[first : first + length] + pdf[second : second + rest]

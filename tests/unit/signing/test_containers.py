"""CMS files and ASiC containers made by other means, then damaged."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from signing.options import VerifyOptions
from signing.report import FileFormat, FileReport, Indication, SubIndication
from signing.verify import verify_bytes
from tests.unit.signing.conftest import Office

LETTER = "Kính gửi: Sở Nội vụ".encode()


def _cms(office: Office, data: bytes, *, detached: bool) -> bytes:
    key = office.person.key
    assert isinstance(key, rsa.RSAPrivateKey)
    certificate = x509.load_der_x509_certificate(office.person.certificate.dump())
    options = [pkcs7.PKCS7Options.Binary] + ([pkcs7.PKCS7Options.DetachedSignature] if detached else [])
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, options)


def _judge(data: bytes, *content: Path) -> FileReport:
    return verify_bytes(data, name="x", options=VerifyOptions(no_trust=True, content=content))


def _zip(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


MIMETYPE = ("mimetype", b"application/vnd.etsi.asic-s+zip")


def test_an_enveloping_cms_file_passes(office: Office) -> None:
    report = _judge(_cms(office, LETTER, detached=False))
    assert (report.format, report.indication) == (FileFormat.CMS, Indication.TOTAL_PASSED)


def test_a_detached_cms_file_needs_its_content(office: Office, tmp_path: Path) -> None:
    blob = _cms(office, LETTER, detached=True)
    (tmp_path / "letter.txt").write_bytes(LETTER)
    (tmp_path / "other.txt").write_bytes(LETTER + b"!")
    assert _judge(blob).sub_indication is SubIndication.SIGNED_DATA_NOT_FOUND
    assert _judge(blob, tmp_path / "letter.txt").indication is Indication.TOTAL_PASSED
    assert _judge(blob, tmp_path / "other.txt").sub_indication is SubIndication.HASH_FAILURE


def test_an_asic_s_with_cades_passes(office: Office) -> None:
    container = _zip(
        MIMETYPE, ("letter.txt", LETTER), ("META-INF/signature.p7s", _cms(office, LETTER, detached=True))
    )
    report = _judge(container)
    assert (report.format, report.indication) == (FileFormat.ASICS, Indication.TOTAL_PASSED)


def test_a_changed_data_file_fails(office: Office) -> None:
    container = _zip(
        MIMETYPE,
        ("letter.txt", b"x" + LETTER),
        ("META-INF/signature.p7s", _cms(office, LETTER, detached=True)),
    )
    assert _judge(container).sub_indication is SubIndication.HASH_FAILURE


def test_an_asic_s_with_two_data_files_is_a_format_failure(office: Office) -> None:
    signature = ("META-INF/signature.p7s", _cms(office, LETTER, detached=True))
    report = _judge(_zip(MIMETYPE, ("letter.txt", LETTER), ("more.txt", b"x"), signature))
    assert (report.indication, report.sub_indication) == (
        Indication.TOTAL_FAILED,
        SubIndication.FORMAT_FAILURE,
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    report = _judge(_zip(MIMETYPE, ("a.txt", b"1"), ("a.txt", b"2"), ("META-INF/signatures.xml", b"<a/>")))
    assert [f.code for f in report.findings] == ["CONTAINER_DUPLICATE_NAME"]


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "a/../../b"])
def test_names_that_leave_the_container_are_refused(name: str) -> None:
    report = _judge(_zip(MIMETYPE, (name, b"1"), ("META-INF/signatures.xml", b"<a/>")))
    assert [f.code for f in report.findings] == ["CONTAINER_UNSAFE_NAME"]


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", MIMETYPE[1])
        archive.writestr("zeros", bytes(30_000_000))
    assert [f.code for f in _judge(out.getvalue()).findings] == ["LIMIT_EXCEEDED"]


@pytest.mark.parametrize(
    "entries", [[("word/document.xml", b"<a/>"), ("[Content_Types].xml", b"<a/>")], [("a.txt", b"x")]]
)
def test_other_archives_have_no_signature(entries: list[tuple[str, bytes]]) -> None:
    report = _judge(_zip(*entries))
    assert (report.format, report.indication) == (FileFormat.UNKNOWN, Indication.NO_SIGNATURE)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04broken", b"\x30\x80", b"%PDF-1.7", b"\0" * 5000])
def test_anything_at_all_gets_a_verdict(data: bytes) -> None:
    assert _judge(data).indication is not Indication.TOTAL_PASSED

"""Containers whose signatures hold and which nevertheless show something nobody signed."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
import zlib

import pytest

from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from tests.support.raw_xml import reference, signature, signed_xml
from tests.unit.signing.conftest import NOW, Office
from tests.unit.signing.test_cades_archive import _token
from tests.unit.signing.test_containers import LETTER, _cms, _zip

MIMETYPE = ("mimetype", b"application/vnd.etsi.asic-e+zip")
SINGLE = ("mimetype", b"application/vnd.etsi.asic-s+zip")
DATA = ("letter.xml", b"<letter><amount>100</amount><note>paid</note></letter>")
DIGESTS = {
    "md5": "http://www.w3.org/2001/04/xmldsig-more#md5",
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
}


def _judge(data: bytes) -> FileReport:
    return verify_bytes(data, name="x", options=VerifyOptions(no_trust=True))


def _codes(report: FileReport) -> set[str]:
    return {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}


def _xades(office: Office, transforms: str = "") -> tuple[str, bytes]:
    made = signed_xml(signature(reference(DATA[0], transforms)), office.person, lambda _: DATA[1])
    return "META-INF/signatures.xml", made


def _manifest(of: str, *files: tuple[str, bytes], name: str = "sha256") -> bytes:
    listed = "".join(
        f'<DataObjectReference URI="{label}"><ds:DigestMethod Algorithm="{DIGESTS[name]}"/>'
        f"<ds:DigestValue>{base64.b64encode(hashlib.new(name, data).digest()).decode()}</ds:DigestValue>"
        "</DataObjectReference>"
        for label, data in files
    )
    return (
        '<ASiCManifest xmlns="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f'<SigReference URI="{of}"/>{listed}</ASiCManifest>'
    ).encode()


def _cades(office: Office, *, name: str = "sha256", listed: tuple[tuple[str, bytes], ...] = (DATA,)) -> bytes:
    manifest = _manifest("META-INF/signature.p7s", *listed, name=name)
    signed = ("META-INF/signature.p7s", _cms(office, manifest, detached=True))
    return _zip(MIMETYPE, *listed, ("META-INF/ASiCManifest.xml", manifest), signed)


def test_a_container_whose_data_are_signed_passes(office: Office) -> None:
    assert _judge(_zip(MIMETYPE, DATA, _xades(office))).indication is Indication.TOTAL_PASSED
    assert _judge(_cades(office)).indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize("name", ["more.txt", "meta-inf/more.txt", "Meta-Inf/letter.xml", "sub/mimetype"])
def test_a_file_that_no_signature_covers_is_not_a_pass(office: Office, name: str) -> None:
    report = _judge(_zip(MIMETYPE, DATA, (name, b"pay 900"), _xades(office)))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "PARTIAL_SCOPE" in _codes(report)


def test_a_filter_on_a_data_file_is_not_a_pass(office: Office) -> None:
    xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    transforms = f'<Transform Algorithm="{xpath}"><XPath>not(self::amount)</XPath></Transform>'
    report = _judge(_zip(MIMETYPE, DATA, _xades(office, transforms)))
    assert report.indication is Indication.INDETERMINATE


def test_a_signature_that_hides_in_a_data_file_is_no_part_of_ours(office: Office) -> None:
    xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    dsig = "http://www.w3.org/2000/09/xmldsig#"
    expression = f'<XPath xmlns:d="{dsig}">not(ancestor-or-self::d:Signature)</XPath>'
    hiding = b'<letter><x:Signature xmlns:x="%b">pay 100</x:Signature></letter>' % dsig.encode()
    transforms = f'<Transform Algorithm="{xpath}">{expression}</Transform>'
    made = signed_xml(signature(reference(DATA[0], transforms)), office.person, lambda _: hiding)
    changed = hiding.replace(b"100", b"900")
    report = _judge(_zip(MIMETYPE, (DATA[0], changed), ("META-INF/signatures.xml", made)))
    assert report.indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize("name", ["md5", "sha1"])
def test_a_manifest_with_an_old_digest_is_not_a_pass(office: Office, name: str) -> None:
    report = _judge(_cades(office, name=name))
    assert report.indication is Indication.INDETERMINATE
    assert _codes(report) & {"ALGORITHM_OLD", "ALGORITHM_BROKEN"}


def _hidden(container: bytes, *, front: bool) -> bytes:
    """A local entry that the directory does not list, before all others or after them."""
    name, data = b"letter.xml", b"<letter>pay 900</letter>"
    head = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0
    )
    entry = head + name + data
    if front:
        return entry + container
    end = container.rindex(b"PK\5\6")
    directory = struct.unpack_from("<I", container, end + 16)[0]
    moved = struct.pack("<I", directory + len(entry))
    return container[:directory] + entry + container[directory : end + 16] + moved + container[end + 20 :]


@pytest.mark.parametrize("front", [True, False])
def test_an_entry_that_only_some_readers_find_is_refused(office: Office, front: bool) -> None:
    container = _zip(MIMETYPE, DATA, _xades(office))
    assert _judge(_hidden(container, front=front)).indication is Indication.TOTAL_FAILED


def test_entries_with_descriptors_behind_them_are_fine(office: Office) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (MIMETYPE, DATA, _xades(office)):
            archive.writestr(name, data)
    assert _judge(out.getvalue()).indication is Indication.TOTAL_PASSED


def _stamp(office: Office, data: bytes) -> bytes:
    return bytes(_token(office, hashlib.sha256(data).digest(), NOW).dump())


def test_a_container_with_a_timestamp_alone_is_judged_by_it(office: Office) -> None:
    report = _judge(_zip(SINGLE, DATA, ("META-INF/timestamp.tst", _stamp(office, DATA[1]))))
    assert report.indication is Indication.TOTAL_PASSED
    assert [s.format for s in report.signatures] == ["DocTimeStamp"]


def test_a_timestamp_on_other_data_fails(office: Office) -> None:
    report = _judge(_zip(SINGLE, DATA, ("META-INF/timestamp.tst", _stamp(office, b"other"))))
    assert report.indication is Indication.TOTAL_FAILED
    assert not report.signatures[0].intact


@pytest.mark.parametrize("stamped", ["manifest", "other"])
def test_a_timestamp_over_a_manifest_beside_a_signature_counts(office: Office, stamped: str) -> None:
    container = _cades(office)
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        entries = [(n, archive.read(n)) for n in archive.namelist()]
    over = _manifest("META-INF/timestamp.tst", *entries[1:])
    entries.append(("META-INF/ASiCArchiveManifest.xml", over))
    entries.append(("META-INF/timestamp.tst", _stamp(office, over if stamped == "manifest" else b"other")))
    expected = Indication.TOTAL_PASSED if stamped == "manifest" else Indication.TOTAL_FAILED
    assert _judge(_zip(*entries)).indication is expected


def test_a_timestamp_alone_must_take_in_every_file(office: Office) -> None:
    over = _manifest("META-INF/timestamp.tst", DATA)
    entries = [("META-INF/ASiCManifest.xml", over), ("META-INF/timestamp.tst", _stamp(office, over))]
    report = _judge(_zip(MIMETYPE, DATA, ("more.txt", LETTER), *entries))
    assert report.indication is Indication.INDETERMINATE
    assert "PARTIAL_SCOPE" in _codes(report)

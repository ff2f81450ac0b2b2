"""ASiC-E as we write it: its form, its verdict, and what other tools say of it."""

from __future__ import annotations

import io
import struct
import subprocess
import unicodedata
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.asic_sign import MIMETYPE, DataFile, add_signature, sign_container
from signing.asic_zip import Entry, add, write
from signing.errors import DocumentRefused, UsageError
from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, Office

PASSED, FAILED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED
FILES = (
    DataFile(name="Báo cáo số 1.pdf", data=b"%PDF-1.4 nothing"),
    DataFile(name="phụ lục/bảng & 50%.csv", data=b"a;b\n" * 1000),
    DataFile(name="rỗng.txt", data=b""),
)


@pytest.fixture(scope="module")
def container(office: Office) -> bytes:
    return sign_container(FILES, office.person, now=NOW).data


def _judged(data: bytes, office: Office) -> FileReport:
    return verify_bytes(data, name="c", options=VerifyOptions(trust=office.pki.trust, at=NOW))


def test_the_container_passes_and_covers_every_file(office: Office, container: bytes) -> None:
    report = _judged(container, office)
    (signature,) = report.signatures
    assert (report.format.value, report.findings, signature.format) == ("asice", (), "XAdES-B-B")
    assert signature.indication is PASSED
    assert set(signature.scope) == {f.name for f in FILES}


def test_the_mimetype_stands_first_stored_and_without_an_extra_field(container: bytes) -> None:
    assert container[30:38] == b"mimetype"
    assert container[38 : 38 + len(MIMETYPE)] == MIMETYPE.encode()
    method, name, extra = (struct.unpack_from("<H", container, at)[0] for at in (8, 26, 28))
    assert (method, name, extra) == (0, 8, 0)


def test_names_are_composed_and_flagged_as_utf_8(office: Office) -> None:
    apart = unicodedata.normalize("NFD", "Thông báo.txt")
    made = sign_container([DataFile(name=apart, data=b"x")], office.person, now=NOW).data
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        info = archive.infolist()[1]
    assert info.filename == unicodedata.normalize("NFC", apart)
    assert info.flag_bits & 0x800


def test_the_manifest_lists_the_container_and_its_files(container: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        root = etree.fromstring(archive.read("META-INF/manifest.xml"))
    listed = [next(v for k, v in e.attrib.items() if str(k).endswith("full-path")) for e in root]
    assert listed == ["/", *(f.name for f in FILES)]


def test_a_second_signature_leaves_every_byte_of_the_first(office: Office, container: bytes) -> None:
    more = add_signature(container, office.organisation, now=NOW).data
    before, after = zipfile.ZipFile(io.BytesIO(container)), zipfile.ZipFile(io.BytesIO(more))
    directory = before.start_dir
    assert more[:directory] == container[:directory]
    assert more[after.start_dir :].startswith(container[directory : container.rindex(b"PK\5\6")])
    assert after.namelist() == [*before.namelist(), "META-INF/signatures1.xml"]
    report = _judged(more, office)
    assert [s.indication for s in report.signatures] == [PASSED, PASSED]


def test_a_container_whose_signature_fails_is_signed_only_by_force(office: Office) -> None:
    good = sign_container([DataFile(name="a", data=b"abc")], office.person, now=NOW).data
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        entries = [
            Entry(name=n, data=b"abd" if n == "a" else archive.read(n), stored=n == "mimetype")
            for n in archive.namelist()
        ]
    forged = write(entries, now=NOW)
    with pytest.raises(DocumentRefused) as refusal:
        add_signature(forged, office.organisation, now=NOW)
    assert refusal.value.code == "last_signature_failed"
    forced = add_signature(forged, office.organisation, now=NOW, force=True).data
    assert [s.indication for s in _judged(forced, office).signatures] == [FAILED, PASSED]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a", "a"],
        ["a", "A"],
        ["à", unicodedata.normalize("NFD", "à")],
        ["mimetype"],
        ["META-INF/x"],
        ["../x"],
        ["/x"],
        ["C:/x"],
        ["a\\b"],
        ["a\0"],
        ["a\u202egpj.exe"],
        ["x" * 201],
        [f"{n}" for n in range(201)],
    ],
)
def test_names_that_cannot_stand_in_a_container_are_a_usage_error(office: Office, names: list[str]) -> None:
    with pytest.raises(UsageError):
        sign_container([DataFile(name=n, data=b"") for n in names], office.person, now=NOW)


@pytest.mark.parametrize(
    "broken",
    [b"", b"PK\5\6" + b"\0" * 18, b"not a zip", write([Entry(name="a", data=b"x")], now=NOW)],
    ids=["empty", "no entries", "junk", "no mimetype"],
)
def test_what_is_no_asic_e_is_not_added_to(office: Office, broken: bytes) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        add_signature(broken, office.person, now=NOW)
    assert refusal.value.code == "container_unsignable"


def test_a_comment_and_a_foreign_writer_do_not_hinder_a_further_entry() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("một", b"1" * 100)
        archive.comment = b"PK\5 comment"
    made = add(out.getvalue(), Entry(name="hai", data=b"2" * 100), now=NOW)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert {n: archive.read(n) for n in archive.namelist()} == {"một": b"1" * 100, "hai": b"2" * 100}
        assert archive.comment == b"PK\5 comment"


def test_content_that_packs_too_well_is_stored(office: Office) -> None:
    made = sign_container([DataFile(name="zeros", data=b"\0" * 3_000_000)], office.person, now=NOW).data
    assert _judged(made, office).indication is PASSED


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_of_a_data_file_is_never_a_pass(
    office: Office, data: st.DataObject, flip: int
) -> None:
    files = [DataFile(name="a.bin", data=bytes(range(200))), DataFile(name="b.txt", data=b"b" * 50)]
    with zipfile.ZipFile(io.BytesIO(_small(office))) as archive:
        contents = {n: archive.read(n) for n in archive.namelist()}
    name = data.draw(st.sampled_from([f.name for f in files]))
    place = data.draw(st.integers(0, len(contents[name]) - 1))
    changed = bytearray(contents[name])
    changed[place] ^= flip
    contents[name] = bytes(changed)
    forged = write([Entry(name=n, data=d, stored=n == "mimetype") for n, d in contents.items()], now=NOW)
    (signature,) = _judged(forged, office).signatures
    assert (signature.indication, signature.intact) == (FAILED, False)


@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_anywhere_in_the_archive_never_passes_with_other_content(
    office: Office, place: int, flip: int
) -> None:
    small = bytearray(_small(office))
    small[place % len(small)] ^= flip
    report = _judged(bytes(small), office)
    if report.indication is PASSED:
        with zipfile.ZipFile(io.BytesIO(bytes(small))) as archive:
            assert archive.read("a.bin") == bytes(range(200))
            assert archive.read("b.txt") == b"b" * 50


_made: dict[int, bytes] = {}


def _small(office: Office) -> bytes:
    if id(office) not in _made:
        files = [DataFile(name="a.bin", data=bytes(range(200))), DataFile(name="b.txt", data=b"b" * 50)]
        _made[id(office)] = sign_container(files, office.person, now=NOW).data
    return _made[id(office)]


@pytest.mark.needs("unzip", "xmlsec1")
def test_unzip_and_xmlsec1_find_every_digest_right(office: Office, container: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.asice"
    path.write_bytes(add_signature(container, office.organisation, now=NOW).data)
    subprocess.run(["unzip", "-tq", str(path)], check=True, capture_output=True)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "out")
        names = [n for n in archive.namelist() if n.startswith("META-INF/signatures")]
        blobs = {n: archive.read(n) for n in names}
    for blob in blobs.values():
        done = _xmlsec1(blob, tmp_path / "out")
        assert done.returncode == 0, done.stderr


def _xmlsec1(blob: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "signature.xml"
    path.write_bytes(blob)
    signed = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"
    maps = [part for file in FILES for part in ("--url-map:" + _quoted(file.name), str(folder / file.name))]
    return subprocess.run(
        ["xmlsec1", "--verify", "--id-attr:Id", signed, "--insecure", *maps, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def _quoted(name: str) -> str:
    return quote(name)

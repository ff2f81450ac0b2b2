"""Archives from strangers."""

from __future__ import annotations

import errno
import hashlib
import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.archive import ArchiveDamaged, ArchiveUnsafe, Inflated, inspect, undo
from schemas.limits import MIB, FormatLimits
from schemas.media import DOCX
from tests.unit.schemas.kit import PDF, Bench, zipped

LIMITS = FormatLimits()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive.zip"


def undone(
    archive: Path, content: bytes, *, limits: FormatLimits = LIMITS, budget: int = 50 * MIB
) -> Inflated:
    archive.write_bytes(content)
    return undo(archive, archive.with_suffix(".out"), limits, budget=budget)


def inspected(archive: Path, content: bytes) -> object:
    archive.write_bytes(content)
    return inspect(archive, LIMITS)


def test_a_single_entry_is_taken_out(archive: Path) -> None:
    inflated = undone(archive, zipped(("1b2c.pdf", PDF)))
    assert archive.with_suffix(".out").read_bytes() == PDF
    assert inflated == Inflated(size=len(PDF), sha256=hashlib.sha256(PDF).digest())


def test_a_folder_beside_the_single_entry_does_not_count(archive: Path) -> None:
    archive.write_bytes(zipped(("a/", b""), ("a/b.PDF", PDF)))
    info = inspect(archive, LIMITS)
    assert (info.files, info.single_extension) == (1, "pdf")


def test_a_bomb_is_stopped_by_what_comes_out_not_by_what_it_says(archive: Path) -> None:
    bomb = bytearray(zipped(("a.txt", bytes(20 * MIB))))
    honest = struct.pack("<I", 20 * MIB)
    bomb = bytearray(bytes(bomb).replace(honest, struct.pack("<I", 10)))
    with pytest.raises(ArchiveUnsafe):
        undone(archive, bytes(bomb))
    assert archive.with_suffix(".out").stat().st_size < 3 * MIB


def test_an_honest_bomb_is_stopped_by_the_ratio(archive: Path) -> None:
    with pytest.raises(ArchiveUnsafe, match="bomb"):
        undone(archive, zipped(("a.txt", bytes(20 * MIB))))


def test_a_budget_is_kept(archive: Path) -> None:
    with pytest.raises(ArchiveUnsafe, match="bomb"):
        undone(archive, zipped(("a.txt", b"x" * 5000)), budget=4999)


def test_a_short_text_of_one_letter_is_no_bomb(archive: Path) -> None:
    assert undone(archive, zipped(("a.txt", bytes(500_000)))).size == 500_000


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "\\a", "C:\\a", "a\\..\\b", "a\x01b"])
def test_a_name_that_leaves_its_folder_condemns_the_archive(archive: Path, name: str) -> None:
    with pytest.raises(ArchiveUnsafe, match="path"):
        inspected(archive, zipped((name, PDF)))


def test_a_symbolic_link_condemns_the_archive(archive: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveUnsafe, match="link"):
        inspected(archive, out.getvalue())


def test_an_encrypted_entry_is_not_undone(archive: Path) -> None:
    content = bytearray(zipped(("a.txt", PDF)))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveUnsafe, match="encrypted"):
        undone(archive, bytes(content))


def test_an_unusual_method_is_not_undone(archive: Path) -> None:
    with pytest.raises(ArchiveUnsafe, match="method"):
        undone(archive, zipped(("a.txt", bytes(5 * MIB)), method=zipfile.ZIP_BZIP2))


def test_a_directory_that_is_too_large_is_not_read(archive: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(12_000):
            made.writestr(f"{number:060}", b"")
    with pytest.raises(ArchiveUnsafe, match="entries"):
        inspected(archive, out.getvalue())


def test_zip64_is_not_read(archive: Path) -> None:
    content = zipped(("a.txt", PDF))
    end = content.rindex(b"PK\x05\x06")
    forged = content[:end] + b"PK\x06\x07" + bytes(16) + content[end:]
    with pytest.raises(ArchiveUnsafe, match="ZIP64"):
        inspected(archive, forged)


def test_a_claimed_size_beyond_all_measure_condemns_an_archive_that_is_only_looked_into(
    archive: Path,
) -> None:
    content = zipped(("a.bin", PDF))
    at = content.rindex(b"PK\x01\x02") + 24
    with pytest.raises(ArchiveUnsafe, match="bomb"):
        inspected(archive, content[:at] + struct.pack("<I", 0xF0000000) + content[at + 4 :])


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(100), zipped(("a", PDF))[:-30]])
def test_a_damaged_archive_is_said_to_be_damaged(archive: Path, content: bytes) -> None:
    with pytest.raises(ArchiveDamaged):
        inspected(archive, content)


def test_a_wrong_checksum_is_damage(archive: Path) -> None:
    content = bytearray(zipped(("a.txt", PDF), method=zipfile.ZIP_STORED))
    content[40] ^= 1
    with pytest.raises(ArchiveDamaged):
        undone(archive, bytes(content))


@pytest.mark.parametrize(("number", "expected"), [(errno.EINVAL, ArchiveDamaged), (errno.ENOSPC, OSError)])
def test_a_seek_that_fails_is_damage_and_a_full_disk_is_not(
    archive: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def failing(*_: object) -> bytes:
        raise OSError(number, "failed")

    monkeypatch.setattr("zipfile.ZipExtFile.read", failing)
    with pytest.raises(expected):
        undone(archive, zipped(("a", b"1")))


def test_two_files_are_not_undone(archive: Path) -> None:
    with pytest.raises(ArchiveDamaged):
        undone(archive, zipped(("a", b"1"), ("b", b"2")))


def test_office_formats_are_told_by_their_entries(archive: Path) -> None:
    archive.write_bytes(zipped(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>")))
    assert inspect(archive, LIMITS).media_type == DOCX


def test_a_format_may_name_itself_in_its_first_entry(archive: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.etsi.asic-e+zip")
        made.writestr("a.pdf", PDF)
    archive.write_bytes(out.getvalue())
    assert inspect(archive, LIMITS).media_type == "application/vnd.etsi.asic-e+zip"


@pytest.mark.parametrize("text", [b"x" * 300, b"\xff\xff", b"not a type"])
def test_a_first_entry_that_names_no_type_says_nothing(archive: Path, text: bytes) -> None:
    archive.write_bytes(zipped(("mimetype", text), ("a", b""), method=zipfile.ZIP_STORED))
    assert inspect(archive, LIMITS).media_type is None


@given(st.data())
def test_a_mutated_archive_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    bench = Bench(tmp_path_factory.mktemp("zip"))
    content = bytearray(zipped(("a/b.txt", PDF * 20), ("mimetype", b"application/zip")))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = bench.spool() / "a.zip"
    path.write_bytes(content)
    try:
        inspect(path, LIMITS)
        undo(path, path.with_suffix(".out"), LIMITS, budget=MIB)
    except ArchiveUnsafe:
        pass

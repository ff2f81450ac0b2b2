"""ZIP archives from strangers: looked into without unpacking, or undone once, within bounds.

The national SDK zips most attachments (one deflated entry, a random name, declared application/zip), so a
reader has to unzip; everything else about archives is suspicion. Bounds hold while inflating, never by what
headers claim. Names of entries are never used as paths; one that tries to leave its folder condemns the
archive, because a receiver might use it. The central directory is measured before it is read (it would be
built in memory whole). ZIP64, encryption, methods other than stored and deflated, symbolic links in what is
to be undone: refused.
"""

from __future__ import annotations

import errno
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from schemas.limits import FormatLimits
from schemas.media import DOCX, PPTX, XLSX

_END: Final = b"PK\x05\x06"
_END64_LOCATOR: Final = b"PK\x06\x07"
_END_BYTES: Final = 22
_LOCATOR_BYTES: Final = 20
_COMMENT_BYTES: Final = 65_535
_DIRECTORY_BYTES: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
# Below this much output a high ratio harms nobody: short texts of one letter compress well.
RATIO_FLOOR: Final = 1024 * 1024
_ENCRYPTED: Final = 0x1
_SYMLINK: Final = 0xA
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PARTS: Final = {"word/": DOCX, "xl/": XLSX, "ppt/": PPTX}
_MIMETYPE_BYTES: Final = 200


class ArchiveUnsafe(Exception):
    """The archive must not be handed on; the reason in both languages."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.reason = (vi, en)


class ArchiveDamaged(ArchiveUnsafe):
    """The archive cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveInfo:
    """What the directory says: number of files, extension of a single one, type of office containers."""

    files: int
    single_extension: str
    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflated:
    """A file taken out of its archive."""

    size: int
    sha256: bytes


def inspect(path: Path, limits: FormatLimits) -> ArchiveInfo:
    """Look into an archive; `ArchiveUnsafe` if nobody should open it, `ArchiveDamaged` if nobody can."""
    with _opened(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            _check_entry(entry)
        files = [entry for entry in entries if not entry.is_dir()]
        total = sum(entry.file_size for entry in files)
        if total > limits.unzipped_bytes and total > limits.unzip_ratio * path.stat().st_size:
            raise ArchiveUnsafe("bom nén", "zip bomb")
        single = files[0].filename if len(files) == 1 else ""
        return ArchiveInfo(
            files=len(files),
            single_extension=single.rpartition(".")[2].lower() if "." in single else "",
            media_type=_container_type(archive, files),
        )


def undo(path: Path, target: Path, limits: FormatLimits, *, budget: int) -> Inflated:
    """Inflate the one file of an archive into the new file `target`, at most `budget` bytes."""
    with _opened(path) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(files) != 1:
            raise ArchiveDamaged("không có đúng một tệp", "it does not hold exactly one file")
        return _take(archive, files[0], target, path.stat().st_size * limits.unzip_ratio, budget)


def names(path: Path) -> tuple[str, ...]:
    """The names of the files in an archive, in order; raises as `inspect`."""
    with _opened(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            _check_entry(entry)
        return tuple(entry.filename for entry in entries if not entry.is_dir())


def extract(path: Path, name: str, target: Path, limits: FormatLimits, *, budget: int) -> Inflated:
    """Inflate one file of an archive into the new file `target`, at most `budget` bytes; raises as `undo`."""
    with _opened(path) as archive:
        files = [entry for entry in archive.infolist() if entry.filename == name]
        if len(files) != 1:
            raise ArchiveDamaged("tên tệp lặp lại", "a file name is repeated")
        return _take(archive, files[0], target, path.stat().st_size * limits.unzip_ratio, budget)


def _take(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, ratio: int, budget: int
) -> Inflated:
    _check_entry(entry)
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveUnsafe("đặt mật khẩu", "it is encrypted")
    if entry.compress_type not in _METHODS:
        raise ArchiveUnsafe("phương pháp nén lạ", "unusual compression method")
    return _inflate(archive, entry, target, ratio, budget)


def _inflate(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, ratio: int, budget: int
) -> Inflated:
    digest = hashlib.sha256()
    size = 0
    try:
        with archive.open(entry) as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > budget or (size > RATIO_FLOOR and size > ratio):
                    raise ArchiveUnsafe("bom nén", "zip bomb")
                digest.update(chunk)
                out.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError):
        raise ArchiveDamaged("bị hỏng", "it is damaged") from None
    except OSError as error:
        # A forged offset makes a seek fail; any other error is the disk's.
        if error.errno != errno.EINVAL:
            raise
        raise ArchiveDamaged("bị hỏng", "it is damaged") from None
    return Inflated(size=size, sha256=digest.digest())


class _opened:  # noqa: N801 - used like a function
    """A guarded `ZipFile` as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> zipfile.ZipFile:
        _measure(self._path)
        try:
            self._archive = zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError, IndexError):
            raise ArchiveDamaged("bị hỏng", "it is damaged") from None
        return self._archive

    def __exit__(self, *_: object) -> None:
        self._archive.close()


def _measure(path: Path) -> None:
    """Refuse a directory that is too large to be read, as `zipfile` would find it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES - _LOCATOR_BYTES))
        tail = file.read()
    end = len(tail) - _END_BYTES
    if tail[max(end, 0) : max(end, 0) + 4] != _END or tail[-2:] != b"\x00\x00":
        end = tail.rfind(_END)
    if end < 0 or end + _END_BYTES > len(tail):
        raise ArchiveDamaged("bị hỏng", "it is damaged")
    if tail[max(0, end - _LOCATOR_BYTES) : end].startswith(_END64_LOCATOR):
        raise ArchiveUnsafe("ZIP64", "ZIP64")
    (directory,) = struct.unpack_from("<I", tail, end + 12)
    if directory > _DIRECTORY_BYTES:
        raise ArchiveUnsafe("quá nhiều mục", "too many entries")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = re.split(r"[/\\]", name)
    if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name) or any(char < " " for char in name):
        raise ArchiveUnsafe("đường dẫn nguy hiểm", "dangerous path")
    if entry.external_attr >> 28 == _SYMLINK:
        raise ArchiveUnsafe("liên kết", "symbolic link")


def _container_type(archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]) -> str | None:
    names = {entry.filename for entry in files}
    if "[Content_Types].xml" in names:
        for prefix, media_type in _PARTS.items():
            if any(name.startswith(prefix) for name in names):
                return media_type
        return None
    first = files[0] if files else None
    if first is not None and first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED:
        return _declared_type(archive, first)
    return None


def _declared_type(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str | None:
    """OpenDocument and ASiC name their type in a first, stored entry."""
    if entry.file_size > _MIMETYPE_BYTES or entry.flag_bits & _ENCRYPTED:
        return None
    try:
        text = _read_all(archive.open(entry)).decode("ascii").strip()
    except (zipfile.BadZipFile, UnicodeDecodeError, EOFError, NotImplementedError, RuntimeError, ValueError):
        return None
    return text if re.fullmatch(r"application/[A-Za-z0-9.+-]+", text) else None


def _read_all(source: IO[bytes]) -> bytes:
    with source:
        return source.read(_MIMETYPE_BYTES)


def chunks(path: Path, size: int = _CHUNK) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk

"""Reading ASiC containers: ZIP archives in which data files stand beside their signatures [EN 319 162-1].

Hostile archives are normal input: names that repeat or leave the container, bombs, encrypted or damaged
entries are refused as a whole before anything in them is believed. Nested containers are not opened.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from urllib.parse import unquote

from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.report import FileFormat, Severity

# What reading a hostile archive may raise: damaged, encrypted, of an unknown method, cut short.
BROKEN_ZIP = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, zlib.error, EOFError)
MAX_ENTRIES, MAX_BYTES, MAX_RATIO, RATIO_FREE = 1_000, 200 * 1024 * 1024, 100, 1024 * 1024
MIMETYPES = {
    b"application/vnd.etsi.asic-e+zip": FileFormat.ASICE,
    b"application/vnd.etsi.asic-s+zip": FileFormat.ASICS,
    b"application/vnd.bdoc-1.0": FileFormat.ASICE,
    b"application/vnd.bdoc": FileFormat.ASICE,
}
_XADES = re.compile(r"^META-INF/[^/]*signatures?[^/]*\.xml$", re.IGNORECASE)
_CADES = re.compile(r"^META-INF/[^/]*signatures?[^/]*\.p7[sm]$", re.IGNORECASE)
_TOKEN = re.compile(r"^META-INF/[^/]*timestamp[^/]*\.tst$", re.IGNORECASE)
_MANIFEST = re.compile(r"^META-INF/ASiC[^/]*Manifest[^/]*\.xml$", re.IGNORECASE)
MANIFEST_XML = "META-INF/manifest.xml"
_ENTRY, _HEAD = b"PK\x03\x04", struct.Struct("<26xHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything in the archive, read."""

    format: FileFormat
    entries: dict[str, bytes]
    mimetype: bytes | None

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the data files."""
        return tuple(
            n for n in self.entries if not n.startswith("META-INF/") and n != "mimetype" and n[-1:] != "/"
        )

    def matching(self, kind: str) -> tuple[str, ...]:
        """Names of the signature files, tokens or manifests, in order."""
        pattern = {"xades": _XADES, "cades": _CADES, "token": _TOKEN, "manifest": _MANIFEST}[kind]
        return tuple(sorted((n for n in self.entries if pattern.match(n)), key=_natural))

    def find(self, uri: str | None) -> str | None:
        """The entry that a reference names, percent-encoded or raw."""
        if not uri:
            return None
        for name in (unquote(uri), uri, unquote(uri.replace("+", "%2B"))):
            if name in self.entries:
                return name
        return None


def _natural(name: str) -> tuple[str | int, ...]:
    return tuple(int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name) if p)


def looks_like(data: bytes) -> FileFormat:
    """Whether a ZIP archive is an ASiC container; UNKNOWN for any other archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            mimetype = b""
            if "mimetype" in names:
                with archive.open("mimetype") as entry:
                    mimetype = entry.read(100)  # the entry may be a bomb
    except BROKEN_ZIP:
        return FileFormat.UNKNOWN
    known = MIMETYPES.get(mimetype.removeprefix(b"\xef\xbb\xbf").strip())
    if known is not None:
        return known
    if any(p.match(n) for n in names for p in (_XADES, _CADES, _TOKEN)):
        return FileFormat.ASICE if MANIFEST_XML in names or len(names) > 3 else FileFormat.ASICS
    return FileFormat.UNKNOWN


def read(data: bytes, kind: FileFormat) -> Container:
    """Read the whole archive within limits; raises `InputRefused`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_names([i.filename for i in infos])
            _check_sizes(infos)
            _check_gaps(data, infos, archive.start_dir)
            entries = {i.filename: archive.read(i) for i in infos if not i.is_dir()}
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
        EOFError,
    ) as error:
        detail = " ".join(str(error).split())[:100]
        raise InputRefused(finding(Code.CONTAINER_BROKEN, Severity.ERROR, detail=detail)) from error
    return Container(format=kind, entries=entries, mimetype=entries.get("mimetype"))


def _check_names(names: list[str]) -> None:
    if len(names) > MAX_ENTRIES:
        detail = f"{len(names)} entries"
        raise InputRefused(finding(Code.LIMIT_EXCEEDED, Severity.ERROR, detail=detail))
    plain = [n.rstrip("/") for n in names]
    twice = next((n for n in plain if plain.count(n) > 1), None)
    if twice is not None:
        raise InputRefused(finding(Code.CONTAINER_DUPLICATE_NAME, Severity.ERROR, detail=twice))
    for name in names:
        # Not the normal form: "META-INF/../a" is "a" for who unpacks it, and no data file for who does not.
        parts = name.split("/")
        if (
            name.startswith("/")
            or {"..", "."} & set(parts)
            or "" in parts[:-1]
            or "\\" in name
            or "\0" in name
        ):
            raise InputRefused(finding(Code.CONTAINER_UNSAFE_NAME, Severity.ERROR, detail=name[:80]))


def _check_gaps(data: bytes, infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse entries of which the directory does not tell: who reads from the front would find them."""
    place = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if _ENTRY in data[place : info.header_offset]:
            raise InputRefused(finding(Code.CONTAINER_BROKEN, Severity.ERROR, detail="hidden entry"))
        head = data[info.header_offset : info.header_offset + _HEAD.size]
        if len(head) < _HEAD.size:
            raise InputRefused(finding(Code.CONTAINER_BROKEN, Severity.ERROR, detail=info.filename[:80]))
        name, extra = _HEAD.unpack(head)
        place = info.header_offset + _HEAD.size + name + extra + info.compress_size
    if _ENTRY in data[place:directory]:
        raise InputRefused(finding(Code.CONTAINER_BROKEN, Severity.ERROR, detail="hidden entry"))


def _check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    total = sum(i.file_size for i in infos)
    packed = sum(i.compress_size for i in infos)
    if total > MAX_BYTES or (total > RATIO_FREE and total > packed * MAX_RATIO):
        raise InputRefused(finding(Code.LIMIT_EXCEEDED, Severity.ERROR, detail=f"{total} bytes unpacked"))

"""What a file really is, told by its first bytes; declared types lie in real traffic and are only compared.

Office formats that are archives are told apart by their entries (`schemas.archive`); the old Office formats
share one container and are told apart by the extension alone.
"""

from __future__ import annotations

import codecs
from types import MappingProxyType
from typing import Final

from schemas.names import extension

OCTETS: Final = "application/octet-stream"
ZIP: Final = "application/zip"
PDF: Final = "application/pdf"
_OOXML: Final = "application/vnd.openxmlformats-officedocument."
DOCX: Final = _OOXML + "wordprocessingml.document"
XLSX: Final = _OOXML + "spreadsheetml.sheet"
PPTX: Final = _OOXML + "presentationml.presentation"

HEAD_BYTES: Final = 4096
_PDF_WINDOW: Final = 1024
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06")

_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"{\\rtf", "application/rtf"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-executable"),
    (b"<?xml", "application/xml"),
)
_OLE_BY_EXTENSION: Final = {
    "doc": "application/msword",
    "dot": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
}
BY_EXTENSION: Final = MappingProxyType(
    {
        **_OLE_BY_EXTENSION,
        "pdf": PDF,
        "docx": DOCX,
        "xlsx": XLSX,
        "pptx": PPTX,
        "zip": ZIP,
        "txt": "text/plain",
        "csv": "text/plain",
        "xml": "application/xml",
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "tif": "image/tiff",
        "tiff": "image/tiff",
        "bmp": "image/bmp",
        "rtf": "application/rtf",
        "rar": "application/vnd.rar",
        "7z": "application/x-7z-compressed",
    }
)
# What senders write for a type; the first six are the national SDK's own spellings, typing errors included.
_ALIASES: Final = {
    "application/doc": "application/msword",
    "application/docx": DOCX,
    "application/xsl": "application/vnd.ms-excel",
    "application/xslx": XLSX,
    "application/xls": "application/vnd.ms-excel",
    "application/xlsx": XLSX,
    "application/x-zip-compressed": ZIP,
    "application/x-zip": ZIP,
    "application/x-pdf": PDF,
    "application/jpg": "image/jpeg",
    "application/jpeg": "image/jpeg",
    "application/png": "image/png",
    "application/txt": "text/plain",
    "application/text": "text/plain",
    "application/rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "image/jpg": "image/jpeg",
    "text/xml": "application/xml",
    "text/rtf": "application/rtf",
    "text/csv": "text/plain",
}
_SAYS_NOTHING: Final = frozenset(
    {"", OCTETS, "application/binary", "binary/octet-stream", "multipart/form-data"}
)


def sniff(head: bytes, name: str, *, archive_type: str | None = None) -> str:
    """The media type of a file by its first `HEAD_BYTES`; `archive_type` is what an archive's entries say."""
    if head.startswith(ZIP_STARTS):
        return archive_type or ZIP
    if b"%PDF-" in head[:_PDF_WINDOW]:
        return PDF
    if head.startswith(_OLE):
        return _OLE_BY_EXTENSION.get(extension(name), "application/x-ole-storage")
    for start, media_type in _STARTS:
        if head.startswith(start):
            return media_type
    return "text/plain" if _is_text(head) else OCTETS


def is_zip_type(declared: str) -> bool:
    """The declared type says archive, in any spelling."""
    return _canonical(declared) == ZIP or _canonical(declared) == "zip"


def honest_type(declared: str, name: str) -> str:
    """Never application/zip under another name: the national SDK would unzip it and fail [SDK reader]."""
    return OCTETS if is_zip_type(declared) and not name.lower().endswith("zip") else declared


def agrees(declared: str, media_type: str) -> bool:
    """Whether a declared type is no lie. One that says nothing never lies; text has many names."""
    said = _canonical(declared)
    if said in _SAYS_NOTHING or said == media_type:
        return True
    return media_type == "text/plain" and said.startswith(("text/", "application/xml", "application/json"))


def _canonical(declared: str) -> str:
    plain = declared.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


def _is_text(head: bytes) -> bool:
    if not head:
        return False
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        text = decoder.decode(head)
    except UnicodeDecodeError:
        return False
    return all(char >= " " or char in "\t\r\n\f" for char in text)

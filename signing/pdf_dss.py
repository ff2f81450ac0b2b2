"""The document security store: certificates and revocation data kept in the PDF itself [EN 319 142-1 §5.4.2].

Entries are hints that complete paths; nothing in the store is trusted for being there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.certificates import load_certificate
from signing.pdf_structure import BROKEN_PDF

MAX_ENTRIES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStore:
    """What the newest revision's DSS holds."""

    present: bool = False
    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


def read_store(reader: PdfFileReader | None) -> DocumentStore:
    """Read the store leniently: a broken entry is left out."""
    if reader is None:
        return DocumentStore()
    try:
        store = reader.root["/DSS"]
    except BROKEN_PDF:
        return DocumentStore()
    found = [load_certificate(blob) for blob in _streams(store, "/Certs")]
    return DocumentStore(
        present=True,
        certificates=tuple(c for c in found if c is not None),
        crls=tuple(_streams(store, "/CRLs")),
        ocsps=tuple(_streams(store, "/OCSPs")),
    )


def _streams(store: Any, key: str) -> Iterator[bytes]:
    try:
        entries = list(store[key])[:MAX_ENTRIES]
    except BROKEN_PDF:
        return
    for entry in entries:
        try:
            stream = entry.get_object()
            if isinstance(stream, generic.StreamObject):
                yield bytes(stream.data)
        except BROKEN_PDF:
            continue

"""Archive timestamps of CAdES: what an archive-timestamp-v3 hashes, recomputed [EN 319 122-1 §5.5.3].

    eContentType | digest of the content | the SignerInfo's fields without unsigned attributes | the index

The index, an unsigned attribute of the token itself, lists digests of the certificates, of the revocation
data and of the unsigned attributes that the timestamp takes in: each must be found in the file. The index
of the first edition hashes attributes whole, that of the third type and value: both are understood, but a
mismatch under the first proves nothing. Older archive timestamps are not evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from asn1crypto import x509

from signing import cms, der
from signing.algorithms import DIGEST_OIDS, digest
from signing.certificates import BROKEN_DER
from signing.timestamps import TokenCheck, check_token

OID_INDEX_V3: Final = "0.4.0.19122.1.5"
OID_INDEX: Final = "0.4.0.1733.2.5"
_CERTIFICATES, _REVOCATION, _UNSIGNED = 0xA0, 0xA1, 0xA1


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCheck:
    """A token; `legacy`: its index is of the first edition, so that a mismatch proves nothing."""

    token: TokenCheck
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The pieces of the message that archive timestamps speak of, as they stand in the file."""

    content_type: bytes
    certificates: tuple[bytes, ...]
    revocation: tuple[bytes, ...]
    signer: bytes
    attributes: tuple[tuple[bytes, bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """The index as it is signed, and the digests in it by what they are of."""

    raw: bytes
    digest_name: str
    groups: tuple[tuple[bytes, ...], ...]
    legacy: bool


def check_archive(
    blob: bytes,
    check: cms.SignerCheck,
    content: cms.DigestOf,
    pool: Sequence[x509.Certificate],
) -> list[ArchiveCheck]:
    """All archive timestamps of version 3 on one signer of the message `blob`."""
    tokens = check.unsigned.get(cms.OID_ARCHIVE_TIMESTAMP_V3, [])
    if not tokens:
        return []
    try:
        parts = _parts(blob, check.value)
    except BROKEN_DER:
        parts = None
    return [_check(token, parts, content, tuple(pool)) for token in tokens]


def _check(
    token: bytes, parts: _Parts | None, content: cms.DigestOf, pool: tuple[x509.Certificate, ...]
) -> ArchiveCheck:
    index = _index(token)
    if parts is None or index is None:
        return ArchiveCheck(token=TokenCheck(type="archive-timestamp", problem="no index"), legacy=True)

    def digest_of(name: str) -> bytes | None:
        inner = content(name)
        whole = parts.content_type + inner + parts.signer + index.raw if inner is not None else None
        return digest(name, whole) if whole is not None else None

    checked = check_token("archive-timestamp", token, digest_of, more_certificates=pool)
    missing, encloses = _compare(index, parts)
    if missing and checked.good:
        checked = replace(checked, imprint_matches=False, problem=f"index: {missing}")
    return ArchiveCheck(token=replace(checked, encloses=encloses), legacy=index.legacy)


def _compare(index: _Index, parts: _Parts) -> tuple[str, bool]:
    """What of the index is not in the file; and whether every signature timestamp is in the index."""

    def of(data: bytes) -> bytes:
        return digest(index.digest_name, data) or b""

    attributes: set[bytes] = set()
    stamps: list[set[bytes]] = []
    for whole, kind, value in parts.attributes:
        forms = {of(whole), of(kind + value)}
        attributes |= forms
        if der.dotted(kind) == cms.OID_SIGNATURE_TIMESTAMP:
            stamps.append(forms)
    there = (set(map(of, parts.certificates)), set(map(of, parts.revocation)), attributes)
    for name, listed, present in zip(
        ("certificate", "revocation", "attribute"), index.groups, there, strict=True
    ):
        if not set(listed) <= present:
            return name, False
    return "", all(forms & set(index.groups[2]) for forms in stamps)


def _parts(blob: bytes, value: bytes) -> _Parts:
    """The pieces around the signer with this signature value."""
    outer = der.children(blob, der.element(blob, 0, len(blob)))[1]
    fields = der.children(blob, der.children(blob, outer)[0])
    kind = der.children(blob, fields[2])[0]
    certificates = _raw(blob, next((f for f in fields[3:-1] if f.tag == _CERTIFICATES), None))
    revocation = _raw(blob, next((f for f in fields[3:-1] if f.tag == _REVOCATION), None))
    for info in der.children(blob, fields[-1]):
        pieces = der.children(blob, info)
        unsigned = pieces.pop() if pieces[-1].tag == _UNSIGNED else None
        if der.octets(blob, pieces[-1]) == value:
            return _Parts(
                content_type=blob[kind.start : kind.end],
                certificates=certificates,
                revocation=revocation,
                signer=b"".join(blob[p.start : p.end] for p in pieces),
                attributes=tuple(_attributes(blob, unsigned)) if unsigned is not None else (),
            )
    raise ValueError("no such signer")


def _raw(blob: bytes, holder: der.Element | None) -> tuple[bytes, ...]:
    return tuple(blob[c.start : c.end] for c in der.children(blob, holder)) if holder is not None else ()


def _attributes(blob: bytes, holder: der.Element) -> list[tuple[bytes, bytes, bytes]]:
    """Each value with its attribute as a whole and its type."""
    found: list[tuple[bytes, bytes, bytes]] = []
    for attribute in der.children(blob, holder):
        kind, values = der.children(blob, attribute)[:2]
        for each in der.children(blob, values):
            whole, name = blob[attribute.start : attribute.end], blob[kind.start : kind.end]
            found.append((whole, name, blob[each.start : each.end]))
    return found


def _index(token: bytes) -> _Index | None:
    """The index out of the token's own unsigned attributes."""
    try:
        info = cms.parse(token).signer_infos[0]
        attributes = cms.attributes(info.unsigned or b"")
        for oid, legacy in ((OID_INDEX_V3, False), (OID_INDEX, True)):
            if attributes.get(oid):
                return _read_index(attributes[oid][0], legacy=legacy)
    except (cms.CmsBroken, *BROKEN_DER):
        return None
    return None


def _read_index(raw: bytes, *, legacy: bool) -> _Index | None:
    fields = der.children(raw, der.element(raw, 0, len(raw)))
    name = "sha256"
    if len(fields) == 4:
        algorithm = der.children(raw, fields.pop(0))[0]
        name = DIGEST_OIDS.get(der.dotted(raw[algorithm.start : algorithm.end]), "")
    if len(fields) != 3 or not name:
        return None
    groups = tuple(tuple(der.octets(raw, each) for each in der.children(raw, group)) for group in fields)
    return _Index(raw=raw, digest_name=name, groups=groups, legacy=legacy)

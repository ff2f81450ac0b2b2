"""The CMS core: one SignerInfo judged against the digest of what it should sign [RFC 5652, EN 319 122-1].

Structures are read by places (`signing.der`), leaves by the general library, once each. Serves PDF
signatures, detached and enveloping CMS files, ASiC with CAdES, and timestamp tokens. The
mechanism is tolerant where signatures in use are odd but sound (attributes out of DER order, BER lengths,
several certificate forms) and says so in findings; what is wrong becomes a verdict of its own kind: digest
(HASH_FAILURE), value (SIG_CRYPTO_FAILURE), certificate reference (NO_SIGNING_CERTIFICATE_FOUND).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asn1crypto import cms, x509

from signing import der
from signing.algorithms import DIGEST_OIDS, SIGNATURE_OIDS, digest
from signing.certificates import BROKEN_DER, identity, load_certificate, public_key, same_name
from signing.cms_references import CertificateReference, reference_matches, references_in
from signing.known import ByBytes
from signing.primitives import Scheme, key_bits, value_matches

OID_SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
OID_CONTENT_TIMESTAMP = "1.2.840.113549.1.9.16.2.20"
OID_ARCHIVE_TIMESTAMP_V3 = "0.4.0.1733.2.4"
OID_ARCHIVE_TIMESTAMPS_OLD = frozenset({"1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48"})
OID_ESC_TIMESTAMPS = frozenset({"1.2.840.113549.1.9.16.2.25", "1.2.840.113549.1.9.16.2.26"})
OID_CONTENT_TYPE = "1.2.840.113549.1.9.3"
OID_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
OID_SIGNING_TIME = "1.2.840.113549.1.9.5"
OID_COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
OID_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_FIRST, _SECOND, _KEY_IDENTIFIER = 0xA0, 0xA1, 0x80
_OCTETS = frozenset({der.OCTET_STRING, der.CONSTRUCTED_OCTETS})
DigestOf = Callable[[str], bytes | None]


class CmsBroken(ValueError):
    """Bytes that are not a SignedData; the message says what is wrong, for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """The parts of one SignerInfo as they stand in the bytes."""

    sid: bytes
    digest_oid: str
    algorithm: bytes
    value: bytes
    signed: bytes | None = None
    """Contents of the signed attributes, without tag and length."""
    unsigned: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMessage:
    """A parsed SignedData."""

    content_type: str
    encapsulated: bytes | None
    certificates: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    signer_infos: tuple[SignerInfo, ...]
    blob: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerCheck:
    """What the core found out about one SignerInfo; None means that it could not be computed."""

    signer: x509.Certificate | None
    scheme: Scheme | None
    digest_name: str
    key: str = ""
    key_size: int = 0
    digest_matches: bool | None = None
    value_matches: bool | None = None
    unknown_algorithm: str | None = None
    attributes_in_order: bool = True
    has_attributes: bool = True
    content_type_matches: bool = True
    signing_time: datetime | None = None
    references: tuple[CertificateReference, ...] = ()
    reference_matches: bool | None = None
    issuer_serial_matches: bool = True
    signed: dict[str, list[bytes]] = field(default_factory=dict)
    unsigned: dict[str, list[bytes]] = field(default_factory=dict)
    value: bytes = b""

    @property
    def intact(self) -> bool:
        """Content as signed, value good: the plain answer to "has it been changed?"."""
        return self.digest_matches is True and self.value_matches is True


def parse(blob: bytes) -> SignedMessage:
    """Read a ContentInfo with SignedData; trailing zeros (a reserved hole) are ignored."""
    try:
        return _signed_data(blob)
    except CmsBroken:
        raise
    except BROKEN_DER as error:
        raise CmsBroken(_short(error)) from error


def _signed_data(blob: bytes) -> SignedMessage:
    """The parts of SignedData, found by their tags in the order of [RFC 5652 §5.1]."""
    outer = der.element(blob, 0, len(blob))
    kind, holder = _exactly(blob, outer, (der.OBJECT_IDENTIFIER, _FIRST))
    if blob[kind.start : kind.end] != _SIGNED_DATA:
        raise CmsBroken(f"content type {_content_type(blob[kind.start : kind.end])}")
    (body,) = _exactly(blob, holder, (der.SEQUENCE,))
    parts = der.children(blob, body)
    _, _, content = _of_tags(parts[:3], (der.INTEGER, der.SET, der.SEQUENCE))
    rest = parts[3:]
    certificates = rest.pop(0) if rest and rest[0].tag == _FIRST else None
    revocation = rest.pop(0) if rest and rest[0].tag == _SECOND else None
    (infos,) = _of_tags(rest, (der.SET,))
    encapsulated, content_type = _encapsulated(blob, content)
    crls, ocsps = _revocation(blob, body) if revocation is not None else ((), ())
    return SignedMessage(
        content_type=content_type,
        encapsulated=encapsulated,
        certificates=tuple(_certificates(blob, certificates)) if certificates is not None else (),
        crls=crls,
        ocsps=ocsps,
        signer_infos=tuple(_signer_info(blob, e) for e in der.children(blob, infos)),
        blob=blob,
    )


def _of_tags(found: Sequence[der.Element], tags: tuple[int, ...]) -> Sequence[der.Element]:
    if tuple(e.tag for e in found) != tags:
        raise CmsBroken("not the structure of SignedData")
    return found


def _exactly(blob: bytes, parent: der.Element, tags: tuple[int, ...]) -> Sequence[der.Element]:
    if parent.tag not in {der.SEQUENCE, _FIRST}:
        raise CmsBroken("not the structure of SignedData")
    return _of_tags(der.children(blob, parent), tags)


def signer_info(blob: bytes) -> SignerInfo:
    """A SignerInfo that stands alone, as a counter-signature does."""
    try:
        return _signer_info(blob, der.element(blob, 0, len(blob)))
    except BROKEN_DER as error:
        raise CmsBroken(_short(error)) from error


def _signer_info(blob: bytes, whole: der.Element) -> SignerInfo:
    """The parts of a SignerInfo [RFC 5652 §5.3]."""
    parts = der.children(blob, whole)
    if (
        whole.tag != der.SEQUENCE
        or len(parts) < 5
        or parts[1].tag not in {der.SEQUENCE, _KEY_IDENTIFIER, _FIRST}
    ):
        raise CmsBroken("not the structure of SignerInfo")
    _of_tags((parts[0], parts[2]), (der.INTEGER, der.SEQUENCE))
    rest = parts[3:]
    signed = rest.pop(0) if rest[0].tag == _FIRST else None
    unsigned = rest.pop() if rest[-1].tag == _SECOND else None
    if len(rest) != 2 or rest[0].tag != der.SEQUENCE or rest[1].tag not in _OCTETS:
        raise CmsBroken("not the structure of SignerInfo")
    return SignerInfo(
        sid=blob[parts[1].start : parts[1].end],
        digest_oid=_algorithm_oid(blob[parts[2].start : parts[2].end]),
        algorithm=blob[rest[0].start : rest[0].end],
        value=der.octets(blob, rest[1]),
        signed=blob[signed.inside : signed.inside_end] if signed is not None else None,
        unsigned=blob[unsigned.inside : unsigned.inside_end] if unsigned is not None else None,
    )


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text[:117] + "…") if len(text) > 118 else (text or type(error).__name__)


@ByBytes
def _content_type(oid: bytes) -> str:
    return str(cms.ContentType.load(oid).native)


@ByBytes
def _algorithm_oid(identifier: bytes) -> str:
    first = der.children(identifier, der.element(identifier, 0, len(identifier)))[0]
    return der.dotted(identifier[first.start : first.end])


def _encapsulated(blob: bytes, content: der.Element) -> tuple[bytes | None, str]:
    """Content and its type."""
    parts = der.children(blob, content)
    content_type = _content_type(blob[parts[0].start : parts[0].end])
    if len(parts) < 2:
        return None, content_type
    inner = der.element(blob, parts[1].inside, parts[1].inside_end)
    # PKCS#7 1.5 wraps the content in its own type; what is signed is the value without tag and length.
    return der.octets(blob, inner) if inner.tag in _OCTETS else blob[
        inner.inside : inner.inside_end
    ], content_type


def _certificates(blob: bytes, holder: der.Element) -> Iterator[x509.Certificate]:
    try:
        found = der.children(blob, holder)
    except BROKEN_DER:
        return
    for each in found:
        certificate = load_certificate(blob[each.start : each.end]) if each.tag == der.SEQUENCE else None
        if certificate is not None:
            yield certificate


def _revocation(blob: bytes, body: der.Element) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Lists and OCSP responses kept beside the certificates."""
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    try:
        for choice in cms.SignedData.load(blob[body.start : body.end])["crls"]:
            if choice.name == "certificate_list":
                crls.append(choice.chosen.dump())
            elif choice.name == "other" and "ocsp" in str(choice.chosen["other_rev_info_format"].native):
                ocsps.append(choice.chosen["other_rev_info"].dump())
    except BROKEN_DER:
        pass
    return tuple(crls), tuple(ocsps)


def attributes(contents: bytes) -> dict[str, list[bytes]]:
    """Attribute values by object identifier, as DER; a broken attribute is left out."""
    found: dict[str, list[bytes]] = {}
    try:
        items = der.following(contents)
    except BROKEN_DER:
        return found
    for item in items:
        try:
            oid, values = der.children(contents, item)[:2]
            ders = [contents[v.start : v.end] for v in der.children(contents, values)]
            if (item.tag, oid.tag, values.tag) == (der.SEQUENCE, der.OBJECT_IDENTIFIER, der.SET):
                found.setdefault(der.dotted(contents[oid.start : oid.end]), []).extend(ders)
        except BROKEN_DER:
            continue
    return found


@dataclass(frozen=True, slots=True)
class CoreCheck:
    """Digest and value of one SignerInfo, and whose; None means that it could not be computed."""

    signer: x509.Certificate | None
    scheme: Scheme | None
    digest_name: str
    signed: dict[str, list[bytes]]
    digest_matches: bool | None = None
    value_matches: bool | None = None
    unknown_algorithm: str | None = None

    @property
    def intact(self) -> bool:
        """Content as signed, value good: the plain answer to "has it been changed?"."""
        return self.digest_matches is True and self.value_matches is True


def check_core(
    message: SignedMessage,
    info: SignerInfo,
    digest_of: DigestOf,
    *,
    more_certificates: Iterable[x509.Certificate] = (),
) -> CoreCheck:
    """Digest and value of one SignerInfo; `digest_of` gives the digest of what must have been signed."""
    signed = attributes(info.signed) if info.signed else {}
    try:
        scheme, unknown = _scheme(info.algorithm, DIGEST_OIDS.get(info.digest_oid, ""))
    except BROKEN_DER as error:
        raise CmsBroken(_short(error)) from error
    digest_name = DIGEST_OIDS.get(info.digest_oid, "") or (scheme.digest if scheme else "")
    signer = _find_signer(info, [*message.certificates, *more_certificates], signed)
    check = functools.partial(CoreCheck, signer, scheme, digest_name, signed)
    if not digest_name or scheme is None:
        return check(unknown_algorithm=unknown or info.digest_oid)
    content_digest = digest_of(digest_name)
    if content_digest is None:
        return check(unknown_algorithm=digest_name)
    digest_matches = _message_digest(signed) == content_digest if info.signed else None
    if signer is None:
        return check(digest_matches)
    key = public_key(signer)
    if key is None:
        return check(digest_matches, unknown_algorithm="public key")
    if info.signed:
        matches = _attributes_match(info.signed, functools.partial(value_matches, key, scheme, info.value))
    else:
        matches = digest_matches = value_matches(key, scheme, info.value, content_digest, prehashed=True)
    return check(digest_matches, matches, None if matches is not None else str(scheme))


def check_signer(
    message: SignedMessage,
    info: SignerInfo,
    digest_of: DigestOf,
    *,
    more_certificates: Iterable[x509.Certificate] = (),
    counter: bool = False,
) -> SignerCheck:
    """Judge one SignerInfo whole: its core, its attributes, and by which it names its certificate.

    A counter-signature has no content-type attribute [RFC 5652 §11.4].
    """
    core = check_core(message, info, digest_of, more_certificates=more_certificates)
    signed, references = core.signed, tuple(references_in(core.signed))
    key = public_key(core.signer) if core.signer is not None else None
    kind, bits = key_bits(key) if key is not None else ("", 0)
    by_digest, by_serial = reference_matches(references, core.signer) if key is not None else (None, True)
    return SignerCheck(
        signer=core.signer,
        scheme=core.scheme,
        digest_name=core.digest_name,
        key=kind,
        key_size=bits,
        digest_matches=core.digest_matches,
        value_matches=core.value_matches,
        unknown_algorithm=core.unknown_algorithm,
        attributes_in_order=not info.signed or core.value_matches is None or _is_in_order(info.signed),
        has_attributes=bool(info.signed),
        content_type_matches=counter
        or not info.signed
        or _content_type_matches(signed, message.content_type),
        signing_time=_signing_time(signed),
        references=references,
        reference_matches=by_digest,
        issuer_serial_matches=by_serial,
        signed=signed,
        unsigned=attributes(info.unsigned) if info.unsigned else {},
        value=info.value,
    )


def _scheme(algorithm: bytes, digest_name: str) -> tuple[Scheme | None, str | None]:
    """The scheme by which a value was made, or the identifier of one that is not known."""
    oid = _algorithm_oid(algorithm)
    known = SIGNATURE_OIDS.get(oid)
    if known is None:
        return None, oid
    name, fixed = known
    return Scheme(name=name, digest=fixed or digest_name) if name != "rsa-pss" else _pss(algorithm), None


def _pss(algorithm: bytes) -> Scheme:
    parameters = cms.SignedDigestAlgorithm.load(algorithm)["parameters"]
    inner = parameters["hash_algorithm"]["algorithm"].dotted
    mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].dotted
    salt = int(parameters["salt_length"].native)
    return Scheme(
        name="rsa-pss", digest=DIGEST_OIDS.get(inner, ""), mgf_digest=DIGEST_OIDS.get(mask), salt_length=salt
    )


def _attributes_match(contents: bytes, matches: Callable[[bytes], bool | None]) -> bool | None:
    """Whether the value is that of the attributes as they stand, or of the same in DER order."""
    as_found = matches(_set_of(contents))
    if as_found is not False:
        return as_found
    try:
        return matches(_set_of(b"".join(sorted(der.elements(contents)))))
    except ValueError:
        return False


def _is_in_order(contents: bytes) -> bool:
    """Whether the attributes stand in the order of DER."""
    try:
        items = der.elements(contents)
    except ValueError:
        return False
    return items == sorted(items)


def _set_of(contents: bytes) -> bytes:
    size = len(contents)
    if size < 0x80:
        return bytes((0x31, size)) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x31, 0x80 | len(octets))) + octets + contents


def _message_digest(signed: dict[str, list[bytes]]) -> bytes | None:
    values = signed.get(OID_MESSAGE_DIGEST, [])
    if len(values) != 1:
        return None
    try:
        found = der.element(values[0], 0, len(values[0]))
    except BROKEN_DER:
        return None
    return der.octets(values[0], found) if found.tag in _OCTETS else None


def _content_type_matches(signed: dict[str, list[bytes]], content_type: str) -> bool:
    values = signed.get(OID_CONTENT_TYPE, [])
    if len(values) != 1:
        return False
    try:
        return _content_type(values[0]) == content_type
    except BROKEN_DER:
        return False


def _signing_time(signed: dict[str, list[bytes]]) -> datetime | None:
    for value in signed.get(OID_SIGNING_TIME, []):
        try:
            moment = cms.Time.load(value).native
        except BROKEN_DER:
            continue
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _find_signer(
    info: SignerInfo, pool: list[x509.Certificate], signed: dict[str, list[bytes]]
) -> x509.Certificate | None:
    """The certificate that the SignerInfo names; of several candidates the one with the referenced digest."""
    try:
        named = _name_of(info.sid)
    except BROKEN_DER:
        return None
    candidates = [c for c in pool if _is_named(named, c)]
    for reference in references_in(signed) if len(candidates) > 1 else ():
        for certificate in candidates:
            if digest(reference.digest_name, identity(certificate).der) == reference.digest:
                return certificate
    return candidates[0] if candidates else None


def _name_of(sid: bytes) -> tuple[bytes, int] | bytes:
    """Issuer and serial number, or a key identifier."""
    whole = der.element(sid, 0, len(sid))
    if whole.tag != der.SEQUENCE:
        return der.octets(sid, whole)
    issuer, serial = _of_tags(der.children(sid, whole), (der.SEQUENCE, der.INTEGER))
    number = int.from_bytes(sid[serial.inside : serial.inside_end], "big", signed=True)
    return sid[issuer.start : issuer.end], number


def _is_named(named: tuple[bytes, int] | bytes, certificate: x509.Certificate) -> bool:
    try:
        if isinstance(named, bytes):
            return bool(certificate.key_identifier == named)
        whole = identity(certificate)
        return whole.serial == named[1] and same_name(named[0], whole.issuer)
    except BROKEN_DER:
        return False

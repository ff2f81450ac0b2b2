"""The CMS core: one SignerInfo judged against the digest of what it should sign [RFC 5652, EN 319 122-1].

Serves PDF signatures, detached and enveloping CMS files, ASiC with CAdES, and timestamp tokens. The
mechanism is tolerant where signatures in use are odd but sound (attributes out of DER order, BER lengths,
several certificate forms) and says so in findings; what is wrong becomes a verdict of its own kind: digest
(HASH_FAILURE), value (SIG_CRYPTO_FAILURE), certificate reference (NO_SIGNING_CERTIFICATE_FOUND).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asn1crypto import cms, core, parser, tsp, x509

from signing.algorithms import DIGEST_OIDS, SIGNATURE_OIDS, digest
from signing.certificates import BROKEN_DER, load_certificate, public_key
from signing.primitives import Scheme, key_bits, value_matches

OID_SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
OID_CONTENT_TIMESTAMP = "1.2.840.113549.1.9.16.2.20"
OID_ARCHIVE_TIMESTAMP_V3 = "0.4.0.1733.2.4"
OID_ARCHIVE_TIMESTAMPS_OLD = frozenset({"1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48"})
OID_ESC_TIMESTAMPS = frozenset({"1.2.840.113549.1.9.16.2.25", "1.2.840.113549.1.9.16.2.26"})
OID_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
OID_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
OID_CONTENT_TYPE = "1.2.840.113549.1.9.3"
OID_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
OID_SIGNING_TIME = "1.2.840.113549.1.9.5"
OID_COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
OID_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"

MAX_NESTING = 8
DigestOf = Callable[[str], bytes | None]


class CmsBroken(ValueError):
    """Bytes that are not a SignedData; the message says what is wrong, for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReference:
    """One ESSCertID(v2): the digest by which a signature names its certificate."""

    digest_name: str
    digest: bytes
    issuer_der: bytes | None
    serial: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMessage:
    """A parsed SignedData."""

    content_type: str
    encapsulated: bytes | None
    certificates: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    signer_infos: tuple[cms.SignerInfo, ...]
    signed_data: cms.SignedData


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
        signed_data = _signed_data(blob)
        encapsulated, content_type = _encapsulated(signed_data)
        return SignedMessage(
            content_type=content_type,
            encapsulated=encapsulated,
            certificates=tuple(_certificates(signed_data)),
            crls=tuple(_revocation(signed_data, ocsp=False)),
            ocsps=tuple(_revocation(signed_data, ocsp=True)),
            signer_infos=tuple(signed_data["signer_infos"]),
            signed_data=signed_data,
        )
    except CmsBroken:
        raise
    except BROKEN_DER as error:
        raise CmsBroken(_short(error)) from error


def _signed_data(blob: bytes) -> cms.SignedData:
    info = cms.ContentInfo.load(blob)
    kind = info["content_type"].native
    if kind != "signed_data":
        raise CmsBroken(f"content type {kind}")
    return info["content"]


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text[:117] + "…") if len(text) > 118 else (text or type(error).__name__)


def _encapsulated(signed_data: cms.SignedData) -> tuple[bytes | None, str]:
    """Content and its type, read by tags: the library's own reading trips over constructed strings."""
    parts = list(elements(signed_data["encap_content_info"].contents or b""))
    content_type = str(cms.ContentType.load(parts[0]).native)
    if len(parts) < 2:
        return None, content_type
    inner = parser.parse(parts[1])[4]
    # PKCS#7 1.5 wraps the content in its own type; what is signed is the value without tag and length.
    return _octets(inner) if inner[:1] in {b"\x04", b"\x24"} else bytes(parser.parse(inner)[4]), content_type


def _octets(der: bytes, depth: int = 0) -> bytes:
    """An OCTET STRING's value, its pieces put together where it is constructed [X.690 §8.7]."""
    _, is_constructed, _, _, contents, _ = parser.parse(der)
    if not is_constructed or depth > MAX_NESTING:
        return bytes(contents)
    return b"".join(_octets(piece, depth + 1) for piece in elements(contents))


def elements(contents: bytes) -> Iterator[bytes]:
    """The DER elements that follow one another in `contents`, each whole."""
    position = 0
    while position < len(contents):
        _, _, _, header, body, trailer = parser.parse(contents[position:])
        size = len(header) + len(body) + len(trailer)
        yield contents[position : position + size]
        position += size


def _certificates(signed_data: cms.SignedData) -> Iterator[x509.Certificate]:
    try:
        ders = list(elements(signed_data["certificates"].contents or b""))
    except BROKEN_DER:
        return
    for der in ders:
        certificate = load_certificate(der) if der[:1] == b"\x30" else None
        if certificate is not None:
            yield certificate


def _revocation(signed_data: cms.SignedData, *, ocsp: bool) -> Iterator[bytes]:
    try:
        for choice in signed_data["crls"]:
            if not ocsp and choice.name == "certificate_list":
                yield choice.chosen.dump()
            elif (
                ocsp
                and choice.name == "other"
                and "ocsp" in str(choice.chosen["other_rev_info_format"].native)
            ):
                yield choice.chosen["other_rev_info"].dump()
    except BROKEN_DER:
        return


def attributes(raw: cms.CMSAttributes) -> dict[str, list[bytes]]:
    """Attribute values by object identifier, as DER; a broken attribute is left out."""
    found: dict[str, list[bytes]] = {}
    try:
        items = list(elements(raw.contents or b""))
    except BROKEN_DER:
        return found
    for item in items:
        try:
            attribute = cms.CMSAttribute.load(item)
            values = list(elements(attribute["values"].contents or b""))
            found.setdefault(attribute["type"].dotted, []).extend(values)
        except BROKEN_DER:
            continue
    return found


def check_signer(
    message: SignedMessage,
    signer_info: cms.SignerInfo,
    digest_of: DigestOf,
    *,
    more_certificates: Iterable[x509.Certificate] = (),
    counter: bool = False,
) -> SignerCheck:
    """Judge one SignerInfo; `digest_of` gives the digest of what must have been signed.

    A counter-signature has no content-type attribute [RFC 5652 §11.4].
    """
    signed, unsigned, has_attributes = {}, {}, False
    try:
        if signer_info["signed_attrs"].contents:
            signed, has_attributes = attributes(signer_info["signed_attrs"]), True
        if signer_info["unsigned_attrs"].contents:
            unsigned = attributes(signer_info["unsigned_attrs"])
        value = bytes(signer_info["signature"].native)
        digest_oid = signer_info["digest_algorithm"]["algorithm"].dotted
        scheme, unknown = _scheme(signer_info, DIGEST_OIDS.get(digest_oid, ""))
    except BROKEN_DER as error:
        raise CmsBroken(_short(error)) from error
    digest_name = DIGEST_OIDS.get(digest_oid, "") or (scheme.digest if scheme else "")
    pool = [*message.certificates, *more_certificates]
    references = tuple(_references(signed))
    signer = _find_signer(signer_info, pool, references)
    check = functools.partial(
        SignerCheck,
        signer=signer,
        scheme=scheme,
        digest_name=digest_name,
        has_attributes=has_attributes,
        signing_time=_signing_time(signed),
        references=references,
        signed=signed,
        unsigned=unsigned,
        value=value,
        content_type_matches=counter
        or not has_attributes
        or _content_type_matches(signed, message.content_type),
    )
    if not digest_name or scheme is None:
        return check(unknown_algorithm=unknown or digest_oid)
    content_digest = digest_of(digest_name)
    if content_digest is None:
        return check(unknown_algorithm=digest_name)
    digest_matches = _message_digest(signed) == content_digest if has_attributes else None
    if signer is None:
        return check(digest_matches=digest_matches)
    key = public_key(signer)
    if key is None:
        return check(digest_matches=digest_matches, unknown_algorithm="public key")
    if has_attributes:
        matches, in_order = _attributes_signed(
            signer_info, functools.partial(value_matches, key, scheme, value)
        )
    else:
        matches, in_order = value_matches(key, scheme, value, content_digest, prehashed=True), True
        digest_matches = matches
    kind, bits = key_bits(key)
    by_digest, by_serial = _reference_matches(references, signer)
    return check(
        key=kind,
        key_size=bits,
        digest_matches=digest_matches,
        value_matches=matches,
        unknown_algorithm=None if matches is not None else str(scheme),
        attributes_in_order=in_order,
        reference_matches=by_digest,
        issuer_serial_matches=by_serial,
    )


def _scheme(signer_info: cms.SignerInfo, digest_name: str) -> tuple[Scheme | None, str | None]:
    algorithm = signer_info["signature_algorithm"]
    oid = algorithm["algorithm"].dotted
    known = SIGNATURE_OIDS.get(oid)
    if known is None:
        return None, oid
    name, fixed = known
    if name != "rsa-pss":
        return Scheme(name=name, digest=fixed or digest_name), None
    parameters = algorithm["parameters"]
    inner = parameters["hash_algorithm"]["algorithm"].dotted
    mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].dotted
    salt = int(parameters["salt_length"].native)
    return (
        Scheme(
            name=name, digest=DIGEST_OIDS.get(inner, ""), mgf_digest=DIGEST_OIDS.get(mask), salt_length=salt
        ),
        None,
    )


def _attributes_signed(
    signer_info: cms.SignerInfo, matches: Callable[[bytes], bool | None]
) -> tuple[bool | None, bool]:
    """Value over the attributes as they stand, else in DER order; second: do they stand in DER order?"""
    raw = signer_info["signed_attrs"]
    contents = bytes(raw.contents)
    items = list(elements(contents))
    in_order = items == sorted(items)
    as_found = matches(_set_of(contents))
    if as_found is not False:
        return as_found, in_order
    return matches(_set_of(b"".join(sorted(items)))), in_order


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
        return bytes(core.OctetString.load(values[0]).native)
    except BROKEN_DER:
        return None


def _content_type_matches(signed: dict[str, list[bytes]], content_type: str) -> bool:
    values = signed.get(OID_CONTENT_TYPE, [])
    if len(values) != 1:
        return False
    try:
        return bool(cms.ContentType.load(values[0]).native == content_type)
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


def _references(signed: dict[str, list[bytes]]) -> Iterator[CertificateReference]:
    """First ESSCertID of each signing-certificate attribute: it names the signer [RFC 5035 §4]."""
    for oid, form in (
        (OID_SIGNING_CERTIFICATE_V2, tsp.SigningCertificateV2),
        (OID_SIGNING_CERTIFICATE, tsp.SigningCertificate),
    ):
        for value in signed.get(oid, []):
            try:
                first = form.load(value)["certs"][0]
                name = "sha1"
                if oid == OID_SIGNING_CERTIFICATE_V2:
                    name = DIGEST_OIDS.get(first["hash_algorithm"]["algorithm"].dotted, "")
                issuer, serial = _issuer_serial(first)
                yield CertificateReference(
                    digest_name=name,
                    digest=bytes(first["cert_hash"].native),
                    issuer_der=issuer,
                    serial=serial,
                )
            except BROKEN_DER:
                continue


def _issuer_serial(reference: tsp.ESSCertID) -> tuple[bytes | None, int | None]:
    try:
        both = reference["issuer_serial"]
        if both.native is None:
            return None, None
        names = [n.chosen.untag().dump() for n in both["issuer"] if n.name == "directory_name"]
        return (names[0] if names else None), int(both["serial_number"].native)
    except BROKEN_DER:
        return None, None


def _reference_matches(
    references: tuple[CertificateReference, ...], signer: x509.Certificate
) -> tuple[bool | None, bool]:
    if not references:
        return None, True
    der = signer.dump()
    by_digest = all(digest(r.digest_name, der) == r.digest for r in references)
    tbs = signer["tbs_certificate"]
    issuer = x509.Name.load(tbs["issuer"].dump())
    by_serial = all(
        (r.serial is None or r.serial == int(tbs["serial_number"].native))
        and (r.issuer_der is None or _same_name(r.issuer_der, issuer))
        for r in references
    )
    return by_digest, by_serial


def _same_name(der: bytes, name: x509.Name) -> bool:
    try:
        return der == name.dump() or bool(x509.Name.load(der) == name)
    except BROKEN_DER:
        return False


def _find_signer(
    signer_info: cms.SignerInfo, pool: list[x509.Certificate], references: tuple[CertificateReference, ...]
) -> x509.Certificate | None:
    """The certificate that the SignerInfo names; of several candidates the one with the referenced digest."""
    candidates = [c for c in pool if _is_named(signer_info, c)]
    for reference in references:
        for certificate in candidates:
            if digest(reference.digest_name, certificate.dump()) == reference.digest:
                return certificate
    return candidates[0] if candidates else None


def _is_named(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> bool:
    try:
        sid = signer_info["sid"]
        if sid.name == "issuer_and_serial_number":
            tbs = certificate["tbs_certificate"]
            if int(tbs["serial_number"].native) != int(sid.chosen["serial_number"].native):
                return False
            issuer = sid.chosen["issuer"]
            return bool(issuer.dump() == tbs["issuer"].dump()) or bool(issuer == tbs["issuer"])
        return bool(certificate.key_identifier == sid.chosen.native)
    except BROKEN_DER:
        return False

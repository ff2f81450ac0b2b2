"""Signing a PDF: appended revisions, PAdES baseline B-B to B-LTA [EN 319 142-1 §6.3].

Signing only appends: no input byte changes, the cross-reference form and /ID stay, metadata is not
rewritten, earlier signatures keep their verdicts. Never certifying unless asked: those who sign later must
be able to add their fields. What earlier signatures forbid is refused, and what was made is verified by a
second engine before it is handed out (`signing.pdf_rules`). The key is an object loaded once (`Credential`)
and /Contents has a fixed reserve, so there is no dry run; the CMS value is built here (`signing.cms_build`).
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from datetime import datetime

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.general import SigningError as LibrarySigningError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.appearance import Appearance, above_name, over_left_third
from signing.certificates import is_self_issued
from signing.cms_build import Algorithms, signed_attributes, signed_data
from signing.credentials import Credential, KeyElsewhere
from signing.errors import DocumentRefused, SigningFailed, UsageError
from signing.evidence import LongTerm
from signing.pdf_archival import fitted
from signing.pdf_rules import look_again, refuse_against_signatures, refuse_unsignable
from signing.pdf_structure import BROKEN_PDF, open_pdf
from signing.pdf_writer import AppendOnlyWriter, stamp_style
from signing.report import Finding, Role, SignatureReport
from signing.tsa import Signed, TimestampClient, TimestampUnavailable

RESERVE_PLAIN, RESERVE_TIMESTAMPED = 16 * 1024, 32 * 1024
CHUNK = 1024 * 1024
# Forms of copies [NĐ 30/2020 Đ.25, Phụ lục III].
COPY_MARKS = ("SAO Y", "SAO LỤC", "TRÍCH SAO")

# The library warns of every oddity of its input; ours become findings or refusals.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureOptions:
    """What may be chosen beside key and look; the defaults are right for official letters."""

    field_name: str | None = None
    reason: str | None = None
    location: str | None = None
    certify: bool = False
    plain_pkcs7: bool = False
    timestamps: TimestampClient | None = None
    long_term: LongTerm | None = None
    """Evidence to be embedded (B-LT, B-LTA); needs `timestamps`."""
    force: bool = False
    """Sign although the file's last signature is TOTAL-FAILED."""


class _KeySigner(signers.Signer):
    """pyHanko's signer around a key object that is already loaded."""

    def __init__(self, credential: Credential) -> None:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(credential.chain)
        super().__init__(signing_cert=credential.certificate, cert_registry=store, embed_roots=False)
        self._credential = credential

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: ARG002
        return self._credential.sign(data)


def sign_pdf(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
) -> bytes:
    """The PDF with one more signature; visible if an appearance is given."""
    return sign_pdf_told(pdf, credential, now=now, appearance=appearance, options=options).data


def sign_pdf_told(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
) -> Signed:
    """The same, with what did not go as asked: without a timestamp authority baseline B is made of T."""
    made = append_signature(pdf, credential, now=now, appearance=appearance, options=options)
    return hand_out(made, credential, options or SignatureOptions())


def hand_out(made: Appended, credential: Credential, options: SignatureOptions) -> Signed:
    """The file at the level asked for, after the second look."""
    data, findings = made.data, made.findings
    if options.long_term is not None:
        if options.timestamps is None or options.plain_pkcs7:
            raise UsageError("long-term data need PAdES with a timestamp", code="level_conflict")
        # Only what asks for it pays for the imports; and that module builds on this one.
        from signing.pades_archive import lengthen  # noqa: PLC0415

        try:
            data, more = lengthen(made, credential, source=options.long_term, timestamps=options.timestamps)
        except (*BROKEN_PDF, LibrarySigningError) as error:
            raise DocumentRefused(f"the PDF cannot be signed: {error}", code="pdf_unsignable") from error
        findings += more
    look_again(data, field=made.field, before=made.before, extended=data is not made.data)
    return Signed(data=data, findings=findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """A file with a signature that nobody has looked at yet; `before` are the earlier ones' verdicts."""

    data: bytes
    field: str
    before: tuple[SignatureReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    token: bytes | None = None


def append_signature(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
) -> Appended:
    """The PDF with one more signature, before the second look that must precede handing it out."""
    prepared = prepare_signature(pdf, credential, now=now, appearance=appearance, options=options)
    return complete(prepared, credential.sign(prepared.attributes), credential, options)


def sign_letter(
    pdf: bytes,
    *,
    person: Credential,
    organisation: Credential,
    now: datetime,
    stamp_time: datetime | None = None,
) -> bytes:
    """Both signatures that give an e-document its value [NĐ 30/2020 Đ.5]: the person's, then the stamp over
    it.
    """
    place = above_name(pdf, person.name)
    look = Appearance(role=Role.SIGNER, place=place, text=person.name)
    signed = sign_pdf(pdf, person, now=now, appearance=look)
    stamp = Appearance(role=Role.ORGANISATION, place=over_left_third(place), text=organisation.name)
    return sign_pdf(signed, organisation, now=stamp_time or now, appearance=stamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file with a hole for the value, and what the key has to sign.

    `hole` is where /Contents stands, `attributes` the signed attributes in DER: their SHA-256 (Ed25519: they
    themselves) is what goes into the key operation.
    """

    data: bytes
    hole: tuple[int, int]
    digest: bytes
    attributes: bytes
    field: str
    before: tuple[SignatureReport, ...] = ()


def prepare_signature(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
) -> Prepared:
    """Everything up to the key operation; of the credential only its certificates are used."""
    chosen = options or SignatureOptions()
    try:
        return _prepare(pdf, credential, now=now, appearance=appearance, options=chosen)
    except (*BROKEN_PDF, LibrarySigningError) as error:
        raise DocumentRefused(f"the PDF cannot be signed: {error}", code="pdf_unsignable") from error


def complete(
    prepared: Prepared, value: bytes, credential: Credential, options: SignatureOptions | None = None
) -> Appended:
    """The file with the value in its hole; without a timestamp where no authority gives one."""
    token: bytes | None = None
    findings: tuple[Finding, ...] = ()
    if options is not None and options.timestamps is not None:
        try:
            token = options.timestamps.token(hashlib.sha256(value).digest())
        except TimestampUnavailable as missing:
            findings = (missing.finding,)
    chain = [c for c in credential.chain if not is_self_issued(c)]
    algorithms = Algorithms.of(credential.public_key)
    certificates = [credential.certificate, *chain]
    blob = signed_data(prepared.attributes, value, certificates, algorithms, timestamp=token)
    made = fill(prepared.data, prepared.hole, blob)
    return Appended(data=made, field=prepared.field, before=prepared.before, findings=findings, token=token)


def fill(data: bytes, hole: tuple[int, int], blob: bytes) -> bytes:
    """The file with a CMS value in its hole, padded with zeros."""
    start, end = hole
    written = blob.hex().encode()
    if len(written) > end - start - 2:
        raise SigningFailed("the value is larger than the room left for it", code="value_too_large")
    # Between the angle brackets; what is left of the hole holds zeros already.
    return data[: start + 1] + written + data[start + 1 + len(written) :]


def _prepare(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None,
    options: SignatureOptions,
) -> Prepared:
    writer = AppendOnlyWriter(io.BytesIO(pdf), strict=False)
    refuse_unsignable(writer.prev)
    name = options.field_name or free_name(writer.prev)
    role = _role(appearance)
    file = open_pdf(pdf, reader=writer.prev)
    before = refuse_against_signatures(file, field=name, role=role, force=options.force)
    algorithms = Algorithms.of(credential.public_key)
    signer = signers.PdfSigner(
        _metadata(name, options, algorithms.digest_name),
        signer=_KeySigner(credential),
        stamp_style=stamp_style(fitted(appearance, writer.prev)) if appearance is not None else None,
        new_field_spec=_field(name, appearance),
    )
    session = signer.init_signing_session(writer)
    session.system_time = now
    roomy = options.timestamps is not None or isinstance(credential.key, KeyElsewhere)
    reserve = RESERVE_TIMESTAMPED if roomy else RESERVE_PLAIN
    waiting = session.prepare_tbs_document(validation_info=None, bytes_reserved=reserve)
    digest, out = waiting.digest_tbs_document(chunk_size=CHUNK)
    made = out.getvalue() if isinstance(out, io.BytesIO) else bytes(out.read())
    if not made.startswith(pdf):
        raise SigningFailed("signing would have changed existing bytes", code="not_appended")
    attributes = signed_attributes(
        digest.document_digest,
        credential.certificate,
        algorithms,
        signing_time=now if options.plain_pkcs7 else None,
    )
    return Prepared(
        data=made,
        hole=(digest.reserved_region_start, digest.reserved_region_end),
        digest=digest.document_digest,
        attributes=attributes,
        field=name,
        before=before,
    )


def _role(appearance: Appearance | None) -> Role | None:
    """What the signature is for; a copy mark is one whatever it is called."""
    if appearance is not None and appearance.text.upper().startswith(COPY_MARKS):
        return Role.COPY
    return appearance.role if appearance is not None else None


def _metadata(name: str, options: SignatureOptions, digest: str) -> signers.PdfSignatureMetadata:
    plain = fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED
    return signers.PdfSignatureMetadata(
        field_name=name,
        md_algorithm=digest,
        reason=options.reason,
        location=options.location,
        certify=options.certify,
        docmdp_permissions=fields.MDPPerm.FILL_FORMS,
        subfilter=plain if options.plain_pkcs7 else fields.SigSeedSubFilter.PADES,
    )


def _field(name: str, appearance: Appearance | None) -> fields.SigFieldSpec:
    if appearance is None:
        return fields.SigFieldSpec(sig_field_name=name)
    return fields.SigFieldSpec(sig_field_name=name, on_page=appearance.place.page, box=appearance.place.box)


def free_name(reader: PdfFileReader, stem: str = "Signature") -> str:
    """A name that no field has."""
    taken = {name for name, _, _ in fields.enumerate_sig_fields(reader)}
    number = len(taken) + 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"

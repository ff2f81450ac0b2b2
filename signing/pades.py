"""Signing a PDF: one appended revision, PAdES baseline B [EN 319 142-1 §6.3].

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

from pyhanko.pdf_utils import generic, layout
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.general import SigningError as LibrarySigningError
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.appearance import Appearance, above_name, draw, over_left_third
from signing.certificates import is_self_issued
from signing.cms_build import Algorithms, signed_attributes, signed_data
from signing.credentials import Credential
from signing.errors import DocumentRefused, SigningFailed
from signing.pdf_rules import look_again, refuse_against_signatures, refuse_unsignable
from signing.pdf_structure import BROKEN_PDF, open_pdf
from signing.report import Finding, Role, SignatureReport
from signing.tsa import Signed, TimestampClient, TimestampUnavailable

RESERVE_PLAIN, RESERVE_TIMESTAMPED = 16 * 1024, 32 * 1024
CHUNK = 1024 * 1024

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


class _AppendOnlyWriter(IncrementalPdfFileWriter):
    """Incremental writer that leaves document metadata and /ID as they are."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> generic.ArrayObject:
        try:
            kept = prev.trailer["/ID"]
        except KeyError:
            made: generic.ArrayObject = super()._handle_id(prev)  # type: ignore[no-untyped-call]
            return made
        return generic.ArrayObject(generic.ByteStringObject(part.original_bytes) for part in kept)

    def _update_meta(self) -> None:
        """Signing changes nothing about the document, its dates included."""
        # Called before objects are written. Texts that go out again keep the encoding they came in.
        for written in list(self.objects.values()):
            _keep_encodings(written)


def _keep_encodings(thing: object) -> None:
    if isinstance(thing, generic.TextStringObject):
        thing.force_output_encoding = thing.force_output_encoding or thing.autodetected_encoding
    elif isinstance(thing, generic.DictionaryObject):
        for key in thing:
            _keep_encodings(thing.raw_get(key))
    elif isinstance(thing, generic.ArrayObject):
        for place in range(len(thing)):
            _keep_encodings(thing.raw_get(place))


class _Drawing(PdfContent):
    """A one-page PDF made by `signing.appearance`, imported as a form."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        writer = self._ensure_writer
        form = writer.import_page_as_xobject(PdfFileReader(io.BytesIO(self._pdf)), page_ix=0)
        self.resources.xobject["/Drawing"] = form
        left, bottom, right, top = form.get_object()["/BBox"]
        self.box = layout.BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/Drawing Do"


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
    look_again(made.data, field=made.field, before=made.before)
    return Signed(data=made.data, findings=made.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """A file with a signature that nobody has looked at yet; `before` are the earlier ones' verdicts."""

    data: bytes
    field: str
    before: tuple[SignatureReport, ...] = ()
    findings: tuple[Finding, ...] = ()


def append_signature(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None = None,
    options: SignatureOptions | None = None,
) -> Appended:
    """The PDF with one more signature, before the second look that must precede handing it out."""
    try:
        return _append(pdf, credential, now=now, appearance=appearance, options=options or SignatureOptions())
    except (*BROKEN_PDF, LibrarySigningError) as error:
        raise DocumentRefused(f"the PDF cannot be signed: {error}", code="pdf_unsignable") from error


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


def _append(
    pdf: bytes,
    credential: Credential,
    *,
    now: datetime,
    appearance: Appearance | None,
    options: SignatureOptions,
) -> Appended:
    writer = _AppendOnlyWriter(io.BytesIO(pdf), strict=False)
    refuse_unsignable(writer.prev)
    name = options.field_name or _free_name(writer.prev)
    role = appearance.role if appearance is not None else None
    file = open_pdf(pdf, reader=writer.prev)
    before = refuse_against_signatures(file, field=name, role=role, force=options.force)
    algorithms = Algorithms.of(credential.public_key)
    signer = signers.PdfSigner(
        _metadata(name, options, algorithms.digest_name),
        signer=_KeySigner(credential),
        stamp_style=_style(appearance),
        new_field_spec=_field(name, appearance),
    )
    session = signer.init_signing_session(writer)
    session.system_time = now
    reserve = RESERVE_TIMESTAMPED if options.timestamps is not None else RESERVE_PLAIN
    prepared = session.prepare_tbs_document(validation_info=None, bytes_reserved=reserve)
    digest, out = prepared.digest_tbs_document(chunk_size=CHUNK)
    blob, findings = _value(digest.document_digest, credential, algorithms, now=now, options=options)
    digest.fill_with_cms(out, blob)
    made = out.getvalue() if isinstance(out, io.BytesIO) else bytes(out.read())
    if not made.startswith(pdf):
        raise SigningFailed("signing would have changed existing bytes", code="not_appended")
    return Appended(data=made, field=name, before=before, findings=findings)


def _value(
    digest: bytes, credential: Credential, algorithms: Algorithms, *, now: datetime, options: SignatureOptions
) -> tuple[bytes, tuple[Finding, ...]]:
    """The CMS value over the digest; without a timestamp where no authority gives one."""
    attributes = signed_attributes(
        digest, credential.certificate, algorithms, signing_time=now if options.plain_pkcs7 else None
    )
    value = credential.sign(attributes)
    token: bytes | None = None
    findings: tuple[Finding, ...] = ()
    if options.timestamps is not None:
        try:
            token = options.timestamps.token(hashlib.sha256(value).digest())
        except TimestampUnavailable as missing:
            findings = (missing.finding,)
    chain = [c for c in credential.chain if not is_self_issued(c)]
    blob = signed_data(attributes, value, [credential.certificate, *chain], algorithms, timestamp=token)
    return blob, findings


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


def _style(appearance: Appearance | None) -> StaticStampStyle | None:
    if appearance is None:
        return None
    edge_to_edge = layout.SimpleBoxLayoutRule(
        x_align=layout.AxisAlignment.ALIGN_MID,
        y_align=layout.AxisAlignment.ALIGN_MID,
        margins=layout.Margins(),
    )
    return StaticStampStyle(
        border_width=0,
        background=_Drawing(draw(appearance)),
        background_opacity=1.0,
        background_layout=edge_to_edge,
    )


def _field(name: str, appearance: Appearance | None) -> fields.SigFieldSpec:
    if appearance is None:
        return fields.SigFieldSpec(sig_field_name=name)
    return fields.SigFieldSpec(sig_field_name=name, on_page=appearance.place.page, box=appearance.place.box)


def _free_name(reader: PdfFileReader) -> str:
    taken = {name for name, _, _ in fields.enumerate_sig_fields(reader)}
    number = len(taken) + 1
    while f"Signature{number}" in taken:
        number += 1
    return f"Signature{number}"

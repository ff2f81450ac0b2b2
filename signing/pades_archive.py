"""From PAdES B-T to B-LT and B-LTA: two more revisions behind a signature [EN 319 142-1 §6.3].

    B-LT    a document security store with all certificates of both paths and an answer about each
    B-LTA   on top of it a document timestamp, which carries the store over the end of today's keys

Each step is taken whole or not at all: without complete evidence the file stays at B-T, without a timestamp
over the document at B-LT, and a finding says why. There is no VRI: the store's own lists say the same
[EN 319 142-1 §5.4.2.3]. What is there, the signature included, keeps its bytes.
"""

from __future__ import annotations

import io
from datetime import datetime

from asn1crypto import crl, ocsp
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from signing.anchors import Purpose
from signing.credentials import Credential
from signing.errors import SigningFailed
from signing.evidence import Collected, LongTerm, Subject, as_text, collect
from signing.messages import Code, finding
from signing.pades import RESERVE_TIMESTAMPED, Appended, fill, free_name
from signing.pdf_writer import AppendOnlyWriter
from signing.report import Finding, Severity
from signing.timestamps import TokenCheck, check_token
from signing.tsa import TimestampClient, TimestampUnavailable


def lengthen(
    made: Appended, credential: Credential, *, source: LongTerm, timestamps: TimestampClient
) -> tuple[bytes, tuple[Finding, ...]]:
    """The file at the highest level that can be reached, and what could not.

    Raises `CredentialUnusable` if the certificate turns out to be revoked.
    """
    if made.token is None:
        return made.data, ()
    token = check_token("signature", made.token, lambda _: None)
    assert token.time is not None
    subjects = [Subject(certificate=credential.certificate, at=token.time, others=credential.chain)]
    found = collect(source, [*subjects, *_authority(token, token.time)])
    if found.missing:
        detail = as_text(found.missing)
        return made.data, (finding(Code.LONG_TERM_UNAVAILABLE, Severity.WARNING, detail=detail),)
    stored = with_store(made.data, found)
    if not source.archive:
        return stored, ()
    try:
        return with_document_timestamp(stored, timestamps), ()
    except TimestampUnavailable as gone:
        note = finding(Code.ARCHIVE_TIMESTAMP_UNAVAILABLE, Severity.WARNING, detail=str(gone)[:200])
        return stored, (note,)


def _authority(token: TokenCheck, at: datetime) -> tuple[Subject, ...]:
    if token.tsa is None:
        return ()
    return (Subject(certificate=token.tsa, at=at, purpose=Purpose.TIMESTAMP, others=token.certificates),)


def with_store(pdf: bytes, found: Collected) -> bytes:
    """One more revision with the evidence in the document security store."""
    writer = AppendOnlyWriter(io.BytesIO(pdf), strict=False)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=list(found.certificates.values()),
        ocsps=[ocsp.OCSPResponse.load(blob) for blob in found.responses],
        crls=[crl.CertificateList.load(blob) for blob in found.lists],
    )
    return _appended(pdf, writer)


def with_document_timestamp(pdf: bytes, timestamps: TimestampClient) -> bytes:
    """One more revision with a timestamp over everything before it. Raises `TimestampUnavailable`."""
    writer = AppendOnlyWriter(io.BytesIO(pdf), strict=False)
    name = free_name(writer.prev, "Timestamp")
    steps = PdfCMSEmbedder(new_field_spec=fields.SigFieldSpec(sig_field_name=name)).write_cms(
        field_name=name, writer=writer
    )
    next(steps)
    stamp = DocumentTimestamp(bytes_reserved=RESERVE_TIMESTAMPED)  # type: ignore[no-untyped-call]
    steps.send(SigObjSetup(sig_placeholder=stamp))
    prepared, out = steps.send(SigIOSetup(md_algorithm="sha256"))
    token = timestamps.token(prepared.document_digest)
    made = fill(out.getvalue(), (prepared.reserved_region_start, prepared.reserved_region_end), token)
    return _checked(pdf, made)


def _appended(pdf: bytes, writer: AppendOnlyWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return _checked(pdf, out.getvalue())


def _checked(pdf: bytes, made: bytes) -> bytes:
    if not made.startswith(pdf):
        raise SigningFailed("signing would have changed existing bytes", code="not_appended")
    return made

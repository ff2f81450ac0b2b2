"""Verifying a file of any kind: look at the bytes, hand over to the format's own module, put the verdicts
together.

Never raises for bad input: what cannot be examined is a finding, and an unexpected error in one file is its
own verdict INDETERMINATE. Files without a signature, of known or unknown kind, are NO_SIGNATURE.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

from signing.asic_container import looks_like
from signing.asic_verify import verify_asic
from signing.cms_verify import is_cms, verify_cms
from signing.edxml_verify import Judged, looks_like_message, verify_message, verify_older
from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.options import VerifyOptions
from signing.pdf_verify import verify_pdf
from signing.report import (
    FileFormat,
    FileReport,
    Finding,
    Indication,
    Severity,
    SubIndication,
    rank,
    worst,
)
from signing.xml_verify import verify_xml

__all__ = ["VerifyOptions", "sniff", "unfinished", "verify_bytes", "verify_file"]

HEAD_BYTES = 1024
# A tag, declaration or comment in the encodings XML may come in, after a byte order mark or blanks. A bare
# "<" is no sign of XML: plain text may begin with one.
_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<(?:[?!]|[A-Za-z_\x80-\xff][\w:.\x80-\xff-]{0,200}[ \t\r\n/>])"
    rb"|\xff\xfe<\0|\xfe\xff\0<|<\0|\0<|Lo\xa7\x94"
)


def verify_file(path: Path, *, name: str, options: VerifyOptions | None = None) -> FileReport:
    """The report on the file at `path`, called `name` in it."""
    chosen = options or VerifyOptions()
    started = time.perf_counter()
    try:
        size = path.stat().st_size
        if size > chosen.max_bytes:
            return _refused(
                name, "", FileFormat.UNKNOWN, finding(Code.LIMIT_EXCEEDED, Severity.ERROR, detail=size)
            )
        data = path.read_bytes()
    except MemoryError:
        return _unclear(name, "", FileFormat.UNKNOWN, Code.LIMIT_EXCEEDED, "MemoryError")
    except OSError:
        return _refused(name, "", FileFormat.UNKNOWN, finding(Code.FILE_UNREADABLE, Severity.ERROR))
    return verify_bytes(data, name=name, options=chosen, started=started)


def verify_bytes(
    data: bytes, *, name: str, options: VerifyOptions | None = None, started: float | None = None
) -> FileReport:
    """The report on bytes already at hand."""
    began = time.perf_counter() if started is None else started
    chosen = (options or VerifyOptions()).for_document()
    kind, digest = sniff(data), hashlib.sha256(data).hexdigest()
    try:
        kind, (signatures, findings, refused) = _judge(data, kind, chosen)
    except InputRefused as refusal:
        return _refused(name, digest, kind, refusal.finding)
    except (MemoryError, RecursionError) as error:
        return _unclear(name, digest, kind, Code.LIMIT_EXCEEDED, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a verdict, never a traceback
        return _unclear(name, digest, kind, Code.INTERNAL_ERROR, type(error).__name__)
    indication, sub = worst(signatures)
    if rank(indication) < rank(Indication.INDETERMINATE) and any(
        f.severity is Severity.WARNING for f in findings
    ):
        # Something of the file could not be looked at: neither "passed" nor "no signature" can be said.
        indication, sub = Indication.INDETERMINATE, SubIndication.CUSTOM
    if refused:
        indication, sub = Indication.TOTAL_FAILED, SubIndication.FORMAT_FAILURE
    return FileReport(
        file=name,
        format=kind,
        sha256=digest,
        indication=indication,
        sub_indication=sub,
        signatures=signatures,
        findings=findings,
        elapsed_ms=(time.perf_counter() - began) * 1000,
    )


def _judge(data: bytes, kind: FileFormat, options: VerifyOptions) -> tuple[FileFormat, Judged]:
    """The format's own module at work: what kind of file it is after all, and what was found."""
    if kind in {FileFormat.XML, FileFormat.UNKNOWN} and _is_older(data, options):
        return FileFormat.EDXML, verify_older(data, options, _judge_part, is_xml=kind is FileFormat.XML)
    if kind is FileFormat.PDF:
        return kind, verify_pdf(data, options)
    if kind is FileFormat.XML and looks_like_message(data):
        return FileFormat.EDXML, verify_message(data, options, _judge_part)
    if kind is FileFormat.XML:
        signatures, findings, is_edxml = verify_xml(data, options)
        return FileFormat.EDXML if is_edxml else kind, (signatures, findings, False)
    if kind in {FileFormat.ASICE, FileFormat.ASICS}:
        judged = verify_asic(data, kind, options)
        return kind, (judged.signatures, judged.findings, judged.refused)
    if kind is FileFormat.CMS:
        return kind, (verify_cms(data, options), (), False)
    return kind, ((), (finding(Code.FORMAT_UNKNOWN),), False)


def _is_older(data: bytes, options: VerifyOptions) -> bool:
    return options.is_older_message is not None and options.is_older_message(data)


def _judge_part(data: bytes, name: str, options: VerifyOptions) -> FileReport:
    return verify_bytes(data, name=name, options=options)


def unfinished(name: str, *, sha256: str, code: Code) -> FileReport:
    """The report of a verification that was killed: INDETERMINATE, with the reason."""
    return _unclear(name, sha256, FileFormat.UNKNOWN, code, "")


def sniff(data: bytes) -> FileFormat:
    """What the bytes are."""
    if is_cms(data):
        return FileFormat.CMS
    # Before PDF, which may begin anywhere in the head: a container's first file may be one.
    if data.startswith(b"PK\x03\x04") and (kind := looks_like(data)) is not FileFormat.UNKNOWN:
        return kind
    if b"%PDF-" in data[:HEAD_BYTES]:
        return FileFormat.PDF
    if _XML.match(data[:HEAD_BYTES]):
        return FileFormat.XML
    return FileFormat.UNKNOWN


def _refused(name: str, digest: str, kind: FileFormat, reason: Finding) -> FileReport:
    return FileReport(
        file=name,
        format=kind,
        sha256=digest,
        indication=Indication.TOTAL_FAILED,
        sub_indication=SubIndication.FORMAT_FAILURE,
        findings=(reason,),
    )


def _unclear(name: str, digest: str, kind: FileFormat, code: Code, detail: str) -> FileReport:
    return FileReport(
        file=name,
        format=kind,
        sha256=digest,
        indication=Indication.INDETERMINATE,
        sub_indication=SubIndication.CUSTOM,
        findings=(finding(code, Severity.WARNING, detail=detail),),
    )

"""Verifying a PDF: each signature by itself, then what happened after it.

Order of work: find the signatures, judge bytes and CMS of each, compare revisions (objects once per pair,
pages once per revision), then times and trust. An exception while one signature is judged becomes that
signature's finding and leaves the others alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from asn1crypto import core, x509

from signing import cms
from signing.algorithms import digest
from signing.certificates import describe, kind, load_certificate, public_key
from signing.cms_values import with_values
from signing.constraints import (
    TOLERANCE,
    Evidence,
    judge_algorithms,
    judge_signer,
    judge_time_and_trust,
    judge_timestamps,
)
from signing.errors import InputRefused
from signing.judgement import Judgement
from signing.messages import Code, finding
from signing.options import VerifyOptions
from signing.page_roles import placed
from signing.pdf_coverage import coverage
from signing.pdf_dss import DocumentStore, read_store
from signing.pdf_ranges import RangeDigests
from signing.pdf_revisions import RevisionJudge
from signing.pdf_sight import Sight
from signing.pdf_structure import PdfFile, PdfSignature, open_pdf
from signing.primitives import Scheme, key_bits, value_matches
from signing.report import (
    CertificateKind,
    Changes,
    Coverage,
    Finding,
    Indication,
    Severity,
    SignatureReport,
    SubIndication,
    TimeSource,
)
from signing.roles import guess_role
from signing.timestamps import TokenCheck, check_token

DETACHED = frozenset({"adbe.pkcs7.detached", "ETSI.CAdES.detached"})
TIMESTAMP_FILTERS = frozenset({"ETSI.RFC3161"})
_PDF_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?([Z+-])?(\d\d)?'?(\d\d)?")


@dataclass(slots=True, kw_only=True)
class Examined:
    """One signature on its way to a report."""

    signature: PdfSignature
    judgement: Judgement
    covers: Coverage = Coverage.UNCLEAR
    intact: bool = False
    signer: x509.Certificate | None = None
    token: TokenCheck | None = None
    tokens: tuple[TokenCheck, ...] = ()
    message: cms.SignedMessage | None = None
    algorithms: tuple[str, ...] = ()
    claimed: datetime | None = None
    named: bool = False
    changes: Changes = Changes.NONE

    @property
    def is_timestamp(self) -> bool:
        """A document timestamp, by its SubFilter or its content."""
        return self.token is not None or self.signature.subfilter in TIMESTAMP_FILTERS


def verify_pdf(
    data: bytes, options: VerifyOptions, *, file: PdfFile | None = None
) -> tuple[tuple[SignatureReport, ...], tuple[Finding, ...], bool]:
    """Reports of all signatures, findings about the file, and whether the file itself must be refused.

    `file` is what was read of the same bytes already, if anything was.
    """
    with Sight(data, seconds=options.render_seconds) as sight:
        return _verified(file or open_pdf(data), options, sight)


def _verified(
    file: PdfFile, options: VerifyOptions, sight: Sight
) -> tuple[tuple[SignatureReport, ...], tuple[Finding, ...], bool]:
    data = file.data
    notes: list[Finding] = []
    if file.encrypted and file.problem:
        notes.append(finding(Code.FILE_ENCRYPTED, Severity.WARNING))
    elif file.problem:
        severity = Severity.INFO if file.signatures else Severity.ERROR
        notes.append(finding(Code.FILE_BROKEN, severity, detail=file.problem))
    if file.excess:
        detail = f"{len(file.signatures) + file.excess} signatures"
        notes.append(finding(Code.LIMIT_EXCEEDED, Severity.WARNING, detail=detail))
    digests = RangeDigests(data)
    store = read_store(file.reader)
    examined = [_isolated(s, _examine(file, s, digests, options, store)) for s in file.signatures]
    revisions = RevisionJudge(file, options, sight)
    for place, item in enumerate(examined):
        later = [e.signature for e in examined[place + 1 :] if e.intact]
        item.changes = _guarded(item, revisions.judge, item.signature, item.covers, later, item.judgement)
    reports = tuple(_report(number, examined, store, options) for number in range(len(examined)))
    if options.compare_pages:
        reports = placed(sight.places, reports)
    return reports, tuple(notes), bool(file.problem) and not file.encrypted and not examined


def _guarded(item: Examined, judge: Callable[..., Changes], *arguments: object) -> Changes:
    try:
        return judge(*arguments)
    except Exception as error:  # noqa: BLE001 - one signature's trouble must not hide the others
        _internal(item.judgement, error)
        return Changes.SUSPICIOUS


def _isolated(signature: PdfSignature, examine: Callable[[Examined], None]) -> Examined:
    item = Examined(signature=signature, judgement=Judgement())
    try:
        examine(item)
    except cms.CmsBroken as error:
        item.judgement.fail(SubIndication.FORMAT_FAILURE, Code.CMS_BROKEN, detail=str(error))
    except InputRefused:
        item.judgement.doubt(SubIndication.CUSTOM, Code.LIMIT_EXCEEDED, detail="ByteRange")
    except Exception as error:  # noqa: BLE001 - one signature's trouble must not hide the others
        _internal(item.judgement, error)
    return item


def _internal(judgement: Judgement, error: Exception) -> None:
    judgement.doubt(SubIndication.CUSTOM, Code.INTERNAL_ERROR, detail=type(error).__name__)


def _examine(
    file: PdfFile,
    signature: PdfSignature,
    digests: RangeDigests,
    options: VerifyOptions,
    store: DocumentStore,
) -> Callable[[Examined], None]:
    def run(item: Examined) -> None:
        judgement = item.judgement
        item.covers, problem = coverage(file, signature)
        item.claimed = pdf_time(signature.entries.get("/M"))
        if signature.from_bytes:
            judgement.note(Code.STRUCTURE_DAMAGED, detail=file.problem or "field not readable")
        if not signature.contents.strip(b"\0"):
            judgement.fail(SubIndication.FORMAT_FAILURE, Code.CONTENTS_EMPTY)
            return
        if signature.subfilter == "adbe.x509.rsa_sha1":
            _examine_x509(item, digests, options)
        else:
            _examine_cms(item, digests, options, store)
        if problem is not None:
            judgement.fail(SubIndication.FORMAT_FAILURE, Code.COVERAGE_UNCLEAR, detail=problem)

    return run


def _examine_cms(item: Examined, digests: RangeDigests, options: VerifyOptions, store: DocumentStore) -> None:
    signature, judgement = item.signature, item.judgement
    message = item.message = cms.parse(signature.contents)
    if signature.subfilter in TIMESTAMP_FILTERS or (
        message.content_type == "tst_info" and signature.subfilter not in DETACHED
    ):
        _examine_document_timestamp(item, digests, options, store)
        return
    if len(message.signer_infos) != 1:
        judgement.fail(
            SubIndication.FORMAT_FAILURE, Code.CMS_SEVERAL_SIGNERS, detail=len(message.signer_infos)
        )
    if not message.signer_infos:
        return
    digest_of = _content_digest(item, message, digests)
    checks = [
        cms.check_signer(message, info, digest_of, more_certificates=store.certificates)
        for info in message.signer_infos[:8]
    ]
    check = checks[0]
    item.message = with_values(message, check)
    for each in checks:
        judge_signer(judgement, each, options)
    item.intact = all(c.intact for c in checks)
    item.signer = check.signer
    item.named = bool(check.references)
    item.claimed = check.signing_time or item.claimed
    item.algorithms = algorithm_names(check)
    _compare_claims(item, check.signing_time)
    item.tokens = signature_tokens(check, message, digest_of, store.certificates)
    judge_timestamps(judgement, item.tokens, options)


def algorithm_names(check: cms.SignerCheck) -> tuple[str, ...]:
    """Scheme and key of a signature, for the report."""
    key = (f"{check.key}-{check.key_size}",) if check.key else ()
    return ((str(check.scheme),) if check.scheme else ()) + key


def signature_tokens(
    check: cms.SignerCheck,
    message: cms.SignedMessage,
    digest_of: cms.DigestOf,
    more: tuple[x509.Certificate, ...],
) -> tuple[TokenCheck, ...]:
    """Timestamps on the value, and content timestamps on what was signed."""
    pool = (*message.certificates, *more)
    on_value = [
        check_token("signature-timestamp", t, _digest_of_bytes(check.value), more_certificates=pool)
        for t in check.unsigned.get(cms.OID_SIGNATURE_TIMESTAMP, [])
    ]
    on_content = [
        check_token("content-timestamp", t, digest_of, more_certificates=pool)
        for t in check.signed.get(cms.OID_CONTENT_TIMESTAMP, [])
    ]
    return (*on_value, *on_content)


def _digest_of_bytes(data: bytes) -> cms.DigestOf:
    return lambda name: digest(name, data)


def _content_digest(item: Examined, message: cms.SignedMessage, digests: RangeDigests) -> cms.DigestOf:
    """What the message digest must be: of the byte ranges, or of their SHA-1 where the value carries that."""
    ranges = item.signature.byte_range
    carried = message.encapsulated
    if carried is None:
        return lambda name: digests.of(ranges, name)
    if item.signature.subfilter == "adbe.pkcs7.sha1" and len(carried) == 20:
        if digests.of(ranges, "sha1") != carried:
            item.judgement.fail(SubIndication.HASH_FAILURE, Code.CONTENT_CHANGED)
        item.judgement.doubt(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, Code.ALGORITHM_OLD, detail="SHA-1"
        )
        return _digest_of_bytes(carried)
    item.judgement.fail(SubIndication.FORMAT_FAILURE, Code.CMS_ENCAPSULATED_CONTENT)
    return lambda name: digests.of(ranges, name)


def _examine_document_timestamp(
    item: Examined, digests: RangeDigests, options: VerifyOptions, store: DocumentStore
) -> None:
    ranges = item.signature.byte_range
    token = check_token(
        "document-timestamp",
        item.signature.contents,
        lambda name: digests.of(ranges, name),
        more_certificates=store.certificates,
    )
    item.token, item.signer, item.intact, item.claimed = token, token.tsa, token.good, token.time
    if token.imprint_matches is False:
        item.judgement.fail(SubIndication.HASH_FAILURE, Code.CONTENT_CHANGED)
    judge_timestamps(item.judgement, [token], options)


def _examine_x509(item: Examined, digests: RangeDigests, options: VerifyOptions) -> None:
    """adbe.x509.rsa_sha1: a bare RSA value in an OCTET STRING, the certificate beside it."""
    judgement, signature = item.judgement, item.signature
    certificate = load_certificate(signature.certificate or b"")
    key = public_key(certificate) if certificate is not None else None
    item.signer = certificate
    of_ranges = digests.of(signature.byte_range, "sha1")
    if key is None or of_ranges is None:
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.NO_SIGNING_CERTIFICATE_FOUND)
        return
    value = bytes(core.OctetString.load(signature.contents).native)
    scheme = Scheme(name="rsa", digest="sha1")
    item.intact = value_matches(key, scheme, value, of_ranges, prehashed=True) is True
    item.algorithms = (str(scheme), "{}-{}".format(*key_bits(key)))
    if not item.intact:
        judgement.fail(SubIndication.SIG_CRYPTO_FAILURE, Code.SIGNATURE_VALUE_WRONG)
    judge_algorithms(judgement, ["sha1"], key_bits(key), options)


def pdf_time(text: str | None) -> datetime | None:
    """A PDF date [ISO 32000-2 §7.9.4]; without zone it is taken as UTC."""
    match = _PDF_DATE.match(text or "")
    if match is None:
        return None
    parts = [int(g) if g else d for g, d in zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)]
    sign, hours, minutes = match.group(7), int(match.group(8) or 0), int(match.group(9) or 0)
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    try:
        return datetime(*parts, tzinfo=timezone(offset)).astimezone(UTC)  # type: ignore[misc, arg-type]
    except (ValueError, OverflowError):
        return None


def _compare_claims(item: Examined, in_cms: datetime | None) -> None:
    in_dictionary = pdf_time(item.signature.entries.get("/M"))
    if in_cms is not None and in_dictionary is not None and abs(in_cms - in_dictionary) > TOLERANCE:
        item.judgement.note(Code.CLAIMED_TIMES_DIFFER)


def _format(item: Examined, later: list[Examined], store: DocumentStore) -> str:
    if item.is_timestamp:
        return "DocTimeStamp"
    if item.signature.subfilter != "ETSI.CAdES.detached" or not item.named:
        return "PKCS7"
    document_timestamp = any(e.is_timestamp and e.intact for e in later)
    if store.present and document_timestamp:
        return "PAdES-B-LTA"
    if not any(t.good for t in item.tokens) and not document_timestamp:
        return "PAdES-B-B"
    return "PAdES-B-LT" if store.present else "PAdES-B-T"


def _report(
    number: int, examined: list[Examined], store: DocumentStore, options: VerifyOptions
) -> SignatureReport:
    item, later = examined[number], examined[number + 1 :]
    signature, judgement = item.signature, item.judgement
    proofs = [(TimeSource.TIMESTAMP, t) for t in item.tokens if t.type != "content-timestamp"]
    proofs += [
        (TimeSource.DOCUMENT_TIMESTAMP, e.token)
        for e in later
        if e.token is not None and e.covers in {Coverage.WHOLE_FILE, Coverage.REVISION}
    ]
    if item.token is not None:
        proofs.insert(0, (TimeSource.DOCUMENT_TIMESTAMP, item.token))
    embedded = item.message.certificates if item.message else ()
    evidence = Evidence(
        certificates=(*embedded, *store.certificates),
        crls=(*(item.message.crls if item.message else ()), *store.crls),
        ocsps=(*(item.message.ocsps if item.message else ()), *store.ocsps),
        claimed=item.claimed,
        proofs=tuple(proofs),
    )
    trust = judge_time_and_trust(judgement, item.signer, evidence, options)
    whose = kind(item.signer) if item.signer is not None else CertificateKind.UNKNOWN
    role, basis = guess_role(whose, signature.rect, signature.page, document_timestamp=item.is_timestamp)
    passed = judgement.indication is Indication.TOTAL_PASSED
    return SignatureReport(
        id=f"S{number + 1}",
        field=signature.field,
        format=_format(item, later, store),
        role=role,
        role_basis=basis,
        certificate_kind=whose,
        signer=describe(item.signer) if item.signer is not None else None,
        signing_time=item.claimed,
        best_time=trust.best_time,
        time_source=trust.time_source,
        timestamps=tuple(t.report() for t in ((item.token,) if item.token else item.tokens)),
        revision=signature.revision + 1 if signature.revision is not None else None,
        page=signature.page,
        rect=signature.rect,
        docmdp=signature.docmdp,
        reason=signature.entries.get("/Reason"),
        location=signature.entries.get("/Location"),
        intact=item.intact,
        covers=item.covers,
        scope=(_scope(item),),
        changes=item.changes,
        chain=trust.chain,
        revocation=trust.revocation,
        algorithms=item.algorithms,
        indication=judgement.indication,
        sub_indication=None if passed else judgement.sub_indication,
        findings=judgement.findings,
    )


def _scope(item: Examined) -> str:
    return f"0-{item.signature.end}" if item.covers is not Coverage.UNCLEAR else "?"

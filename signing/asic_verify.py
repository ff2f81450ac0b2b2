"""Verifying ASiC-E and ASiC-S containers with XAdES or CAdES [EN 319 162-1].

A signature passes only if it covers every data file. An ASiC-S holds exactly one data file, any container
at least one; else the container itself is wrong. The OpenDocument manifest is not signed: what it says is
compared and noted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from asn1crypto import x509
from lxml import etree

from signing.algorithms import digest
from signing.asic_container import MANIFEST_XML, MIMETYPES, Container, read
from signing.certificates import describe
from signing.cms import CmsBroken
from signing.cms import parse as parse_cms
from signing.cms_verify import Content, holds_attributes, verify_message
from signing.constraints import Evidence, judge_algorithms, judge_time_and_trust, judge_timestamps
from signing.errors import InputRefused
from signing.judgement import Judgement
from signing.messages import Code, finding
from signing.options import VerifyOptions
from signing.report import (
    Coverage,
    FileFormat,
    Finding,
    Indication,
    Role,
    Severity,
    SignatureReport,
    SubIndication,
    TimeSource,
)
from signing.timestamps import check_token
from signing.xml_parse import parse
from signing.xml_scope import Scope, is_filtered
from signing.xml_verify import verify_signatures
from signing.xmldsig import Core, Processor, decode, digest_name, ds, text_of

MAX_TOKENS, MAX_CERTIFICATES = 100, 200
ROOTS = frozenset({"XAdESSignatures", "document-signatures", "Signature", "signatures"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The container's signatures and what is wrong with the container."""

    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]
    refused: bool = False


def verify_asic(data: bytes, kind: FileFormat, options: VerifyOptions) -> Judged:
    """Reports of all signatures of a container."""
    container = read(data, kind)
    notes: list[Finding] = list(_form(container))
    reports: list[SignatureReport] = []
    files = [*container.matching("xades"), *container.matching("cades")]
    for number, name in enumerate(files, start=1):
        prefix = f"S{number}" if len(files) == 1 else f"S{number}-"
        if name.lower().endswith(".xml"):
            reports += _xades(container, name, options, prefix, notes)
        else:
            reports += _cades(container, name, options, prefix)
    if len(files) == 1:
        reports = [replace(r, id=r.id.replace("S1", "S", 1)) for r in reports]
    reports += [
        _timestamp(container, name, options, f"T{number}", alone=not files)
        for number, name in enumerate(container.matching("token")[:MAX_TOKENS], start=1)
    ]
    if len(container.matching("token")) > MAX_TOKENS:
        notes.append(finding(Code.LIMIT_EXCEEDED, Severity.WARNING, detail="timestamps"))
    broken = any(f.severity is Severity.ERROR for f in notes)
    return Judged(signatures=tuple(reports), findings=tuple(notes), refused=broken)


def _form(container: Container) -> list[Finding]:
    notes: list[Finding] = []
    if not container.data:
        notes.append(finding(Code.CONTAINER_NO_DATA, Severity.ERROR))
    elif container.format is FileFormat.ASICS and len(container.data) != 1:
        notes.append(finding(Code.CONTAINER_DATA_COUNT, Severity.ERROR, detail=len(container.data)))
    if container.mimetype is None or container.mimetype not in MIMETYPES:
        notes.append(finding(Code.CONTAINER_MIMETYPE))
    if container.format is FileFormat.ASICE and container.matching("xades"):
        notes += _manifest_notes(container)
    return notes


def _manifest_notes(container: Container) -> list[Finding]:
    blob = container.entries.get(MANIFEST_XML)
    if blob is None:
        return [finding(Code.CONTAINER_MANIFEST_ABSENT)]
    try:
        root = parse(blob).getroot()
    except InputRefused:
        return [finding(Code.CONTAINER_MANIFEST_DIFFERS, detail="XML")]
    listed: set[str] = set()
    for element in root.iter(etree.Element):
        path = next((v for a, v in element.attrib.items() if etree.QName(a).localname == "full-path"), None)
        if path:
            listed.add(container.find(path) or path)
    listed -= {"/", ""}
    differs = sorted({n for n in listed if not n.endswith("/")} ^ set(container.data))
    if not differs:
        return []
    return [finding(Code.CONTAINER_MANIFEST_DIFFERS, detail=", ".join(differs)[:100])]


def _xades(
    container: Container, name: str, options: VerifyOptions, prefix: str, notes: list[Finding]
) -> tuple[SignatureReport, ...]:
    try:
        root = parse(container.entries[name]).getroot()
    except InputRefused as refusal:
        notes.append(refusal.finding)
        return ()
    if etree.QName(root).localname not in ROOTS:
        detail = f"{name}: {etree.QName(root).localname}"
        notes.append(finding(Code.CONTAINER_BROKEN, Severity.ERROR, detail=detail))

    def external(uri: str | None) -> bytes | None:
        entry = container.find(uri)
        return container.entries[entry] if entry is not None else None

    return verify_signatures(
        Processor(root, external=external), options, lambda core: _scope(container, core), prefix=prefix
    )


def _scope(container: Container, core: Core) -> Scope:
    named = {container.find(r.uri) for r in core.references if r.external} - {None}
    missing = sorted(set(container.data) - {n for n in named if n is not None})
    parts = tuple(sorted(n for n in named if n is not None))
    if any(is_filtered(r, core) for r in core.references):
        return Scope(covers=Coverage.UNCLEAR, parts=parts, missing="XPath")
    if missing or not parts:
        return Scope(covers=Coverage.PARTIAL, parts=parts, missing=", ".join(missing)[:100] or "?")
    return Scope(covers=Coverage.WHOLE_FILE, parts=parts)


def _cades(
    container: Container, name: str, options: VerifyOptions, prefix: str
) -> tuple[SignatureReport, ...]:
    manifest = next((m for m in container.matching("manifest") if _signature_of(container, m) == name), None)
    if manifest is None:
        only = container.data[0] if len(container.data) == 1 else None
        content = _plain(container, only) if only is not None else None
        return verify_message(container.entries[name], lambda _: content, options, prefix=prefix)
    judgement = Judgement()
    covered = _check_manifest(container, manifest, judgement, options)
    blob = container.entries[manifest]
    missing = sorted(set(container.data) - covered)
    content = Content(
        digest_of=lambda n: digest(n, blob),
        scope=tuple(sorted(covered)),
        missing=", ".join(missing)[:100] or None,
    )
    reports = verify_message(container.entries[name], lambda _: content, options, prefix=prefix)
    return tuple(_with(r, judgement) for r in reports)


def _plain(container: Container, name: str) -> Content:
    data = container.entries[name]
    return Content(digest_of=lambda n: digest(n, data), scope=(name,), is_attributes=holds_attributes(data))


def _timestamp(
    container: Container, name: str, options: VerifyOptions, identifier: str, *, alone: bool
) -> SignatureReport:
    """A timestamp on the container: over a manifest, or over the only data file.

    Where there are no signatures the timestamps must take in every data file.
    """
    judgement = Judgement()
    manifest = next((m for m in container.matching("manifest") if _signature_of(container, m) == name), None)
    only = container.data[0] if len(container.data) == 1 else None
    subject = manifest or only
    covered = {subject} if subject is not None else set()
    if manifest is not None:
        covered = _check_manifest(container, manifest, judgement, options)
    if subject is None:
        judgement.doubt(SubIndication.SIGNED_DATA_NOT_FOUND, Code.SIGNED_DATA_NOT_FOUND, detail=name)
    token = check_token(
        "document-timestamp",
        container.entries[name],
        lambda n: digest(n, container.entries[subject]) if subject is not None else None,
        more_certificates=_certificates(container),
    )
    if token.imprint_matches is False:
        judgement.fail(SubIndication.HASH_FAILURE, Code.CONTENT_CHANGED)
    judge_timestamps(judgement, [token], options)
    missing = sorted(set(container.data) - covered)
    if missing and alone:
        detail = ", ".join(missing)[:100]
        judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.PARTIAL_SCOPE, detail=detail)
    evidence = Evidence(
        certificates=(*token.certificates, *_certificates(container)),
        claimed=token.time,
        proofs=((TimeSource.DOCUMENT_TIMESTAMP, token),),
    )
    trust = judge_time_and_trust(judgement, token.tsa, evidence, options)
    passed = judgement.indication is Indication.TOTAL_PASSED
    return SignatureReport(
        id=identifier,
        field=name,
        format="DocTimeStamp",
        role=Role.TIMESTAMP,
        signer=describe(token.tsa) if token.tsa is not None else None,
        signing_time=token.time,
        best_time=trust.best_time,
        time_source=trust.time_source,
        timestamps=(token.report(),),
        intact=token.good and not any(f.code == Code.REFERENCE_CHANGED for f in judgement.findings),
        covers=Coverage.PARTIAL if missing else Coverage.WHOLE_FILE,
        scope=tuple(sorted(covered)),
        chain=trust.chain,
        revocation=trust.revocation,
        indication=judgement.indication,
        sub_indication=None if passed else judgement.sub_indication,
        findings=judgement.findings,
    )


def _certificates(container: Container) -> tuple[x509.Certificate, ...]:
    """What the container's CMS files carry: they complete one another."""
    found: list[x509.Certificate] = []
    for name in (*container.matching("cades"), *container.matching("token")):
        try:
            found += parse_cms(container.entries[name]).certificates
        except CmsBroken:
            continue
    return tuple(found[:MAX_CERTIFICATES])


def _signature_of(container: Container, manifest: str) -> str | None:
    try:
        root = parse(container.entries[manifest]).getroot()
    except InputRefused:
        return None
    for element in root.iter(etree.Element):
        if etree.QName(element).localname == "SigReference":
            return container.find(element.get("URI"))
    return None


def _check_manifest(
    container: Container, manifest: str, judgement: Judgement, options: VerifyOptions
) -> set[str]:
    """Files whose digest in the manifest is right; wrong ones and weak digests are findings."""
    good: set[str] = set()
    used: list[str] = []
    for element in parse(container.entries[manifest]).getroot().iter(etree.Element):
        if etree.QName(element).localname != "DataObjectReference":
            continue
        label, name = element.get("URI", "?"), container.find(element.get("URI"))
        if name is None:
            judgement.doubt(SubIndication.SIGNED_DATA_NOT_FOUND, Code.SIGNED_DATA_NOT_FOUND, detail=label)
            continue
        method = element.find(ds("DigestMethod"))
        algorithm = digest_name(method.get("Algorithm") if method is not None else None)
        stated = decode(text_of(element.find(ds("DigestValue"))))
        used += [algorithm] if algorithm else []
        if algorithm and digest(algorithm, container.entries[name]) == stated:
            good.add(name)
        else:
            judgement.fail(SubIndication.HASH_FAILURE, Code.REFERENCE_CHANGED, detail=label)
    judge_algorithms(judgement, used, ("", 0), options)
    return good


def _with(report: SignatureReport, judgement: Judgement) -> SignatureReport:
    """A report with the manifest's findings laid over it."""
    if not judgement.findings:
        return report
    both = Judgement.over(report, judgement)
    return replace(
        report,
        indication=both.indication,
        sub_indication=both.sub_indication,
        findings=both.findings,
        intact=report.intact and not any(f.code == Code.REFERENCE_CHANGED for f in judgement.findings),
    )

"""Verifying XML: every ds:Signature of the document, counter-signatures included.

For each: core (references, value), key, scope, XAdES properties, timestamps, then what is common to all
formats. The signatures of a container's signature file go the same way, with the container's data files at
hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from asn1crypto import x509
from lxml import etree

from signing.certificates import describe, kind
from signing.constraints import Evidence, judge_algorithms, judge_time_and_trust, judge_timestamps, shown
from signing.judgement import Judgement
from signing.messages import Code, finding
from signing.options import VerifyOptions
from signing.primitives import key_bits
from signing.report import (
    CertificateKind,
    Changes,
    Coverage,
    Finding,
    Indication,
    Role,
    SignatureReport,
    SubIndication,
    TimeSource,
)
from signing.roles import guess_role
from signing.xades import (
    Properties,
    counter_signatures,
    covers_properties,
    covers_value_of,
    embedded_certificates,
    embedded_crls,
    embedded_ocsps,
    issuer_serial_differs,
    named_certificate,
    names,
    properties,
)
from signing.xades_timestamps import Stamped, check_timestamps
from signing.xml_keys import Signer, find_signer, key_material
from signing.xml_parse import parse
from signing.xml_policy import judge_policy
from signing.xml_scope import Scope, judge_scope
from signing.xmldsig import (
    MANIFEST_TYPE,
    MAX_REFERENCES,
    Core,
    Outcome,
    Processor,
    Reference,
    Unusable,
    ds,
    is_hmac,
)

MAX_SIGNATURES, MAX_COUNTER_DEPTH, MAX_MANIFEST_DEPTH = 200, 4, 3
ScopeRule = Callable[[Core], Scope]


@dataclass(frozen=True, slots=True)
class _World:
    """What all signatures of a document share; `read` are the properties of each."""

    processor: Processor
    options: VerifyOptions
    scope_rule: ScopeRule
    read: Mapping[etree._Element, Properties | None]


@dataclass(slots=True, kw_only=True)
class _Case:
    """One signature under examination."""

    identifier: str
    element: etree._Element
    processor: Processor
    judgement: Judgement
    parent: etree._Element | None = None
    core: Core | None = None
    read: Properties | None = None
    signer: Signer | None = None
    certificates: tuple[x509.Certificate, ...] = ()
    stamped: tuple[Stamped, ...] = ()
    scope: Scope | None = None
    intact: bool = False


def verify_xml(
    data: bytes, options: VerifyOptions
) -> tuple[tuple[SignatureReport, ...], tuple[Finding, ...], bool]:
    """Reports of all signatures of an XML file, findings about it, and whether it is edXML."""
    root = parse(data).getroot()
    is_edxml = etree.QName(root).localname.lower() == "edxml"
    processor = Processor(root, data=data, external=_given(options))
    reports = verify_signatures(processor, options, lambda core: judge_scope(core, root))
    notes: tuple[Finding, ...] = ()
    if (
        is_edxml
        and not reports
        and any(etree.QName(e).localname == "Signature" for e in root.iter(etree.Element))
    ):
        notes = (finding(Code.EDXML_PLACEHOLDER),)
    return reports, notes, is_edxml


def _given(options: VerifyOptions) -> Callable[[str | None], bytes | None]:
    """Detached data that the caller handed over: by name, or the only file if the reference has no name."""

    def find(uri: str | None) -> bytes | None:
        if uri is None:
            return options.content[0].read_bytes() if len(options.content) == 1 else None
        wanted = os.path.basename(unquote(uri))  # noqa: PTH119 - a name out of a URI, not a path
        for path in options.content:
            if path.name == wanted:
                return path.read_bytes()
        return None

    return find


def verify_signatures(
    processor: Processor, options: VerifyOptions, scope_rule: ScopeRule, *, prefix: str = "S"
) -> tuple[SignatureReport, ...]:
    """Reports of all signatures below the processor's root; a counter-signature follows its parent."""
    reports: list[SignatureReport] = []
    found = list(processor.root.iter(ds("Signature")))
    read = {s: properties(s) for s in found}
    counters = {c for p in read.values() for c in counter_signatures(p)}
    top = [s for s in found if s not in counters]
    for number, element in enumerate(top[:MAX_SIGNATURES], start=1):
        _walk(element, None, f"{prefix}{number}", _World(processor, options, scope_rule, read), reports)
    if len(top) > MAX_SIGNATURES:
        reports.append(_unjudged(f"{prefix}{MAX_SIGNATURES + 1}", f"{len(top)} signatures"))
    return tuple(reports)


def _unjudged(identifier: str, detail: str) -> SignatureReport:
    """Stands for signatures beyond the limits: which ones are left out is not for the file to choose."""
    judgement = Judgement()
    judgement.doubt(SubIndication.CUSTOM, Code.LIMIT_EXCEEDED, detail=detail)
    return SignatureReport(
        id=identifier,
        format="XMLDSig",
        indication=judgement.indication,
        sub_indication=judgement.sub_indication,
        findings=judgement.findings,
    )


def _walk(
    element: etree._Element,
    parent: etree._Element | None,
    identifier: str,
    world: _World,
    reports: list[SignatureReport],
) -> None:
    processor, options = world.processor, world.options
    case = _Case(
        identifier=identifier, element=element, processor=processor, judgement=Judgement(), parent=parent
    )
    try:
        case.read = world.read[element]
        _examine(case, options, world.scope_rule)
    except Unusable as error:
        case.judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.FORMAT_FAILURE, detail=str(error))
    except Exception as error:  # noqa: BLE001 - one signature's trouble must not hide the others
        case.judgement.doubt(SubIndication.CUSTOM, Code.INTERNAL_ERROR, detail=type(error).__name__)
    reports.append(_report(case, options))
    counters = list(counter_signatures(case.read))
    if counters and (
        identifier.count(".") >= MAX_COUNTER_DEPTH or len(reports) + len(counters) > 2 * MAX_SIGNATURES
    ):
        reports.append(_unjudged(f"{identifier}.1", f"{len(counters)} counter-signatures"))
    else:
        for number, counter in enumerate(counters, start=1):
            _walk(counter, element, f"{identifier}.{number}", world, reports)


def _examine(case: _Case, options: VerifyOptions, scope_rule: ScopeRule) -> None:
    judgement = case.judgement
    core = case.core = case.processor.core(case.element)
    material = key_material(case.element, case.processor.identifiers, embedded_certificates(case.read))
    case.certificates = material.certificates
    case.signer = find_signer(core, material, named_certificate(case.read, material.certificates))
    _judge_references(case, core)
    _judge_value(case, core)
    case.intact = case.signer.matches is True and all(r.outcome is Outcome.GOOD for r in core.references)
    _judge_identity(case, case.signer)
    if case.parent is None:
        case.scope = scope_rule(core)
        if case.scope.covers is not Coverage.WHOLE_FILE:
            judgement.doubt(
                SubIndication.SIG_CONSTRAINTS_FAILURE, Code.PARTIAL_SCOPE, detail=case.scope.missing or "?"
            )
    elif not covers_value_of(core, case.parent):
        judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.COUNTER_SIGNATURE_ELSEWHERE)
    if case.signer.key is not None:
        digests = [r.digest_name for r in core.references] + ([core.scheme.digest] if core.scheme else [])
        judge_algorithms(judgement, digests, key_bits(case.signer.key), options)
    if case.read is not None:
        _judge_properties(case, core, case.read, options)


def _judge_references(case: _Case, core: Core) -> None:
    left = MAX_REFERENCES
    todo = [(r, 0) for r in reversed(core.references)]
    while todo:
        reference, depth = todo.pop()
        _judge_reference(case, reference)
        manifest = reference.element
        # The reference's type is a hint: what is a manifest is judged as one.
        if manifest is None or (reference.type != MANIFEST_TYPE and manifest.tag != ds("Manifest")):
            continue
        nodes = manifest.findall(ds("Reference"))
        left -= len(nodes)
        if left < 0 or depth > MAX_MANIFEST_DEPTH:
            raise Unusable("too many references in manifests")
        todo += [(case.processor.reference(n, case.element), depth + 1) for n in reversed(nodes)]


def _judge_reference(case: _Case, reference: Reference) -> None:
    judgement, label = case.judgement, reference.uri if reference.uri is not None else "?"
    if reference.outcome is Outcome.CHANGED:
        judgement.fail(SubIndication.HASH_FAILURE, Code.REFERENCE_CHANGED, detail=label or "/")
    elif reference.outcome is Outcome.NOT_FOUND and not reference.external:
        # A part of this very document that is gone has been changed, not left elsewhere.
        judgement.fail(SubIndication.HASH_FAILURE, Code.SIGNED_DATA_NOT_FOUND, detail=label)
    elif reference.outcome is Outcome.NOT_FOUND:
        judgement.doubt(SubIndication.SIGNED_DATA_NOT_FOUND, Code.SIGNED_DATA_NOT_FOUND, detail=label)
    elif reference.outcome is Outcome.UNKNOWN:
        problem = reference.problem or "?"
        code = Code.XSLT_NOT_RUN if problem == "XSLT" else Code.TRANSFORM_UNKNOWN
        code = Code.ALGORITHM_UNKNOWN if problem.startswith("digest") else code
        judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, code, detail=problem)


def _judge_value(case: _Case, core: Core) -> None:
    judgement, signer = case.judgement, case.signer
    if is_hmac(core.scheme_uri):
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.HMAC_SIGNATURE)
        return
    if core.value is None or not core.value:
        judgement.fail(SubIndication.FORMAT_FAILURE, Code.FORMAT_FAILURE, detail="SignatureValue")
        return
    if core.scheme is None:
        judgement.doubt(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, Code.ALGORITHM_UNKNOWN, detail=core.scheme_uri
        )
    elif signer is not None and signer.matches is False:
        judgement.fail(SubIndication.SIG_CRYPTO_FAILURE, Code.SIGNATURE_VALUE_WRONG)
    elif signer is not None and signer.matches is None and signer.certificate is not None:
        judgement.doubt(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, Code.ALGORITHM_UNKNOWN, detail=str(core.scheme)
        )


def _judge_identity(case: _Case, signer: Signer) -> None:
    judgement, read = case.judgement, case.read
    if signer.certificate is None:
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.NO_SIGNING_CERTIFICATE_FOUND)
        return
    if read is None:
        judgement.note(Code.SIGNING_CERTIFICATE_UNNAMED)
        return
    if not read.names_certificate:
        judgement.note(Code.SIGNING_CERTIFICATE_UNNAMED)
    elif not names(read, signer.certificate):
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.SIGNING_CERTIFICATE_DIFFERS)
    elif issuer_serial_differs(read, signer.certificate):
        judgement.note(Code.ISSUER_SERIAL_DIFFERS)


def _judge_properties(case: _Case, core: Core, read: Properties, options: VerifyOptions) -> None:
    judgement = case.judgement
    if not covers_properties(core, read):
        judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.SIGNED_PROPERTIES_NOT_SIGNED)
    for named in read.named:
        if named.digest_name in options.algorithms.old_digests:
            judgement.note(Code.OLD_DIGEST_IN_REFERENCE, detail=shown(named.digest_name))
    judge_policy(judgement, read)
    case.stamped = tuple(check_timestamps(case.processor, core, read, case.certificates))
    judge_timestamps(
        judgement, [s.token for s in case.stamped if not (s.legacy and not s.token.good)], options
    )
    for stamp in case.stamped:
        if stamp.legacy and not stamp.token.good:
            judgement.note(Code.TIMESTAMP_NOT_EVALUATED, detail=stamp.token.type)


def _format(case: _Case) -> str:
    read = case.read
    if read is None or read.signed is None:
        return "XMLDSig"
    good = {s.token.type for s in case.stamped if s.token.good}
    if not read.names_certificate:
        return "XAdES"
    if "archive-timestamp" in good:
        return "XAdES-B-LTA"
    if "signature-timestamp" not in good:
        return "XAdES-B-B"
    return "XAdES-B-LT" if read.first("RevocationValues") is not None else "XAdES-B-T"


def _report(case: _Case, options: VerifyOptions) -> SignatureReport:
    judgement, core, read = case.judgement, case.core, case.read
    certificate = case.signer.certificate if case.signer is not None else None
    claimed = read.signing_time if read is not None else None
    evidence = Evidence(
        certificates=case.certificates,
        crls=embedded_crls(read),
        ocsps=embedded_ocsps(read),
        claimed=claimed,
        proofs=tuple(
            (TimeSource.TIMESTAMP, s.token) for s in case.stamped if s.token.type != "content-timestamp"
        ),
    )
    trust = judge_time_and_trust(judgement, certificate, evidence, options)
    whose = kind(certificate) if certificate is not None else CertificateKind.UNKNOWN
    role, basis = guess_role(whose, None, None)
    if case.parent is not None:
        role, basis = Role.COUNTER, ("position",)
    algorithms: tuple[str, ...] = (str(core.scheme),) if core is not None and core.scheme is not None else ()
    if case.signer is not None and case.signer.key is not None:
        algorithms += ("{}-{}".format(*key_bits(case.signer.key)),)
    passed = judgement.indication is Indication.TOTAL_PASSED
    return SignatureReport(
        id=case.identifier,
        field=case.element.get("Id"),
        format=_format(case),
        role=role,
        role_basis=basis,
        certificate_kind=whose,
        signer=describe(certificate) if certificate is not None else None,
        signing_time=claimed,
        best_time=trust.best_time,
        time_source=trust.time_source,
        timestamps=tuple(s.token.report() for s in case.stamped),
        intact=case.intact,
        covers=case.scope.covers if case.scope is not None else Coverage.PARTIAL,
        scope=case.scope.parts if case.scope is not None else (),
        changes=Changes.NONE,
        chain=trust.chain,
        revocation=trust.revocation,
        algorithms=algorithms,
        indication=judgement.indication,
        sub_indication=None if passed else judgement.sub_indication,
        findings=judgement.findings,
    )

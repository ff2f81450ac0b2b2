"""An edXML message: its own signature, and those of every attachment, in one report.

The message's own signature counts between systems that keep bytes. It has one form: a `ds:Signature` over
the whole document (one Reference URI="" with the enveloped-signature transform and exclusive C14N) and over
its SignedProperties; any other set of references is PARTIAL_SCOPE. What most systems write there is a
placeholder, with a few letters in place of a certificate: no signature at all. Over `OWN_BYTES_MOST` the own
signature is not evaluated, which is said.

Attachments are taken out by whoever knows the format (`VerifyOptions.message_parts`) and judged like files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from lxml import etree

from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.options import MessageUnreadable, VerifyOptions
from signing.report import (
    Coverage,
    FileReport,
    Finding,
    Indication,
    Severity,
    SignatureReport,
)
from signing.xades import NAMESPACES
from signing.xml_c14n import is_method
from signing.xml_parse import parse
from signing.xml_scope import Scope, judge_scope
from signing.xml_verify import verify_signatures
from signing.xmldsig import ENVELOPED, Core, Processor, Reference, c14n_of, ds

OWN_BYTES_MOST = 20 * 1024 * 1024
CERTIFICATE_LEAST = 200
"""Fewer letters of base64 cannot hold a certificate."""
_ROOT = re.compile(rb"<(?![?!])(?:[A-Za-z_][\w.-]*:)?edXML[\s/>]", re.IGNORECASE)
_ENVELOPE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?edXMLEnvelope[\s/>]", re.IGNORECASE)
_OPENING = re.compile(rb"<(?![?!])")
_SIGNATURE_VALUE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?SignatureValue[\s>]")
_CERTIFICATE_NAME = b"X509Certificate"
_LONGEST_PREFIX = 200
_BEFORE_NAME = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?\Z")
_AFTER_NAME = re.compile(rb"(?:\s[^>]*)?>([^<]*)<")
HEAD_BYTES = 8 * 1024

Judge = Callable[[bytes, str, VerifyOptions], FileReport]
Judged = tuple[tuple[SignatureReport, ...], tuple[Finding, ...], bool]


def looks_like_message(data: bytes) -> bool:
    """Whether this is edXML with its envelope, as far as the head tells."""
    opening = _OPENING.search(data, 0, HEAD_BYTES)
    if opening is None or _ROOT.match(data, opening.start()) is None:
        return False
    return _ENVELOPE.search(data, opening.start(), HEAD_BYTES) is not None


def verify_message(data: bytes, options: VerifyOptions, judge: Judge) -> Judged:
    """Everything signed in a message. Raises `InputRefused` for what is no XML at all."""
    own, notes = _own(data, options)
    parts, found, refused = judge_parts(data, options, judge)
    grave = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return (*own, *parts), tuple(sorted((*notes, *found), key=lambda f: grave[f.severity])), refused


def verify_older(data: bytes, options: VerifyOptions, judge: Judge, *, is_xml: bool) -> Judged:
    """The same for a message of an older dialect: only one that is XML can have a signature of its own."""
    if is_xml:
        return verify_message(data, options, judge)
    return judge_parts(data, options, judge)


def _own(data: bytes, options: VerifyOptions) -> tuple[tuple[SignatureReport, ...], tuple[Finding, ...]]:
    if is_placeholder(data):
        return (), (finding(Code.EDXML_PLACEHOLDER),)
    if len(data) > OWN_BYTES_MOST:
        detail = f"{len(data) >> 20} MB"
        return (), (finding(Code.NOT_EVALUATED, Severity.WARNING, detail=detail),) if _signed(data) else ()
    try:
        root = parse(data).getroot()
    except InputRefused as refusal:
        # Messages with prefixes nobody declared are common, and readers of messages mend them.
        if refusal.finding.code != Code.XML_BROKEN or options.message_parts is None:
            raise
        return (), (replace(refusal.finding, severity=Severity.WARNING),) if _signed(data) else ()
    processor = Processor(root, data=data)
    return verify_signatures(processor, options, lambda core: judge_profile(core, root)), ()


def _signed(data: bytes) -> bool:
    """Whether there is a value, as far as the bytes tell."""
    return _SIGNATURE_VALUE.search(data) is not None


def judge_profile(core: Core, root: etree._Element) -> Scope:
    """What the own signature takes in: the whole message, in the one form that counts, or a part."""
    found = judge_scope(core, root)
    if found.covers is not Coverage.WHOLE_FILE:
        return found
    whole = [r for r in core.references if not _is_properties(r)]
    missing = None
    if len(whole) != 1 or whole[0].uri != "" or not _is_plain(whole[0]):
        missing = 'Reference URI=""'
    elif len(core.references) != 2:
        missing = "SignedProperties"
    return found if missing is None else replace(found, covers=Coverage.PARTIAL, missing=missing)


def _is_properties(reference: Reference) -> bool:
    tag = reference.element.tag if reference.element is not None else None
    return tag in {f"{{{ns}}}SignedProperties" for ns in NAMESPACES}


def _is_plain(reference: Reference) -> bool:
    transforms = reference.node.findall(f"{ds('Transforms')}/{ds('Transform')}")
    if len(transforms) != 2 or transforms[0].get("Algorithm") != ENVELOPED:
        return False
    how = c14n_of(transforms[1]) if is_method(transforms[1].get("Algorithm") or "") else None
    return how is not None and how.exclusive


def is_placeholder(data: bytes) -> bool:
    """Whether the Signature of a message is there for show: its certificate is too short to be one."""
    shown, place = False, data.find(_CERTIFICATE_NAME)
    while place >= 0:
        text = _AFTER_NAME.match(data, place + len(_CERTIFICATE_NAME))
        if text is not None and _BEFORE_NAME.search(data, max(0, place - _LONGEST_PREFIX), place):
            if len(b"".join(text[1].split())) >= CERTIFICATE_LEAST:
                return False
            shown = True
        place = data.find(_CERTIFICATE_NAME, place + 1)
    return shown


def judge_parts(data: bytes, options: VerifyOptions, judge: Judge) -> Judged:
    """Signatures of all attachments, findings about those without, and whether one must be refused."""
    if options.message_parts is None:
        return (), (), False
    signatures: list[SignatureReport] = []
    findings: list[Finding] = []
    refused = False
    alone = replace(options, message_parts=None, is_older_message=None)
    try:
        with options.message_parts(data) as parts:
            for number, part in enumerate(parts, start=1):
                report = judge(part.path.read_bytes(), part.name, alone)
                signatures += [_placed(s, number, part.name) for s in report.signatures]
                findings += _findings(report, part.name)
                refused = refused or _is_refused(report)
    except (MessageUnreadable, OSError) as error:
        detail = str(error) if isinstance(error, MessageUnreadable) else type(error).__name__
        findings.append(finding(Code.MESSAGE_NOT_UNPACKED, Severity.WARNING, detail=detail))
    return tuple(signatures), tuple(findings), refused


def _placed(signature: SignatureReport, number: int, name: str) -> SignatureReport:
    return replace(signature, id=f"A{number}.{signature.id}", attachment=name)


def _is_refused(report: FileReport) -> bool:
    failed = any(s.indication is Indication.TOTAL_FAILED for s in report.signatures)
    return report.indication is Indication.TOTAL_FAILED and not failed


def _findings(report: FileReport, name: str) -> list[Finding]:
    made = [
        replace(f, vi=f"{name}: {f.vi}", en=f"{name}: {f.en}")
        for f in report.findings
        if f.severity is not Severity.INFO
    ]
    if _is_refused(report):
        made.insert(0, finding(Code.ATTACHMENT_REFUSED, Severity.ERROR, detail=name))
    elif not report.signatures and not made:
        made.append(finding(Code.ATTACHMENT_UNSIGNED, detail=name))
    return made

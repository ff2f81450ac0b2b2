"""The report as ETSI TS 119 102-2 XML, for validators and archives that exchange verdicts.

One SignatureValidationReport per signature, in the standard's own URIs; the signer's certificates and the
file stand among the validation objects by their digests. Findings go with the status as additional data under
our own URNs. A file without a signature has one report without an identifier, for the schema wants one.
Personal numbers are masked as in the JSON. [TS 119 102-2 v1.2.1, clauses 4.3 and 4.4]
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Final

from lxml import etree

from signing.messages import conclusion
from signing.report import (
    ChainStatus,
    FileReport,
    Finding,
    Indication,
    SignatureReport,
    SubIndication,
    TimeSource,
)
from signing.report_json import instant, mask_personal

VR: Final = "http://uri.etsi.org/19102/v1.2.1#"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
URN: Final = "urn:etsi:019102"
OURS: Final = "urn:lienthong"
DOCUMENT_ID: Final = "D-1"
_MAIN: Final = {
    Indication.TOTAL_PASSED: f"{URN}:mainindication:total-passed",
    Indication.TOTAL_FAILED: f"{URN}:mainindication:total-failed",
    Indication.INDETERMINATE: f"{URN}:mainindication:indeterminate",
    Indication.NO_SIGNATURE: f"{URN}:mainindication:indeterminate",
}
# What XML cannot hold [XML 1.0 §2.2].
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_etsi(report: FileReport, *, at: datetime, show_personal: bool = False) -> bytes:
    """The validation report of a file, made `at` that time."""
    return _Writer(report, at, show_personal=show_personal).write()


class _Writer:
    def __init__(self, report: FileReport, at: datetime, *, show_personal: bool) -> None:
        self._report, self._at, self._show = report, at, show_personal

    def write(self) -> bytes:
        """The document."""
        root: etree._Element = etree.Element(_vr("ValidationReport"), nsmap={"vr": VR, "ds": DS})
        for number, signature in enumerate(self._report.signatures, start=1):
            self._signature(root, f"S-{number}", signature)
        if not self._report.signatures:
            self._without_signature(root)
        self._objects(root)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    def _text(self, text: str) -> str:
        return _UNWRITABLE.sub("\ufffd", text if self._show else mask_personal(text))

    def _add(self, parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
        child = etree.SubElement(parent, _vr(name))
        if text is not None:
            child.text = self._text(text)
        return child

    def _signature(self, root: etree._Element, identifier: str, signature: SignatureReport) -> None:
        node = self._add(root, "SignatureValidationReport")
        named = self._add(node, "SignatureIdentifier")
        named.set("id", identifier)
        self._add(named, "HashOnly", "false")
        self._add(named, "DocHashOnly", "false")
        place = (signature.attachment, signature.id, signature.field)
        self._add(named, "DAIdentifier", " ".join(part for part in place if part))
        self._times(node, signature)
        self._document(node)
        self._attributes(node, signature)
        if signature.signer is not None:
            signer = self._add(node, "SignerInformation")
            self._add(signer, "SignerCertificate").set("VOReference", f"C-{signature.signer.sha256}")
            self._add(signer, "Signer", signature.signer.subject)
        process = self._add(node, "SignatureValidationProcess")
        trusted = signature.chain is not ChainStatus.NOT_CHECKED
        kind = "LTVM" if trusted else "Basic"
        self._add(process, "SignatureValidationProcessID", f"{URN}:validationprocess:{kind}")
        self._status(
            node, signature.indication, signature.sub_indication, signature.findings, signature=signature
        )

    def _times(self, node: etree._Element, signature: SignatureReport | None) -> None:
        times = self._add(node, "ValidationTimeInfo")
        now = instant(self._at)
        self._add(times, "ValidationTime", now)
        best = self._add(times, "BestSignatureTime")
        proven = signature is not None and signature.time_source not in {None, TimeSource.CLAIMED}
        moment = signature.best_time if signature is not None and proven else None
        self._add(best, "POETime", instant(moment) or now)
        receipt = signature is not None and signature.time_source is TimeSource.RECEIPT
        self._add(best, "TypeOfProof", f"{URN}:poetype:{'provided' if receipt else 'validation'}")

    def _document(self, node: etree._Element) -> None:
        document = self._add(node, "SignersDocument")
        self._digest(document, self._report.sha256)
        self._add(document, "SignersDocumentRef").set("VOReference", DOCUMENT_ID)

    def _attributes(self, node: etree._Element, signature: SignatureReport) -> None:
        claimed = instant(signature.signing_time)
        if not (claimed or signature.reason or signature.location):
            return
        attributes = self._add(node, "SignatureAttributes")
        for name, inner, value in (
            ("SigningTime", "Time", claimed),
            ("SignatureProductionPlace", "AddressString", signature.location),
            ("Reason", "ReasonElement", signature.reason),
        ):
            if value:
                attribute = self._add(attributes, name)
                attribute.set("Signed", "true")
                self._add(attribute, inner, value)

    def _status(
        self,
        node: etree._Element,
        indication: Indication,
        sub: SubIndication | None,
        findings: tuple[Finding, ...],
        *,
        signature: SignatureReport | None = None,
    ) -> None:
        status = self._add(node, "SignatureValidationStatus")
        self._add(status, "MainIndication", _MAIN[indication])
        if indication is Indication.NO_SIGNATURE:
            self._add(status, "SubIndication", f"{OURS}:subindication:NO_SIGNATURE")
        elif sub is not None:
            of = OURS if sub is SubIndication.CUSTOM else URN
            self._add(status, "SubIndication", f"{of}:subindication:{sub.value}")
        facts = [(f"{OURS}:finding:{f.code}", f"{f.vi} / {f.en}") for f in findings]
        facts.insert(0, (f"{OURS}:conclusion", conclusion(indication.value)[0]))
        if signature is not None:
            facts += _facts(signature)
        data = self._add(status, "AssociatedValidationReportData")
        if signature is not None and signature.signer is not None:
            chain = self._add(data, "CertificateChain")
            self._add(chain, "SigningCertificate").set("VOReference", f"C-{signature.signer.sha256}")
        more = self._add(data, "AdditionalValidationReportData")
        for kind, value in facts:
            entry = self._add(more, "ReportData")
            self._add(entry, "Type", kind)
            self._add(entry, "Value", value)

    def _without_signature(self, root: etree._Element) -> None:
        node = self._add(root, "SignatureValidationReport")
        self._times(node, None)
        self._document(node)
        report = self._report
        self._status(node, report.indication, report.sub_indication, report.findings)

    def _objects(self, root: etree._Element) -> None:
        objects = self._add(root, "SignatureValidationObjects")
        self._object(objects, DOCUMENT_ID, "signedData", self._report.sha256)
        signers = dict.fromkeys(s.signer.sha256 for s in self._report.signatures if s.signer is not None)
        for digest in signers:
            self._object(objects, f"C-{digest}", "certificate", digest)

    def _object(self, parent: etree._Element, identifier: str, kind: str, digest: str) -> None:
        node = self._add(parent, "ValidationObject")
        node.set("id", identifier)
        self._add(node, "ObjectType", f"{URN}:validationObject:{kind}")
        self._digest(self._add(node, "ValidationObjectRepresentation"), digest)

    def _digest(self, parent: etree._Element, digest: str) -> None:
        node = self._add(parent, "DigestAlgAndValue")
        etree.SubElement(node, f"{{{DS}}}DigestMethod").set("Algorithm", SHA256)
        value = etree.SubElement(node, f"{{{DS}}}DigestValue")
        value.text = base64.b64encode(bytes.fromhex(digest)).decode("ascii")


def _facts(signature: SignatureReport) -> list[tuple[str, str]]:
    """What the standard's schema has no place for."""
    return [
        (f"{OURS}:format", signature.format),
        (f"{OURS}:role", signature.role.value),
        (f"{OURS}:intact", str(signature.intact).lower()),
        (f"{OURS}:changes", signature.changes.value),
        (f"{OURS}:chain", signature.chain.value),
        (f"{OURS}:revocation", signature.revocation.value),
        (f"{OURS}:algorithms", ", ".join(signature.algorithms)),
    ]


def _vr(name: str) -> str:
    return f"{{{VR}}}{name}"

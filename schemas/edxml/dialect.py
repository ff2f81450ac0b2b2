"""Which dialect a message is written in: the way it uses prefixes, told by the literal tags.

A receiver that insists on the prefix `edXML:` (some .NET ones do) can be given the original only if every
envelope tag has it. Names that occur both in the manifest and in attachments say nothing and are left out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

PREFIX: Final = "edXML"


class Dialect(StrEnum):
    """How the message is written; `qcvn-prefixed` is what the hub writes."""

    PREFIXED = "qcvn-prefixed"
    DOTNET = "qcvn-dotnet"
    OTHER_PREFIX = "qcvn-other-prefix"
    DEFAULT_NS = "qcvn-default-ns"
    MIXED = "qcvn-mixed"
    OTHER_ROOT = "qcvn-other-root"
    EDOC_SOAP = "edoc-soap"
    """SOAP 1.1 of the e-doc.vn exchange, attachments as MIME parts. Read only."""
    PAIR_512 = "pair-512"
    """Two XML files in one ZIP, of the 512/BTTTT era. Read only."""


_ENVELOPE_NAMES: Final = (
    "edXMLEnvelope edXMLHeader MessageHeader From To OrganId OrganName OrganizationInCharge OrganAdd "
    "Email Telephone Fax Website DocumentId Code CodeNumber CodeNotation PromulgationInfo Place "
    "PromulgationDate DocumentType Type TypeDetail TypeName Subject SignerInfo Competence Position "
    "FullName DueDate OtherInfo Priority SphereOfPromulgation TyperNotation PromulgationAmount "
    "PageAmount Direction Appendixes Appendix ResponseFor SteeringType ToPlaces StaffInfo Department "
    "Staff Mobile StatusCode Timestamp TraceHeaderList TraceHeader Bussiness BussinessDocType "
    "BussinessDocReason Paper BussinessDocumentInfo ReplacementInfoList edXMLBody edXMLManifest"
)
_ENVELOPE: Final = frozenset(_ENVELOPE_NAMES.split())
_ATTACHED: Final = frozenset({"AttachmentEncoded", "Attachment"})
_DOTNET_MARKS: Final = frozenset(
    {("", "Boundary"), ("", "ContentTransferEncoded"), (PREFIX, "DigitalSignature")}
)


def dialect_of(names: frozenset[tuple[str, str]], root_name: str, *, foreign_namespaces: bool) -> Dialect:
    """The dialect by the (prefix, local name) pairs seen."""
    if root_name != "edXML":
        return Dialect.OTHER_ROOT
    prefixes = {prefix for prefix, name in names if name in _ENVELOPE}
    if foreign_namespaces or len(prefixes) != 1:
        return Dialect.MIXED
    (prefix,) = prefixes
    if not prefix:
        return Dialect.DEFAULT_NS
    if prefix != PREFIX:
        return Dialect.OTHER_PREFIX
    if any(each and name in _ATTACHED for each, name in names):
        return Dialect.MIXED
    return Dialect.DOTNET if names & _DOTNET_MARKS else Dialect.PREFIXED

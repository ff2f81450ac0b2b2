"""Timestamp tokens: is the token about these bytes, and is its own signature good [RFC 3161, RFC 5816]?

Whether the authority is trusted is a question for `signing.trust`; here only imprint, form and mathematics
count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import tsp, x509

from signing import cms
from signing.algorithms import DIGEST_OIDS, digest
from signing.certificates import BROKEN_DER
from signing.report import Indication, TimestampReport


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCheck:
    """What one token says and whether it holds."""

    type: str
    time: datetime | None = None
    imprint_name: str = ""
    imprint_matches: bool | None = None
    signature_good: bool = False
    tsa: x509.Certificate | None = None
    certificates: tuple[x509.Certificate, ...] = ()
    problem: str | None = None
    # An archive or document timestamp that takes in the signature timestamps beside it.
    encloses: bool = True

    @property
    def good(self) -> bool:
        """Right imprint and a good signature."""
        return self.imprint_matches is True and self.signature_good

    def report(self) -> TimestampReport:
        """The token as the report lists it."""
        if self.good:
            indication = Indication.TOTAL_PASSED
        elif self.imprint_matches is None:
            indication = Indication.INDETERMINATE
        else:
            indication = Indication.TOTAL_FAILED
        state = {True: "ok", False: "mismatch", None: "unknown"}[self.imprint_matches]
        name = self.imprint_name.replace("_", "-").upper()
        return TimestampReport(
            type=self.type, time=self.time, imprint=f"{name} {state}".strip(), indication=indication
        )


def check_token(
    kind: str,
    blob: bytes,
    digest_of: cms.DigestOf,
    *,
    more_certificates: tuple[x509.Certificate, ...] = (),
) -> TokenCheck:
    """Judge one token; `digest_of` gives the digest of the bytes that it should be about."""
    try:
        message = cms.parse(blob)
        if message.content_type != "tst_info" or message.encapsulated is None:
            return TokenCheck(type=kind, problem="no TSTInfo")
        info = tsp.TSTInfo.load(message.encapsulated)
        imprint = info["message_imprint"]
        name = DIGEST_OIDS.get(imprint["hash_algorithm"]["algorithm"].dotted, "")
        stated = bytes(imprint["hashed_message"].native)
        moment = info["gen_time"].native
        time = moment.astimezone(UTC) if isinstance(moment, datetime) else None
    except (cms.CmsBroken, OverflowError, *BROKEN_DER) as error:
        return TokenCheck(type=kind, problem=str(error)[:80] or "unreadable")
    actual = digest_of(name) if name else None
    matches = None if actual is None else actual == stated
    if len(message.signer_infos) != 1:
        return TokenCheck(
            type=kind, time=time, imprint_name=name, imprint_matches=matches, problem="several signers"
        )
    encapsulated = message.encapsulated
    try:
        signer = cms.check_signer(
            message,
            message.signer_infos[0],
            lambda n: digest(n, encapsulated),
            more_certificates=more_certificates,
        )
    except cms.CmsBroken as error:
        return TokenCheck(
            type=kind, time=time, imprint_name=name, imprint_matches=matches, problem=str(error)
        )
    problem = _problem(matches, signer)
    return TokenCheck(
        type=kind,
        time=time,
        imprint_name=name,
        imprint_matches=matches,
        signature_good=signer.intact and signer.reference_matches is not False,
        tsa=signer.signer,
        certificates=message.certificates,
        problem=problem,
    )


def _problem(matches: bool | None, signer: cms.SignerCheck) -> str | None:
    if matches is False:
        return "imprint"
    if matches is None:
        return "imprint not computable"
    if signer.signer is None:
        return "no TSA certificate"
    if not signer.intact:
        return "signature"
    return "certificate reference" if signer.reference_matches is False else None

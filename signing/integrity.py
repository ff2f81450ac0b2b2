"""The first of two stages: *has it been changed?*, at once.

For each signature that a PDF shows by its /ByteRange: digest of the ranges, one key operation, nothing else.
No cross-references are read, no chain, no later revision, no page; those take a hundred times as long and
are the second stage (`signing.verify`), which finds the same signatures and may find more: one whose
dictionary hides its names, one of which the form tells and the bytes do not. So the answer here is about
what was found, and never a verdict. Files of other kinds are answered by the second stage without trust.

    not intact     the signed bytes or the value were changed: no later check can mend that
    intact         content as signed; who signed, and what came after, is still open
    None           cannot be computed: no certificate, an unknown algorithm, not a CMS value
"""

from __future__ import annotations

import binascii
import functools
import hashlib
from dataclasses import dataclass

from asn1crypto import x509

from signing import cms
from signing.algorithms import digest
from signing.certificates import BROKEN_DER
from signing.errors import InputRefused
from signing.options import VerifyOptions
from signing.pdf_ranges import RangeDigests, RawSignature, ends_at, raw_signatures
from signing.report import Coverage, FileFormat
from signing.timestamps import check_token
from signing.verify import sniff, verify_bytes

MAX_SIGNERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """The answer for one signature."""

    intact: bool | None
    whole_file: bool
    """Whether the signed bytes reach to the file's end."""
    byte_range: tuple[int, ...] = ()
    signer: x509.Certificate | None = None
    problem: str | None = None


def check(data: bytes) -> tuple[Integrity, ...]:
    """Whether what was signed is as it was signed; one answer per signature, nothing for a file without.

    Never raises for bad input.
    """
    if sniff(data) is not FileFormat.PDF:
        return _other(data)
    digests = RangeDigests(data)
    return tuple(_checked(data, found, digests) for found in raw_signatures(data))


def _checked(data: bytes, found: RawSignature, digests: RangeDigests) -> Integrity:
    answer = functools.partial(Integrity, byte_range=found.byte_range, whole_file=ends_at(data, found.end))
    try:
        contents = found.contents()
        message = cms.parse(contents)
        digest_of: cms.DigestOf = functools.partial(digests.of, found.byte_range)
        if message.content_type == "tst_info":
            token = check_token("document-timestamp", contents, digest_of)
            return answer(intact=token.good, signer=token.tsa, problem=token.problem)
        carried = message.encapsulated
        if carried is not None and len(carried) == hashlib.sha1(usedforsecurity=False).digest_size:
            # adbe.pkcs7.sha1: the value carries the SHA-1 of the ranges.
            if digest_of("sha1") != carried:
                return answer(intact=False, problem="digest")
            digest_of = functools.partial(_digest_of, carried)
        checks = [cms.check_core(message, info, digest_of) for info in message.signer_infos[:MAX_SIGNERS]]
    except InputRefused as refusal:
        return answer(intact=None, problem=refusal.finding.code)
    except (binascii.Error, cms.CmsBroken, *BROKEN_DER) as error:
        return answer(intact=None, problem=" ".join(str(error).split())[:100] or type(error).__name__)
    signer = checks[0].signer if checks else None
    if any(c.digest_matches is False or c.value_matches is False for c in checks):
        return answer(intact=False, signer=signer, problem="digest or value")
    if not checks or not all(c.intact for c in checks):
        return answer(intact=None, signer=signer, problem="no certificate or no known algorithm")
    return answer(intact=True, signer=signer)


def _digest_of(data: bytes, name: str) -> bytes | None:
    return digest(name, data)


def _other(data: bytes) -> tuple[Integrity, ...]:
    report = verify_bytes(data, name="", options=VerifyOptions(no_trust=True, compare_pages=False))
    return tuple(
        Integrity(
            intact=s.intact,
            whole_file=s.covers is Coverage.WHOLE_FILE,
            problem=None if s.intact or not s.findings else s.findings[0].code,
        )
        for s in report.signatures
    )

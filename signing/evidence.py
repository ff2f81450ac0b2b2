"""Gathering what a signature needs to be judged in many years: certificates, OCSP responses, lists.

For the signer and for the authority of its timestamp a path to an anchor is built, and for every certificate
on it that says where its revocation can be looked up an answer is got that holds at the time of the
timestamp: a response, or else a list, from the trust folder or over the network. What is gathered is what
the verifier itself would have believed (`signing.revocation_answers`), kept as it was signed. A certificate
that is revoked is not signed with; anything else that is missing is told, and then nothing is gathered.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import x509

from signing.algorithms import DEFAULT_ALGORITHMS
from signing.anchors import Purpose
from signing.certificates import common_name, validity
from signing.errors import CredentialUnusable
from signing.ocsp import ResponderRules
from signing.online import OnlineSession, OnlineSource
from signing.report import ChainStatus, Revocation
from signing.revocation import is_published
from signing.revocation_answers import RevocationAnswer
from signing.trust import TrustStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTerm:
    """Where evidence comes from; `archive` asks for a timestamp over the whole document as well."""

    trust: TrustStore
    online: OnlineSource | None = None
    archive: bool = False


@dataclass(slots=True, kw_only=True)
class Collected:
    """Evidence as it was signed, each piece once, and what is missing (empty: nothing)."""

    certificates: dict[bytes, x509.Certificate] = field(default_factory=dict)
    responses: dict[bytes, None] = field(default_factory=dict)
    lists: dict[bytes, None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A certificate that somebody will have to judge, and the moment that counts for it."""

    certificate: x509.Certificate
    at: datetime
    purpose: Purpose = Purpose.DOCUMENT
    others: tuple[x509.Certificate, ...] = ()


def collect(source: LongTerm, subjects: Iterable[Subject]) -> Collected:
    """Evidence about all of them. Raises `CredentialUnusable` if one is revoked; never for the network."""
    session = source.online.session() if source.online is not None else None
    found = Collected()
    for subject in subjects:
        _collect_path(found, source.trust, session, subject)
    return found


def _collect_path(
    found: Collected, trust: TrustStore, session: OnlineSession | None, subject: Subject
) -> None:
    outcome = trust.path(
        subject.certificate,
        at=subject.at,
        others=subject.others,
        algorithms=DEFAULT_ALGORITHMS,
        purpose=subject.purpose,
        fetch=session.issuers if session is not None else None,
    )
    if outcome.status is not ChainStatus.TRUSTED:
        why = outcome.code.value if outcome.code is not None else outcome.status.value
        found.missing.append(f"{common_name(subject.certificate)}: {why}")
        return
    for certificate in outcome.path:
        found.certificates[certificate.dump()] = certificate
    for place, (child, issuer) in enumerate(itertools.pairwise(outcome.path)):
        if is_published(child):
            rules = ResponderRules(trusted=trust.trusts_responder, above=outcome.path[place + 2 :])
            _collect_answer(found, _Question(trust, session, child, issuer, subject.at, rules))


@dataclass(frozen=True, slots=True)
class _Question:
    trust: TrustStore
    session: OnlineSession | None
    child: x509.Certificate
    issuer: x509.Certificate
    at: datetime
    rules: ResponderRules

    def settles(self, said: RevocationAnswer) -> bool:
        """Whether this answer is a good one that holds. Raises if it is a revocation."""
        if said.status is Revocation.REVOKED or said.on_hold:
            raise CredentialUnusable(
                f"the certificate of {common_name(self.child)} is revoked or on hold",
                code="credential_revoked",
            )
        return said.status is Revocation.GOOD and said.is_fresh(self.at, validity(self.child)[1])


def _collect_answer(found: Collected, question: _Question) -> None:
    """The first answer that settles the question: lists at hand, responders, lists over the network."""
    reasons: list[str] = []
    for held in question.trust.lists:
        said = held.answer(question.child, question.issuer)
        if said is not None and question.settles(said):
            found.lists[held.der] = None
            return
    if question.session is not None:
        asked = question.session.ask_responders(
            question.child, question.issuer, at=question.at, rules=question.rules
        )
        if _settled(question, asked, reasons):
            found.responses |= dict.fromkeys(question.session.kept_responses(question.child, question.issuer))
            return
        asked = question.session.ask_lists(
            question.child, question.issuer, at=question.at, refused=frozenset()
        )
        if _settled(question, asked, reasons):
            found.lists |= dict.fromkeys(question.session.kept_lists(question.child))
            return
    found.missing.append(f"{common_name(question.child)}: {'; '.join(reasons) or 'offline'}")


def _settled(question: _Question, answers: Iterable[RevocationAnswer], reasons: list[str]) -> bool:
    for said in answers:
        if question.settles(said):
            return True
        reasons.append(said.problem or "not fresh")
    return False


def as_text(missing: Sequence[str]) -> str:
    """What is missing, short enough for a finding."""
    return "; ".join(dict.fromkeys(missing))[:200]

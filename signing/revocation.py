"""Was the certificate revoked? The file's own evidence first, then the store's lists, then the network.

Nothing is asked once the answer is decided. "Could not be checked" is a normal answer and carries its
reasons. How answers are weighed: `signing.revocation_answers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from asn1crypto import x509

from signing import ocsp
from signing.certificates import BROKEN_DER, validity
from signing.crl import RevocationList, lists_of
from signing.online import OnlineSession
from signing.report import Revocation
from signing.revocation_answers import RevocationAnswer, RevocationOutcome, conclude

__all__ = ["RevocationChecker", "RevocationOutcome", "check", "is_published"]


class RevocationChecker:
    """Everything that can answer for one document."""

    def __init__(
        self,
        *,
        responses: Iterable[bytes] = (),
        lists: Iterable[RevocationList] = (),
        session: OnlineSession | None = None,
        trusted_responder: ocsp.Judge | None = None,
        old_digests: frozenset[str] = frozenset(),
    ) -> None:
        self._responses, self._lists = tuple(responses), tuple(lists)
        self._session, self._trusted = session, trusted_responder
        self._old = old_digests

    def check(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        at: datetime,
        above: Sequence[x509.Certificate] = (),
        old_allowed: bool = True,
    ) -> RevocationOutcome:
        """What is known about the moment `at`.

        `above` are the authorities over the issuer. Without `old_allowed` answers signed with old digests do
        not count.
        """
        refused = frozenset() if old_allowed else self._old
        not_after = validity(certificate)[1]
        answers: list[RevocationAnswer] = []
        outcome = conclude(answers, at=at)
        rules = ocsp.ResponderRules(
            trusted=self._trusted or (lambda _: False),
            revoked=self.revokes,
            above=tuple(above),
            refused_digests=refused,
        )
        for group in self._groups(certificate, issuer, at, rules):
            for said in group:
                answers.append(said)
                outcome = conclude(answers, at=at, not_after=not_after)
                if outcome.status is Revocation.REVOKED:
                    return outcome
            if outcome.status is not Revocation.UNKNOWN:
                return outcome
        return outcome

    def _groups(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        rules: ocsp.ResponderRules,
    ) -> Iterator[Iterable[RevocationAnswer]]:
        yield self._at_hand(certificate, issuer, rules)
        if self._session is not None:
            # One by one: whoever is not needed any more is not asked.
            for said in self._session.ask_responders(certificate, issuer, at=at, rules=rules):
                yield (said,)
            for said in self._session.ask_lists(certificate, issuer, at=at, refused=rules.refused_digests):
                yield (said,)

    def _at_hand(
        self, certificate: x509.Certificate, issuer: x509.Certificate, rules: ocsp.ResponderRules
    ) -> Iterator[RevocationAnswer]:
        for blob in self._responses:
            said = ocsp.answer(blob, certificate, issuer, rules=rules)
            if said is not None:
                yield said
        for held in self._lists:
            said = held.answer(certificate, issuer, refused_digests=rules.refused_digests)
            if said is not None:
                yield said

    def revokes(self, responder: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a list at hand revokes a responder of this issuer."""
        said = (held.answer(responder, issuer) for held in self._lists)
        return any(a is not None and (a.status is Revocation.REVOKED or a.on_hold) for a in said)


def check(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    lists: Iterable[bytes],
    responses: Iterable[bytes],
    at: datetime,
) -> RevocationOutcome:
    """The answer of what is at hand."""
    return RevocationChecker(responses=responses, lists=lists_of(lists)).check(certificate, issuer, at=at)


def is_published(certificate: x509.Certificate) -> bool:
    """Whether the certificate says where its revocation can be looked up."""
    try:
        return bool(certificate.crl_distribution_points or certificate.ocsp_urls)
    except BROKEN_DER:
        return False

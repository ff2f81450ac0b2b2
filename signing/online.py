"""Asking authorities over the network: OCSP, lists, and issuers' certificates, kept and shared.

An `OnlineSource` lives as long as its process and keeps what it fetched; an `OnlineSession` is one document's
share of it, with a budget. What is kept is asked first; a kept *good* that is too old for the moment in
question is fetched anew; a failure is remembered for some minutes. Answers come from whoever the certificate
names, so nothing is kept that its authority did not sign, apart from issuers' certificates, which prove
themselves in the path.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from asn1crypto import x509

from signing import ocsp
from signing.addresses import AddressRules
from signing.certificates import BROKEN_DER, load_certificates, validity
from signing.crl import RevocationList
from signing.fetch import Budget, Call, Fetcher, FetchFailed
from signing.net_cache import Kept, NetCache
from signing.report import Revocation
from signing.revocation_answers import RevocationAnswer, no_answer

KIB, MIB = 1024, 1024 * 1024
MAX_URLS: Final = 3
MAX_PARSED_BYTES: Final = 64 * MIB
Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRules:
    """Limits of one process; seconds, bytes and times are each a setting of the hub."""

    addresses: AddressRules = field(default_factory=AddressRules)
    fetch_seconds: float = 5
    document_seconds: float = 15
    document_fetches: int = 12
    ocsp_bytes: int = 64 * KIB
    list_bytes: int = 20 * MIB
    certificate_bytes: int = 256 * KIB
    keep_most: timedelta = timedelta(hours=12)
    keep_undated: timedelta = timedelta(hours=1)
    keep_issuers: timedelta = timedelta(days=7)
    keep_failures: timedelta = timedelta(minutes=10)
    nonce: bool = True
    cache_folder: Path | None = None


class OnlineSource:
    """What a process has learnt from authorities."""

    def __init__(
        self, rules: OnlineRules | None = None, *, fetcher: Fetcher | None = None, now: Now = _now
    ) -> None:
        self.rules = rules or OnlineRules()
        self.fetcher = fetcher or Fetcher(rules=self.rules.addresses, seconds=self.rules.fetch_seconds)
        self.cache = NetCache(self.rules.cache_folder)
        self.now = now
        self._parsed: OrderedDict[str, tuple[datetime, RevocationList]] = OrderedDict()

    def session(self) -> OnlineSession:
        """One document's share."""
        return OnlineSession(self)

    def parsed(self, url: str, kept: Kept) -> RevocationList:
        """The list behind an entry, parsed once per process."""
        known = self._parsed.get(url)
        if known is not None and known[0] == kept.stored:
            self._parsed.move_to_end(url)
            return known[1]
        made = RevocationList(kept.body or b"")
        self._parsed[url] = (kept.stored, made)
        while (
            sum(held.size for _, held in self._parsed.values()) > MAX_PARSED_BYTES and len(self._parsed) > 1
        ):
            self._parsed.popitem(last=False)
        return made


class OnlineSession:
    """Questions for one document, within its budget. Never raises: a failure is an answer with a reason."""

    def __init__(self, source: OnlineSource) -> None:
        rules = source.rules
        self._source, self._rules, self._cache = source, rules, source.cache
        self._budget = Budget(
            seconds=rules.document_seconds, fetches=rules.document_fetches, clock=source.fetcher.clock
        )

    def ask_responders(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        at: datetime,
        rules: ocsp.ResponderRules,
    ) -> Iterator[RevocationAnswer]:
        """Answers of the responders that the certificate names."""
        for url in _ocsp_urls(certificate):
            yield self._ask_responder(url, certificate, issuer, at, rules)

    def _ask_responder(
        self,
        url: str,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        rules: ocsp.ResponderRules,
    ) -> RevocationAnswer:
        key = f"ocsp {url} {_digest(certificate)} {_digest(issuer)}"
        kept = self._cache.get(key, now=self._source.now())
        if kept is not None and kept.body is None:
            return no_answer(kept.reason)
        if kept is not None and kept.body is not None:
            said = ocsp.answer(kept.body, certificate, issuer, rules=rules)
            if said is not None and _suffices(said, at, validity(certificate)[1]):
                return said
        nonce = ocsp.new_nonce() if self._rules.nonce else None
        call = Call(
            url=url,
            body=ocsp.request(certificate, issuer, nonce=nonce),
            content_type="application/ocsp-request",
            accept="application/ocsp-response",
        )
        try:
            blob = self._source.fetcher.fetch(call, most=self._rules.ocsp_bytes, budget=self._budget)
        except FetchFailed as error:
            return self._failed(key, f"OCSP: {error}")
        status = ocsp.status_of(blob)
        if status != "successful":
            return self._failed(key, f"OCSP: {status}")
        said = ocsp.answer(blob, certificate, issuer, rules=rules, nonce=nonce)
        if said is None:
            return self._failed(key, "OCSP: about another certificate")
        if said.problem and not said.on_hold:
            return self._failed(key, said.problem)
        self._keep(key, blob, ocsp.next_update(blob))
        return said

    def ask_lists(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        at: datetime,
        refused: frozenset[str],
    ) -> Iterator[RevocationAnswer]:
        """Answers of the lists that the certificate names."""
        for url in _list_urls(certificate):
            yield self._ask_list(url, certificate, issuer, at, refused)

    def _ask_list(
        self,
        url: str,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        refused: frozenset[str],
    ) -> RevocationAnswer:
        key = f"crl {url}"
        kept = self._cache.get(key, now=self._source.now())
        if kept is not None and kept.body is None:
            return no_answer(kept.reason)
        if kept is not None:
            found = self._source.parsed(url, kept)
            said = found.answer(certificate, issuer, refused_digests=refused)
            if said is not None and _suffices(said, at, validity(certificate)[1]):
                return said
        fetched = self._fetch_list(url, issuer)
        if isinstance(fetched, RevocationAnswer):
            return fetched
        said = fetched.answer(certificate, issuer, refused_digests=refused)
        return said if said is not None else no_answer("CRL: of another issuer")

    def _fetch_list(self, url: str, issuer: x509.Certificate) -> RevocationList | RevocationAnswer:
        key = f"crl {url}"
        try:
            blob = self._source.fetcher.fetch(
                Call(url=url, accept="application/pkix-crl"), most=self._rules.list_bytes, budget=self._budget
            )
        except FetchFailed as error:
            return self._failed(key, f"CRL: {error}")
        if not RevocationList(blob).is_of(issuer):
            return self._failed(key, "CRL: not a list of this issuer")
        kept = self._keep(key, blob, RevocationList(blob).times()[1])
        return self._source.parsed(url, kept)

    def kept_responses(self, certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[bytes, ...]:
        """Responses about the certificate that are kept, to be embedded; nothing is asked."""
        keys = (f"ocsp {url} {_digest(certificate)} {_digest(issuer)}" for url in _ocsp_urls(certificate))
        return self._bodies(keys)

    def kept_lists(self, certificate: x509.Certificate) -> tuple[bytes, ...]:
        """Lists that the certificate names and that are kept, as they were signed; nothing is asked."""
        bodies = self._bodies(f"crl {url}" for url in _list_urls(certificate))
        return tuple(RevocationList(body).der for body in bodies)

    def _bodies(self, keys: Iterable[str]) -> tuple[bytes, ...]:
        found = (self._cache.get(key, now=self._source.now()) for key in keys)
        return tuple(kept.body for kept in found if kept is not None and kept.body is not None)

    def issuers(self, certificate: x509.Certificate) -> Sequence[x509.Certificate]:
        """Certificates that the certificate names as its issuer's: DER, PEM or PKCS#7, whatever is said."""
        found: list[x509.Certificate] = []
        for url in _issuer_urls(certificate):
            found += self._issuers_at(url)
            if found:
                break
        return found

    def _issuers_at(self, url: str) -> list[x509.Certificate]:
        key = f"aia {url}"
        kept = self._cache.get(key, now=self._source.now())
        if kept is not None:
            return _certificates(kept.body) if kept.body else []
        try:
            blob = self._source.fetcher.fetch(
                Call(url=url), most=self._rules.certificate_bytes, budget=self._budget
            )
        except FetchFailed as error:
            self._failed(key, f"AIA: {error}")
            return []
        found = _certificates(blob)
        if not found:
            self._failed(key, "AIA: no certificate")
            return []
        now = self._source.now()
        self._cache.put(key, Kept(stored=now, expires=now + self._rules.keep_issuers, body=blob))
        return found

    def prefetch(
        self, certificate: x509.Certificate, issuer: x509.Certificate
    ) -> tuple[tuple[str, str], ...]:
        """Fetch the lists that a certificate names, whatever is kept; address and problem (empty: none)."""
        told = []
        for url in _list_urls(certificate):
            fetched = self._fetch_list(url, issuer)
            told.append((url, fetched.problem if isinstance(fetched, RevocationAnswer) else ""))
        return tuple(told)

    def _keep(self, key: str, blob: bytes, following: datetime | None) -> Kept:
        now, rules = self._source.now(), self._rules
        expires = now + rules.keep_undated
        if following is not None and following > now:
            expires = min(following, now + rules.keep_most)
        kept = Kept(stored=now, expires=expires, body=blob)
        self._cache.put(key, kept)
        return kept

    def _failed(self, key: str, reason: str) -> RevocationAnswer:
        # What this document's budget refused says nothing about the authority.
        if self._budget.seconds > 0 and self._budget.fetches >= 0 and "share of time" not in reason:
            now = self._source.now()
            self._cache.put(key, Kept(stored=now, expires=now + self._rules.keep_failures, reason=reason))
        return no_answer(reason)


def _certificates(blob: bytes) -> list[x509.Certificate]:
    try:
        return load_certificates(blob)
    except BROKEN_DER:
        return []


def _suffices(said: RevocationAnswer, at: datetime, not_after: datetime | None) -> bool:
    return said.status is Revocation.REVOKED or (
        said.status is Revocation.GOOD and said.is_fresh(at, not_after)
    )


def _digest(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.dump()).hexdigest()


def _web(urls: Sequence[object]) -> list[str]:
    web = [str(u) for u in urls if str(u).lower().startswith(("http://", "https://"))]
    return list(dict.fromkeys(web))[:MAX_URLS]


def _ocsp_urls(certificate: x509.Certificate) -> list[str]:
    try:
        return _web(certificate.ocsp_urls)
    except BROKEN_DER:
        return []


def _list_urls(certificate: x509.Certificate) -> list[str]:
    """Addresses of complete lists: points for some reasons or of another issuer are left out."""
    urls: list[object] = []
    try:
        for point in certificate.crl_distribution_points_value or ():
            if point["reasons"].native is None and point["crl_issuer"].native is None:
                place = point["distribution_point"]
                if place.native is not None and place.name == "full_name":
                    urls += [g.native for g in place.chosen if g.name == "uniform_resource_identifier"]
    except BROKEN_DER:
        pass
    return _web(urls)


def _issuer_urls(certificate: x509.Certificate) -> list[str]:
    urls: list[object] = []
    try:
        for entry in certificate.authority_information_access_value or ():
            place = entry["access_location"]
            if entry["access_method"].native == "ca_issuers" and place.name == "uniform_resource_identifier":
                urls.append(place.native)
    except BROKEN_DER:
        pass
    return _web(urls)


def names_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate says where its revocation can be looked up."""
    return bool(_ocsp_urls(certificate) or _list_urls(certificate))

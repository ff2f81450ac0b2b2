"""Whom we trust: anchors by file, and paths from a certificate to one of them.

A store is a folder: certificates under `anchors/` are trusted, those under `intermediates/` only complete
paths, lists under `crls/` answer for revocation; certificates lying in the folder itself count as anchors
if self-issued, else as intermediates. Keys are compared, never names alone: a path exists only where each
signature verifies under the next key [RFC 5280 §6.1]. Every path to an anchor is tried until one holds.
Completion from the store works offline; a caller may lend a way to fetch issuers' certificates.
"""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asn1crypto import x509

from signing.algorithms import DEFAULT_ALGORITHMS, AlgorithmPolicy
from signing.anchors import DEFAULT_PURPOSES, KNOWN_ANCHORS, AnchorRule, Purpose, known_anchors, load_rules
from signing.certificates import (
    BROKEN_DER,
    common_name,
    identity,
    is_self_issued,
    load_certificates,
    public_key,
    validity,
)
from signing.crl import RevocationList, lists_of
from signing.errors import UsageError
from signing.issued import is_signed_by, signature_scheme
from signing.messages import Code
from signing.primitives import key_bits
from signing.report import ChainStatus, SubIndication

__all__ = [
    "KNOWN_ANCHORS",
    "PathOutcome",
    "TrustStore",
    "fingerprint",
    "is_signed_by",
    "signature_scheme",
]

MAX_PATH = 8
MAX_SIGNATURES_TRIED = 64
MAX_PATHS_TRIED = 16
MAX_COMPLETIONS = 4
MAX_POOL = 500
CERTIFICATE_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c"})
# Critical extensions that the path check honours; any other makes the path unusable.
UNDERSTOOD = frozenset(
    {"basic_constraints", "key_usage", "extended_key_usage", "certificate_policies", "subject_alt_name"}
)
FetchIssuers = Callable[[x509.Certificate], Sequence[x509.Certificate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOutcome:
    """Where a certificate leads: the path if there is one, else why not.

    `detail` names an old algorithm on a trusted path, or what is wrong. `root` is the self-issued
    certificate at which an untrusted search ended.
    """

    status: ChainStatus
    path: tuple[x509.Certificate, ...] = ()
    code: Code | None = None
    sub: SubIndication | None = None
    detail: str = ""
    root: x509.Certificate | None = None


@dataclass(slots=True)
class _Search:
    pool: Mapping[bytes, list[x509.Certificate]]
    signatures_left: int = MAX_SIGNATURES_TRIED
    deepest: list[x509.Certificate] = field(default_factory=list)


class TrustStore:
    """Anchors, intermediates and revocation lists; immutable once made."""

    def __init__(
        self,
        anchors: Iterable[x509.Certificate] = (),
        *,
        intermediates: Iterable[x509.Certificate] = (),
        crls: Iterable[bytes] = (),
        rules: Mapping[str, AnchorRule] | None = None,
    ) -> None:
        self.anchors = tuple(anchors)
        self.intermediates = tuple(intermediates)
        self.crls = tuple(crls)
        self.rules = dict(rules or {})
        self.lists: tuple[RevocationList, ...] = lists_of(self.crls)
        self._anchors_of: dict[bytes, list[x509.Certificate]] = defaultdict(list)
        for certificate in self.anchors:
            self._anchors_of[_key_of(certificate)].append(certificate)
        self._by_name: dict[bytes, list[x509.Certificate]] = defaultdict(list)
        for certificate in (*self.anchors, *self.intermediates):
            self._by_name[certificate["tbs_certificate"]["subject"].dump()].append(certificate)
        hashed = hashlib.sha256()
        for blob in sorted(c.dump() for c in (*self.anchors, *self.intermediates)) + sorted(self.crls):
            hashed.update(hashlib.sha256(blob).digest())
        hashed.update(str(len(self.anchors)).encode())
        hashed.update(repr(sorted(map(repr, self.rules.values()))).encode())
        # For caches of verdicts: another store, another version.
        self.version = hashed.hexdigest()[:16]

    @classmethod
    def from_folder(cls, folder: Path) -> TrustStore:
        """Read a folder as described above; a file that holds no certificate is a usage error.

        Rules come from the project's list of known anchors, then from `anchors.toml` in the folder, then
        from `anchors.d/*.toml`, where the command line keeps one file per anchor.
        """
        if not folder.is_dir():
            raise UsageError(f"no such trust folder: {folder}", code="trust_folder_missing")
        anchors = list(_certificates_in(folder / "anchors"))
        intermediates = list(_certificates_in(folder / "intermediates"))
        for certificate in _certificates_in(folder):
            (anchors if is_self_issued(certificate) else intermediates).append(certificate)
        lists = sorted((folder / "crls").glob("*.crl")) if (folder / "crls").is_dir() else []
        rules = dict(known_anchors())
        for path in (folder / "anchors.toml", *sorted((folder / "anchors.d").glob("*.toml"))):
            rules |= load_rules(path) if path.is_file() else {}
        return cls(anchors, intermediates=intermediates, crls=[p.read_bytes() for p in lists], rules=rules)

    def is_anchor(self, certificate: x509.Certificate) -> bool:
        """Whether its key and name are an anchor's."""
        return _key_of(certificate) in self._anchors_of

    def rule_of(self, anchor: x509.Certificate) -> AnchorRule | None:
        """The rule of an installed anchor."""
        return self.rules.get(fingerprint(anchor))

    def trusts_responder(self, responder: x509.Certificate) -> bool:
        """Whether the administrator trusts this OCSP responder for any issuer's certificates."""
        rules = (self.rule_of(a) for a in self._anchors_of.get(_key_of(responder), ()))
        return any(r is not None and Purpose.OCSP in r.purposes for r in rules)

    def path(
        self,
        certificate: x509.Certificate,
        *,
        at: datetime,
        others: Iterable[x509.Certificate] = (),
        algorithms: AlgorithmPolicy = DEFAULT_ALGORITHMS,
        purpose: Purpose = Purpose.DOCUMENT,
        used: datetime | None = None,
        fetch: FetchIssuers | None = None,
    ) -> PathOutcome:
        """The first path from `certificate` to an anchor that holds at the moment `at`.

        `used` is the time of use where it differs from the time to which validity is proven: the anchor's
        own dates are judged by it. `fetch` gives issuers' certificates that are not at hand.
        """
        extra = list(others)[:MAX_POOL]
        check = functools.partial(self._check, at=at, algorithms=algorithms, purpose=purpose, used=used or at)
        for _ in range(MAX_COMPLETIONS):
            search = _Search(pool=self._pool(extra), deepest=[certificate])
            outcome = self._first(certificate, search, check)
            if outcome is not None:
                return outcome
            last = search.deepest[-1]
            fetched = () if fetch is None or is_self_issued(last) else fetch(last)
            at_hand = {c.dump() for c in extra}
            new = [c for c in fetched if c.dump() not in at_hand]
            if not new:
                break
            extra += new
        return _no_path(search.deepest[-1])

    def _first(
        self,
        certificate: x509.Certificate,
        search: _Search,
        check: Callable[[list[x509.Certificate]], PathOutcome],
    ) -> PathOutcome | None:
        """The first path that holds, else what is wrong with the first one; None if there is none."""
        first: PathOutcome | None = None
        for number, path in enumerate(self._paths([certificate], search), start=1):
            outcome = check(path)
            if outcome.status is ChainStatus.TRUSTED:
                return outcome
            first = first or outcome
            if number >= MAX_PATHS_TRIED:
                break
        return first

    def _check(
        self,
        path: list[x509.Certificate],
        *,
        at: datetime,
        algorithms: AlgorithmPolicy,
        purpose: Purpose,
        used: datetime,
    ) -> PathOutcome:
        rule = self.rule_of(path[-1])
        problem = _check_path(path, at, algorithms, rule) or _check_rule(path[-1], rule, used, purpose)
        if problem is not None:
            return problem
        old = next((w for c in path[:-1] if (w := _weakness(c, algorithms))), "")
        return PathOutcome(status=ChainStatus.TRUSTED, path=tuple(path), detail=old)

    def _pool(self, extra: Iterable[x509.Certificate]) -> Mapping[bytes, list[x509.Certificate]]:
        by_name = dict(self._by_name)
        for certificate in extra:
            name = identity(certificate).subject
            by_name[name] = [*by_name.get(name, ()), certificate]
        return by_name

    def _paths(self, path: list[x509.Certificate], search: _Search) -> Iterator[list[x509.Certificate]]:
        installed = self._anchors_of.get(_key_of(path[-1]), ())
        for anchor in installed:
            # The installed certificate, not the file's: its dates and its rule count.
            yield [*path[:-1], anchor]
        if installed or len(path) >= MAX_PATH or is_self_issued(path[-1]):
            return
        for issuer in _issuers(path[-1], search.pool):
            if issuer in path or search.signatures_left <= 0:
                continue
            search.signatures_left -= 1
            if not is_signed_by(path[-1], issuer):
                continue
            longer = [*path, issuer]
            if len(longer) > len(search.deepest):
                search.deepest = longer
            yield from self._paths(longer, search)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, lower-case hex."""
    return hashlib.sha256(identity(certificate).der).hexdigest()


def _certificates_in(folder: Path) -> Iterator[x509.Certificate]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in CERTIFICATE_SUFFIXES or not path.is_file():
            continue
        found = load_certificates(path.read_bytes())
        if not found:
            raise UsageError(f"no certificate in {path}", code="trust_file_unreadable")
        yield from found


def _key_of(certificate: x509.Certificate) -> bytes:
    known = identity(certificate)
    return hashlib.sha256(known.subject + known.public).digest()


def _issuers(
    certificate: x509.Certificate, pool: Mapping[bytes, list[x509.Certificate]]
) -> Iterator[x509.Certificate]:
    issuer = certificate["tbs_certificate"]["issuer"]
    exact = pool.get(identity(certificate).issuer)
    if exact is not None:
        yield from exact
        return
    for candidates in pool.values():
        # Comparing names by their meaning [RFC 5280 §7.1] is slow; encoders rarely differ.
        try:
            if candidates[0]["tbs_certificate"]["subject"] == issuer:
                yield from candidates
        except BROKEN_DER:
            continue


def _no_path(last: x509.Certificate) -> PathOutcome:
    """Tell a missing intermediate from a root that is nobody's business of ours."""
    if is_self_issued(last):
        code, detail = Code.CHAIN_UNTRUSTED, common_name(last)
    else:
        issuer = x509.Name.load(last["tbs_certificate"]["issuer"].dump())
        code, detail = Code.CHAIN_INTERMEDIATE_MISSING, _issuer_name(issuer)
    return PathOutcome(
        status=ChainStatus.UNTRUSTED,
        code=code,
        sub=SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        detail=detail,
        root=last if code is Code.CHAIN_UNTRUSTED else None,
    )


def _issuer_name(name: x509.Name) -> str:
    try:
        native = name.native
        return str(native.get("common_name") or native.get("organization_name") or "?")
    except BROKEN_DER:
        return "?"


def _check_rule(
    anchor: x509.Certificate, rule: AnchorRule | None, used: datetime, purpose: Purpose
) -> PathOutcome | None:
    """Whether the anchor may be used for this, at that time."""
    name = rule.name if rule is not None else common_name(anchor)
    sub = SubIndication.CHAIN_CONSTRAINTS_FAILURE
    if purpose not in (rule.purposes if rule is not None else DEFAULT_PURPOSES):
        return _bad(Code.CHAIN_PURPOSE, sub, f"{name}: {purpose.value}")
    if rule is None:
        return None
    if (rule.since is not None and used < rule.since) or (rule.until is not None and used > rule.until):
        return _bad(Code.CHAIN_CLOSED, sub, f"{name}: {used.date().isoformat()}")
    return None


def _check_path(
    path: list[x509.Certificate], at: datetime, algorithms: AlgorithmPolicy, rule: AnchorRule | None
) -> PathOutcome | None:
    """Dates, constraints, usages and algorithms along a path whose signatures hold; None if all is well."""
    for place, certificate in enumerate(path):
        not_before, not_after = validity(certificate)
        if not_before is None or not_after is None:
            return _bad(Code.CHAIN_BROKEN, SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "validity")
        if place and (at < not_before or at > not_after):
            return _bad(Code.CHAIN_BROKEN, SubIndication.OUT_OF_BOUNDS_NO_POE, common_name(certificate))
        problem = _critical_problem(certificate) or (_ca_problem(certificate, place) if place else None)
        if problem:
            return _bad(Code.CHAIN_BROKEN, SubIndication.CHAIN_CONSTRAINTS_FAILURE, problem)
    for certificate in path[:-1]:
        weak = _weakness(certificate, algorithms)
        if weak and not _is_tolerated(weak, at, algorithms, rule):
            return _bad(Code.ALGORITHM_OLD, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, weak)
    return None


def _is_tolerated(weak: str, at: datetime, algorithms: AlgorithmPolicy, rule: AnchorRule | None) -> bool:
    """SHA-1 until the anchor's day, short RSA keys until the policy's."""
    if weak.endswith("/SHA1"):
        return rule is not None and rule.sha1_until is not None and at <= rule.sha1_until
    kind, _, bits = weak.partition("-")
    if kind != "RSA" or not bits.isdigit():
        return False
    return int(bits) >= algorithms.shortest_rsa_bits and algorithms.accepted("rsa", at)


def _bad(code: Code, sub: SubIndication, detail: str) -> PathOutcome:
    return PathOutcome(status=ChainStatus.UNTRUSTED, code=code, sub=sub, detail=detail)


def _critical_problem(certificate: x509.Certificate) -> str | None:
    try:
        for extension in certificate["tbs_certificate"]["extensions"]:
            name = str(extension["extn_id"].native)
            if extension["critical"].native and name not in UNDERSTOOD:
                return f"critical extension {name}"
    except BROKEN_DER:
        return "extensions"
    return None


def _ca_problem(certificate: x509.Certificate, place: int) -> str | None:
    try:
        constraints = certificate.basic_constraints_value
        usage = certificate.key_usage_value
        if constraints is None:
            version = certificate["tbs_certificate"]["version"].native
            return None if version == "v1" and is_self_issued(certificate) else "basicConstraints"
        limit = constraints["path_len_constraint"].native
        if not constraints["ca"].native:
            return "basicConstraints"
        if limit is not None and int(limit) < place - 1:
            return "pathLenConstraint"
        if usage is not None and "key_cert_sign" not in usage.native:
            return "keyUsage"
    except BROKEN_DER:
        return "extensions"
    return None


def _weakness(certificate: x509.Certificate, algorithms: AlgorithmPolicy) -> str | None:
    scheme, key = signature_scheme(certificate["signature_algorithm"]), public_key(certificate)
    if scheme is None or key is None:
        return "?"
    if scheme.digest in algorithms.broken_digests | algorithms.old_digests:
        return str(scheme)
    kind, bits = key_bits(key)
    return f"{kind}-{bits}" if kind == "RSA" and bits < algorithms.minimum_rsa_bits else None

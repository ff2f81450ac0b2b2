"""Whom we trust: anchors by file, and paths from a certificate to one of them.

A store is a folder: certificates under `anchors/` are trusted, those under `intermediates/` only complete
paths, lists under `crls/` answer for revocation; certificates lying in the folder itself count as anchors
if self-issued, else as intermediates. Keys are compared, never names alone: a path exists only where each
signature verifies under the next key [RFC 5280 §6.1]. Nothing is fetched here; completion from the store
works offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asn1crypto import x509

from signing.algorithms import DEFAULT_ALGORITHMS, DIGEST_OIDS, SIGNATURE_OIDS, AlgorithmPolicy
from signing.anchors import AnchorRule, Purpose, load_rules
from signing.certificates import (
    BROKEN_DER,
    common_name,
    is_self_issued,
    load_certificates,
    public_key,
    validity,
)
from signing.errors import UsageError
from signing.messages import Code
from signing.primitives import Scheme, key_bits, value_matches
from signing.report import ChainStatus, SubIndication

KNOWN_ANCHORS = Path(__file__).parents[1] / "certs" / "known-anchors.toml"
MAX_PATH = 8
MAX_SIGNATURES_TRIED = 64
CERTIFICATE_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c"})
# Critical extensions that the path check honours; any other makes the path unusable.
UNDERSTOOD = frozenset(
    {"basic_constraints", "key_usage", "extended_key_usage", "certificate_policies", "subject_alt_name"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOutcome:
    """Where a certificate leads: the path if there is one, else why not."""

    status: ChainStatus
    path: tuple[x509.Certificate, ...] = ()
    code: Code | None = None
    sub: SubIndication | None = None
    detail: str = ""


@dataclass(slots=True)
class _Search:
    signatures_left: int = MAX_SIGNATURES_TRIED
    deepest: list[x509.Certificate] = field(default_factory=list)
    problem: PathOutcome | None = None


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
        self._anchor_keys = {_key_of(c) for c in self.anchors}
        hashed = hashlib.sha256()
        for blob in sorted(c.dump() for c in (*self.anchors, *self.intermediates)) + sorted(self.crls):
            hashed.update(hashlib.sha256(blob).digest())
        hashed.update(repr(sorted(map(repr, self.rules.values()))).encode())
        self.version = hashed.hexdigest()[:16]

    @classmethod
    def from_folder(cls, folder: Path) -> TrustStore:
        """Read a folder as described above; a file that holds no certificate is a usage error.

        Rules come from the project's list of known anchors, then from `anchors.toml` in the folder.
        """
        if not folder.is_dir():
            raise UsageError(f"no such trust folder: {folder}", code="trust_folder_missing")
        anchors = list(_certificates_in(folder / "anchors"))
        intermediates = list(_certificates_in(folder / "intermediates"))
        for certificate in _certificates_in(folder):
            (anchors if is_self_issued(certificate) else intermediates).append(certificate)
        lists = sorted((folder / "crls").glob("*.crl")) if (folder / "crls").is_dir() else []
        rules: dict[str, AnchorRule] = {}
        for path in (KNOWN_ANCHORS, folder / "anchors.toml"):
            rules |= load_rules(path) if path.is_file() else {}
        return cls(anchors, intermediates=intermediates, crls=[p.read_bytes() for p in lists], rules=rules)

    def is_anchor(self, certificate: x509.Certificate) -> bool:
        """Whether its key and name are an anchor's."""
        return _key_of(certificate) in self._anchor_keys

    def path(
        self,
        certificate: x509.Certificate,
        *,
        at: datetime,
        others: Iterable[x509.Certificate] = (),
        algorithms: AlgorithmPolicy = DEFAULT_ALGORITHMS,
        purpose: Purpose = Purpose.DOCUMENT,
    ) -> PathOutcome:
        """The first path from `certificate` to an anchor that holds at the moment `at`."""
        pool = [*self.anchors, *self.intermediates, *others]
        search = _Search(deepest=[certificate])
        found = self._extend([certificate], pool, search)
        if found is None:
            return search.problem or _no_path(search.deepest[-1])
        rule = self.rules.get(hashlib.sha256(found[-1].dump()).hexdigest())
        problem = _check_path(found, at, algorithms, rule) or _check_rule(rule, at, purpose)
        if problem is not None:
            return problem
        old = next((w for c in found[:-1] if (w := _weakness(c, algorithms))), "")
        return PathOutcome(status=ChainStatus.TRUSTED, path=tuple(found), detail=old)

    def _extend(
        self, path: list[x509.Certificate], pool: list[x509.Certificate], search: _Search
    ) -> list[x509.Certificate] | None:
        if self.is_anchor(path[-1]):
            return path
        if len(path) >= MAX_PATH or is_self_issued(path[-1]):
            return None
        for issuer in _issuers(path[-1], pool):
            if issuer in path or search.signatures_left <= 0:
                continue
            search.signatures_left -= 1
            if not is_signed_by(path[-1], issuer):
                continue
            longer = [*path, issuer]
            if len(longer) > len(search.deepest):
                search.deepest = longer
            found = self._extend(longer, pool, search)
            if found is not None:
                return found
        return None


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
    tbs = certificate["tbs_certificate"]
    named = tbs["subject"].dump() + tbs["subject_public_key_info"].dump()
    return hashlib.sha256(named).digest()


def _issuers(certificate: x509.Certificate, pool: list[x509.Certificate]) -> Iterator[x509.Certificate]:
    issuer = certificate["tbs_certificate"]["issuer"]
    wanted = issuer.dump()
    exact = [c for c in pool if c["tbs_certificate"]["subject"].dump() == wanted]
    yield from exact
    for candidate in pool if not exact else ():
        # Comparing names by their meaning [RFC 5280 §7.1] is slow; encoders rarely differ.
        try:
            if candidate["tbs_certificate"]["subject"] == issuer:
                yield candidate
        except BROKEN_DER:
            continue


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the certificate's signature verifies under the issuer's key."""
    scheme, key = signature_scheme(certificate["signature_algorithm"]), public_key(issuer)
    if scheme is None or key is None:
        return False
    value = bytes(certificate["signature_value"].native)
    return value_matches(key, scheme, value, certificate["tbs_certificate"].dump()) is True


def signature_scheme(algorithm: x509.SignedDigestAlgorithm) -> Scheme | None:
    """The scheme by which a certificate, CRL or OCSP response is signed."""
    try:
        known = SIGNATURE_OIDS.get(algorithm["algorithm"].dotted)
        if known is None:
            return None
        name, digest_name = known
        if name != "rsa-pss":
            return Scheme(name=name, digest=digest_name or "")
        parameters = algorithm["parameters"]
        mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].dotted
        return Scheme(
            name=name,
            digest=DIGEST_OIDS.get(parameters["hash_algorithm"]["algorithm"].dotted, ""),
            mgf_digest=DIGEST_OIDS.get(mask),
            salt_length=int(parameters["salt_length"].native),
        )
    except BROKEN_DER:
        return None


def _no_path(last: x509.Certificate) -> PathOutcome:
    """Tell a missing intermediate from a root that is nobody's business of ours."""
    if is_self_issued(last):
        code, detail = Code.CHAIN_UNTRUSTED, common_name(last)
    else:
        issuer = x509.Name.load(last["tbs_certificate"]["issuer"].dump())
        code, detail = Code.CHAIN_INTERMEDIATE_MISSING, _issuer_name(issuer)
    return PathOutcome(
        status=ChainStatus.UNTRUSTED, code=code, sub=SubIndication.NO_CERTIFICATE_CHAIN_FOUND, detail=detail
    )


def _issuer_name(name: x509.Name) -> str:
    try:
        native = name.native
        return str(native.get("common_name") or native.get("organization_name") or "?")
    except BROKEN_DER:
        return "?"


def _check_rule(rule: AnchorRule | None, at: datetime, purpose: Purpose) -> PathOutcome | None:
    """Whether the anchor may be used for this, at that time."""
    if rule is None:
        return None
    sub = SubIndication.CHAIN_CONSTRAINTS_FAILURE
    if purpose not in rule.purposes:
        return _bad(Code.CHAIN_BROKEN, sub, f"{rule.name}: {purpose.value}")
    if (rule.since is not None and at < rule.since) or (rule.until is not None and at > rule.until):
        return _bad(Code.CHAIN_BROKEN, sub, f"{rule.name}: {at.date().isoformat()}")
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
        tolerated = rule is not None and rule.sha1_until is not None and at <= rule.sha1_until
        if weak and not (tolerated and weak.endswith("/SHA1")):
            return _bad(Code.ALGORITHM_OLD, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, weak)
    return None


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

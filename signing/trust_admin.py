"""Keeping a trust folder: what is in it, what may come in, what is wrong with it.

    <folder>/anchors/<fingerprint>.crt      one certificate, DER
             anchors.d/<fingerprint>.toml   what it is trusted for
             intermediates/<fingerprint>.crt
             removed/                       certificates taken out, kept for whoever asks later

Files appear by rename. Keys are refused, so are certificates of persons and organisations: a signer is
trusted through an authority. Old roots are not taken out but closed by a date, so that old letters stay
verifiable.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from asn1crypto import x509

from signing.anchors import DEFAULT_PURPOSES, AnchorRule, Purpose, known_anchors
from signing.certificates import (
    BROKEN_DER,
    common_name,
    is_self_issued,
    load_certificates,
    public_key,
    validity,
)
from signing.errors import UsageError
from signing.issued import is_signed_by, signature_scheme
from signing.primitives import key_bits
from signing.trust import TrustStore, fingerprint

MAX_FILE: Final = 1024 * 1024
SOON: Final = timedelta(days=180)
_KEY_MARKS: Final = (b"PRIVATE KEY", b"PKCS12")
_NOT_PLAIN: Final = re.compile(r'[\x00-\x1f"\\]')


class Kind(StrEnum):
    """What a certificate is in a trust store."""

    ROOT = "root"
    INTERMEDIATE = "intermediate"
    RESPONDER = "responder"
    HOLDER = "holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A certificate as an administrator should see it before trusting it."""

    certificate: x509.Certificate
    kind: Kind
    name: str
    sha256: str
    not_before: datetime | None
    not_after: datetime | None
    key: str
    signature: str
    known: AnchorRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an anchor is to be trusted for; None leaves it as the project's list has it."""

    purposes: frozenset[Purpose] | None = None
    since: date | None = None
    until: date | None = None
    sha1_until: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return self == Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to look at in a folder; `grave` needs an action."""

    code: str
    name: str
    detail: str
    grave: bool = False


def read(path: Path) -> list[Shown]:
    """The certificates of a file.

    Raises:
        UsageError: no such file, a private key, no certificate.
    """
    try:
        with path.open("rb") as file:
            blob = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", code="trust_file_unreadable") from error
    if any(mark in blob for mark in _KEY_MARKS) or path.suffix.lower() in {".p12", ".pfx", ".key"}:
        raise UsageError(f"{path} holds a private key", code="trust_file_key")
    try:
        found = load_certificates(blob) if len(blob) <= MAX_FILE else []
    except BROKEN_DER:
        found = []
    if not found:
        raise UsageError(f"no certificate in {path}", code="trust_file_unreadable")
    return [show(c) for c in found]


def show(certificate: x509.Certificate) -> Shown:
    """What one certificate is."""
    key, (since, until) = public_key(certificate), validity(certificate)
    sha256 = fingerprint(certificate)
    return Shown(
        certificate=certificate,
        kind=_kind(certificate),
        name=common_name(certificate),
        sha256=sha256,
        not_before=since,
        not_after=until,
        key="-".join(map(str, key_bits(key))) if key is not None else "?",
        signature=str(signature_scheme(certificate["signature_algorithm"]) or "?"),
        known=known_anchors().get(sha256),
    )


def _kind(certificate: x509.Certificate) -> Kind:
    try:
        usage = certificate.extended_key_usage_value
        if usage is not None and "ocsp_signing" in usage.native:
            return Kind.RESPONDER
        constraints = certificate.basic_constraints_value
        is_ca = bool(constraints["ca"].native) if constraints is not None else False
    except BROKEN_DER:
        return Kind.HOLDER
    if is_self_issued(certificate):
        old_root = constraints is None and certificate["tbs_certificate"]["version"].native == "v1"
        return Kind.ROOT if is_ca or old_root else Kind.HOLDER
    return Kind.INTERMEDIATE if is_ca else Kind.HOLDER


def check_addable(shown: Shown, limits: Limits) -> None:
    """Refuse what `add` would refuse, before anything is written.

    Raises:
        UsageError: a holder's certificate, a root that did not sign itself, limits on an intermediate, a
            responder without its purpose, dates in the wrong order.
    """
    if shown.kind is Kind.HOLDER:
        raise UsageError(f"{shown.name} is no certification authority", code="trust_not_an_authority")
    if shown.kind is Kind.ROOT and not is_signed_by(shown.certificate, shown.certificate):
        raise UsageError(f"{shown.name}: its own signature is wrong", code="trust_signature_wrong")
    if shown.kind is Kind.INTERMEDIATE:
        if not limits.is_empty:
            raise UsageError("purposes and dates are those of the root", code="trust_limits_on_intermediate")
    elif shown.kind is Kind.RESPONDER:
        if limits.purposes != frozenset({Purpose.OCSP}):
            raise UsageError("an OCSP responder needs --purpose ocsp", code="trust_responder")
    elif limits.purposes is not None and Purpose.OCSP in limits.purposes:
        raise UsageError("--purpose ocsp is for the responder's own certificate", code="trust_responder")
    _refuse_dates(limits)


def add(folder: Path, shown: Shown, limits: Limits) -> Path:
    """Install one certificate, and what it is trusted for. Raises `UsageError` as `check_addable` does."""
    check_addable(shown, limits)
    if shown.kind is Kind.INTERMEDIATE:
        return _put(folder / "intermediates" / f"{shown.sha256}.crt", shown.certificate.dump())
    if not limits.is_empty:
        limit(folder, shown, limits)
    return _put(folder / "anchors" / f"{shown.sha256}.crt", shown.certificate.dump())


def _refuse_dates(limits: Limits) -> None:
    if limits.since is not None and limits.until is not None and limits.since > limits.until:
        raise UsageError("--from is after --until", code="trust_dates")


def limit(folder: Path, shown: Shown, limits: Limits) -> Path:
    """Say anew what an anchor is trusted for.

    Raises:
        UsageError: dates in the wrong order.
    """
    _refuse_dates(limits)
    known = shown.known
    purposes = limits.purposes or (known.purposes if known is not None else DEFAULT_PURPOSES)
    lines = [
        "[[anchor]]",
        f'name = "{_NOT_PLAIN.sub(" ", shown.name)}"',
        f'sha256 = "{shown.sha256}"',
        f"purposes = [{', '.join(sorted(chr(34) + p.value + chr(34) for p in purposes))}]",
    ]
    for field, given, listed in (
        ("from", limits.since, known.since if known else None),
        ("until", limits.until, known.until if known else None),
        ("sha1_until", limits.sha1_until, known.sha1_until if known else None),
    ):
        day = given or (listed.date() if listed is not None else None)
        if day is not None:
            lines.append(f"{field} = {day.isoformat()}")
    return _put(folder / "anchors.d" / f"{shown.sha256}.toml", ("\n".join(lines) + "\n").encode())


def remove(folder: Path, start: str) -> list[Path]:
    """Take certificates out, by the start of their fingerprint; they are kept in `removed/`.

    Raises:
        UsageError: none, or several different ones, begin so.
    """
    wanted = start.replace(":", "").replace(" ", "").lower()
    found: list[tuple[Path, Shown]] = []
    for part in ("anchors", "intermediates", ""):
        for path in sorted((folder / part).iterdir()) if (folder / part).is_dir() else ():
            found += [(path, s) for s in _certificates(path) if s.sha256.startswith(wanted)]
    if not wanted or len({s.sha256 for _, s in found}) != 1:
        raise UsageError(f"{len(found)} certificates begin with {start}", code="trust_which")
    if any(len(_certificates(path)) > 1 for path, _ in found):
        raise UsageError("the file holds several certificates: edit it", code="trust_several_in_file")
    moved = []
    for path, _ in found:
        place = folder / "removed" / path.name
        place.parent.mkdir(exist_ok=True)
        moved.append(path.replace(place))
    (folder / "anchors.d" / f"{found[0][1].sha256}.toml").unlink(missing_ok=True)
    return moved


def _certificates(path: Path) -> list[Shown]:
    if not path.is_file() or path.suffix.lower() in {".toml", ".crl"}:
        return []
    try:
        return [show(c) for c in load_certificates(path.read_bytes())]
    except OSError:
        return []


def check(store: TrustStore, now: datetime) -> list[Problem]:
    """What an administrator should look at."""
    problems: list[Problem] = []
    if not store.anchors:
        problems.append(Problem(code="no_anchor", name="", detail="", grave=True))
    for certificate in store.anchors:
        problems += _anchor_problems(store, certificate, now)
    for certificate in store.intermediates:
        problems += _date_problems(certificate, now)
        # As of its own time: one that has expired still completes the paths of old signatures.
        moment = min(now, validity(certificate)[1] or now)
        if not store.path(certificate, at=moment).path:
            problems.append(Problem(code="no_root", name=common_name(certificate), detail=""))
    for place, held in enumerate(store.lists, start=1):
        following = held.times()[1]
        if following is not None and following < now:
            problems.append(
                Problem(code="list_old", name=f"crls/ {place}", detail=following.date().isoformat())
            )
    return problems


def _anchor_problems(store: TrustStore, certificate: x509.Certificate, now: datetime) -> list[Problem]:
    shown, name = show(certificate), common_name(certificate)
    problems = _date_problems(certificate, now)
    if shown.known is None:
        problems.append(Problem(code="unknown_anchor", name=name, detail=shown.sha256))
    if shown.kind is Kind.HOLDER:
        problems.append(Problem(code="not_an_authority", name=name, detail=shown.sha256, grave=True))
    rule = store.rule_of(certificate)
    if rule is not None and rule.until is not None and rule.until < now:
        problems.append(Problem(code="closed", name=name, detail=rule.until.date().isoformat()))
    return problems


def _date_problems(certificate: x509.Certificate, now: datetime) -> list[Problem]:
    _, until = validity(certificate)
    name = common_name(certificate)
    if until is None:
        return [Problem(code="unreadable", name=name, detail="", grave=True)]
    day = until.date().isoformat()
    if until < now:
        return [Problem(code="expired", name=name, detail=day)]
    return [Problem(code="expires_soon", name=name, detail=day, grave=True)] if until < now + SOON else []


def _put(path: Path, blob: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with draft.open("wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
